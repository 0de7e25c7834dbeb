import dataclasses

import cv2
import numpy as np
import pytest

from keras_sketch.data import open_dataset
from keras_sketch.data.crops import large_side, several_views, view_boxes


@pytest.mark.parametrize(("side", "large"), [(224, 256), (28, 32), (299, 342), (1, 1)])
def test_the_larger_reading(side, large):
    assert large_side(side) == large


def test_boxes_of_the_published_geometry():
    boxes = view_boxes(224) * 256
    expected = [[0, 0, 256, 256], [0, 0, 224, 224], [0, 32, 224, 256], [32, 0, 256, 224], [32, 32, 256, 256]]
    np.testing.assert_array_equal(boxes, [*expected, [16, 16, 240, 240]])


@pytest.mark.parametrize("side", [1, 5, 28, 33, 96, 500])
def test_boxes_lie_in_the_picture_and_have_the_networks_size(side):
    boxes = view_boxes(side)
    assert boxes.min() >= 0 and boxes.max() <= 1
    sides = (boxes[1:, 2:] - boxes[1:, :2]) * large_side(side)
    np.testing.assert_allclose(sides, side)


@pytest.mark.parametrize("side", [28, 21, 64])
def test_views_are_the_evaluations_image_and_crops_of_a_larger_one(dataset, side):
    test = dataclasses.replace(dataset.splits["test"], side=side)
    large = dataclasses.replace(test, side=large_side(side))
    views = np.concatenate([batch.numpy() for batch in several_views(test, 4)])
    assert views.shape == (test.num_examples, 6, side, side, 1) and views.dtype == np.uint8
    whole = np.concatenate([images for images, _ in test.evaluation(5)])
    np.testing.assert_array_equal(views[:, 0], whole)
    enlarged = np.concatenate([images for images, _ in large.evaluation(5)])
    for view, box in zip(views[:, 1:].swapaxes(0, 1), view_boxes(side)[1:], strict=True):
        top, left, bottom, right = np.rint(box * large.side).astype(int)
        np.testing.assert_array_equal(view, enlarged[:, top:bottom, left:right])


@pytest.mark.parametrize("resize", ["pad", "stretch", "crop"])
def test_views_of_images_that_are_not_square_show_one_picture(tmp_path, resize):
    across = np.linspace(0, 255, 60)[None, :, None].repeat(3, axis=-1)
    for name in ("a", "b"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(30):
            image = np.full((30, 60, 3), number, "uint8") // 4 + across.astype("uint8") // 2
            cv2.imwrite(str(tmp_path / "images" / name / f"{number}.png"), image)
    data = open_dataset(
        "folder", image_size=84, data_dir=tmp_path / "data", manual_dir=tmp_path / "images", resize=resize
    )
    views = np.concatenate([batch.numpy() for batch in several_views(data.splits["test"], 4)]).astype(float)
    assert views.shape[1:] == (6, 84, 84, 3)
    for box, view in zip(view_boxes(84)[1:], views[:, 1:].swapaxes(0, 1), strict=True):
        # The whole picture, cut where the box says and enlarged, looks like the crop.
        top, left, bottom, right = np.rint(box * 84).astype(int)
        shown = [cv2.resize(image, (84, 84)) for image in views[:, 0, top:bottom, left:right]]
        assert np.abs(np.array(shown) - view).mean() < 4
