import dataclasses
import math

import cv2
import numpy as np
import pytest
import tensorflow as tf

from keras_sketch.data.augmentation import UNIFORM_DRAWS, augment, change_thickness, draw, erase, mix
from keras_sketch.data.warping import output_to_input, warp
from keras_sketch.recipes import Augmentation


def picture(side=32):
    image = np.zeros((side, side, 1), "uint8")
    cv2.ellipse(image, (15, 12), (9, 5), 20, 0, 360, 255, 2)
    cv2.line(image, (4, 27), (26, 18), 180, 2)
    return image


def warped(augmentation, **changes):
    """The picture with every draw in the middle of its range but those given."""
    draws = {name: np.full((1, count), 0.5, "float32") for name, count in UNIFORM_DRAWS.items()}
    for name, value in changes.items():
        draws[name][0] = value
    return warp(picture()[None].astype("float32"), draws, augmentation).numpy()[0]


def by_opencv(matrix):
    """Warps with OpenCV: `matrix` maps input to output, about the centre of the pixel grid."""
    centre = np.array([15.5, 15.5])
    offset = centre - matrix @ centre
    full = np.hstack([matrix, offset[:, None]])
    return cv2.warpAffine(picture().astype("float32"), full, (32, 32), flags=cv2.INTER_LINEAR)[..., None]


def test_no_augmentation_changes_nothing():
    images, labels = augment(picture()[None], tf.constant([1]), {}, Augmentation(), num_classes=2)
    np.testing.assert_array_equal(images[0], picture())
    np.testing.assert_array_equal(labels, [1])
    np.testing.assert_allclose(warped(Augmentation()), picture(), atol=1e-3)


def test_flip_mirrors_with_its_probability():
    np.testing.assert_allclose(warped(Augmentation(flip=0.5), flip=0.49), picture()[:, ::-1], atol=1e-3)
    np.testing.assert_allclose(warped(Augmentation(flip=0.5), flip=0.51), picture(), atol=1e-3)


def test_shift_moves_by_a_share_of_the_size():
    moved = warped(Augmentation(shift=0.25), shift=[1.0, 0.5])
    np.testing.assert_allclose(moved[:, 8:], picture()[:, :-8], atol=1e-3)
    assert (moved[:, :8] == 0).all()
    np.testing.assert_allclose(warped(Augmentation(shift=0.25), shift=[0.5, 1.0])[8:], picture()[:-8], atol=1e-3)


@pytest.mark.parametrize("elastic", [0.0, 1e-9])
@pytest.mark.parametrize(
    ("augmentation", "draws", "matrix"),
    [
        (Augmentation(rotation=30), {"rotation": 1.0}, [[0.8660254, -0.5], [0.5, 0.8660254]]),
        (Augmentation(shear=20), {"shear": 1.0}, [[1, np.tan(np.radians(20))], [0, 1]]),
        (Augmentation(zoom=(0.8, 1.25)), {"zoom": 0.0}, [[0.8, 0], [0, 0.8]]),
        (Augmentation(aspect=math.log(1.25)), {"aspect": 1.0}, [[1.25, 0], [0, 1]]),
    ],
)
def test_each_parameter_warps_as_opencv_does(augmentation, draws, matrix, elastic):
    """With an elastic part of no size, the warp that takes one must do the same."""
    found = warped(dataclasses.replace(augmentation, elastic=elastic), **draws)
    difference = np.abs(found - by_opencv(np.array(matrix)))
    # OpenCV rounds coordinates to 1/32 pixel.
    assert difference.max() < 20
    assert difference.mean() < 1.0


def test_the_whole_warp_is_the_product_of_its_parts():
    augmentation = Augmentation(rotation=30, shear=20, zoom=(0.5, 1.5), aspect=0.3, shift=0.2, flip=1.0)
    random = np.random.default_rng(0)
    draws = {name: random.uniform(size=(5, count)).astype("float32") for name, count in UNIFORM_DRAWS.items()}
    for row, found in enumerate(output_to_input(draws, augmentation, 32, 32).numpy()):
        one = {name: value[row] for name, value in draws.items()}
        angle, shear = np.radians((2 * one["rotation"][0] - 1) * 30), np.radians((2 * one["shear"][0] - 1) * 20)
        zoom = 0.5 * 3 ** one["zoom"][0]
        wider = np.exp((2 * one["aspect"][0] - 1) * 0.3)
        rotate = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        forward = rotate @ [[1, np.tan(shear)], [0, 1]] @ np.diag([zoom * wider, zoom]) @ np.diag([-1, 1])
        point = np.array([3.0, 20.0])
        output = forward @ (point - 15.5) + 15.5 + (2 * one["shift"] - 1) * 0.2 * 32
        back = [found[:2] @ output + found[2], found[3:5] @ output + found[5]]
        np.testing.assert_allclose(back, point, atol=1e-4)


@pytest.mark.parametrize("elastic", [0.0, 1e-9])
def test_fill_is_what_comes_in_at_the_border(elastic):
    moved = warped(Augmentation(shift=0.25, fill=200, elastic=elastic), shift=[1.0, 0.5])
    np.testing.assert_allclose(moved[:, :7], 200, atol=1e-3)


def test_elastic_moves_ink_smoothly_and_by_its_size():
    ramp = np.tile(np.arange(64, dtype="float32"), (400, 64, 1))[..., None]
    draws = {name: np.full((400, count), 0.5, "float32") for name, count in UNIFORM_DRAWS.items()}
    draws["elastic"] = np.random.default_rng(0).uniform(size=(400, 32)).astype("float32")
    moved = warp(ramp, draws, Augmentation(elastic=0.02)).numpy()
    difference = (moved - ramp)[:, 16:48, 16:48, 0]
    assert difference.std() == pytest.approx(0.02 * 64, rel=0.35)
    assert np.abs(np.diff(difference, axis=2)).max() < 1


def test_thickness_adds_and_takes_ink():
    images = np.zeros((3, 9, 9, 1), "float32")
    images[:, 2:7, 4] = 255
    images[:, 2:7, 5] = 100
    ink = change_thickness(images, np.array([[1, 0], [0, 0], [1, 0.9]], "float32"), 0.5).numpy().sum(axis=(1, 2, 3))
    before = images[0].sum()
    assert ink[0] > before and ink[1] < before and ink[2] == before


def test_erase_covers_one_rectangle_of_paper():
    images = np.full((2, 50, 40, 1), 9, "float32")
    found = erase(images, np.array([[0.5, 0.5, 1, 0, 0.1], [0.5, 0.5, 1, 0, 0.9]], "float32"), 0.5, 200).numpy()
    rows, columns = np.nonzero(found[0, ..., 0] == 200)
    assert np.ptp(rows) + 1 == pytest.approx(0.36 * 50, abs=1)
    assert np.ptp(columns) + 1 == pytest.approx(0.1 * 40, abs=1)
    assert len(rows) == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
    assert (found[1] == 9).all()


def test_mix_blends_pixels_and_labels_alike():
    images = np.stack([np.full((2, 2, 1), value, "float32") for value in (0.0, 100.0)])
    draws, share = np.array([[0.1], [0.9]], "float32"), np.array([[0.3], [0.3]], "float32")
    pixels, targets = mix(images, np.eye(2, dtype="float32"), draws, share)
    np.testing.assert_allclose(pixels[:, 0, 0, 0], [30, 100], rtol=1e-5)
    np.testing.assert_allclose(targets, [[0.7, 0.3], [0, 1]], rtol=1e-5)


def test_draws_depend_on_seed_epoch_and_index_alone():
    augmentation = Augmentation(mix=0.2)

    def one(seed, epoch, index):
        draws = draw(seed, tf.constant(epoch, tf.int64), tf.constant(index, tf.int64), augmentation)
        return np.concatenate([draws[name] for name in (*UNIFORM_DRAWS, "share")])

    np.testing.assert_array_equal(one(1, 2, 3), one(1, 2, 3))
    for other in (one(2, 2, 3), one(1, 3, 3), one(1, 2, 4), one(1, 3, 2)):
        assert (one(1, 2, 3) != other).all()
    many = np.stack([one(0, 0, index) for index in range(300)])
    assert many.min() >= 0 and many.max() <= 1 and np.isfinite(many).all()
    np.testing.assert_allclose(many.mean(axis=0), 0.5, atol=0.1)
