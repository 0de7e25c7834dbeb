import cv2
import numpy as np
import pytest
import tensorflow as tf

from keras_sketch.data.augmentation import NUM_DRAWS, augment, draw, output_to_input
from keras_sketch.recipes import Augmentation

MIDDLE = np.full(NUM_DRAWS, 0.5, "float32")


def picture(side=32):
    image = np.zeros((side, side, 1), "uint8")
    cv2.ellipse(image, (15, 12), (9, 5), 20, 0, 360, 255, 2)
    cv2.line(image, (4, 27), (26, 18), 180, 2)
    return image


def warped(augmentation, **draws):
    places = {"rotation": 0, "shear": 1, "zoom_x": 2, "zoom_y": 3, "shift_x": 4, "shift_y": 5, "flip": 6}
    values = MIDDLE.copy()
    for name, value in draws.items():
        values[places[name]] = value
    return augment(picture()[None], values[None], augmentation).numpy()[0]


def by_opencv(matrix):
    """Warps with OpenCV: `matrix` maps input to output, about the centre of the pixel grid."""
    centre = np.array([15.5, 15.5])
    offset = centre - matrix @ centre
    full = np.hstack([matrix, offset[:, None]])
    return cv2.warpAffine(picture().astype("float32"), full, (32, 32), flags=cv2.INTER_LINEAR)[..., None]


def test_no_augmentation_changes_nothing():
    np.testing.assert_array_equal(warped(Augmentation()), picture())


def test_flip_mirrors_with_its_probability():
    np.testing.assert_allclose(warped(Augmentation(flip=0.5), flip=0.49), picture()[:, ::-1], atol=1e-3)
    np.testing.assert_allclose(warped(Augmentation(flip=0.5), flip=0.51), picture(), atol=1e-3)


def test_shift_moves_by_a_share_of_the_size():
    moved = warped(Augmentation(shift=0.25), shift_x=1.0)
    np.testing.assert_allclose(moved[:, 8:], picture()[:, :-8], atol=1e-3)
    assert (moved[:, :8] == 0).all()
    np.testing.assert_allclose(warped(Augmentation(shift=0.25), shift_y=1.0)[8:], picture()[:-8], atol=1e-3)


@pytest.mark.parametrize(
    ("augmentation", "draws", "matrix"),
    [
        (Augmentation(rotation=30), {"rotation": 1.0}, [[0.8660254, -0.5], [0.5, 0.8660254]]),
        (Augmentation(shear=20), {"shear": 1.0}, [[1, np.tan(np.radians(20))], [0, 1]]),
        (Augmentation(zoom=0.25), {"zoom_x": 1.0}, [[1.25, 0], [0, 1]]),
        (Augmentation(zoom=0.25), {"zoom_y": 0.0}, [[1, 0], [0, 0.8]]),
    ],
)
def test_each_parameter_warps_as_opencv_does(augmentation, draws, matrix):
    # OpenCV rounds coordinates to 1/32 pixel.
    difference = np.abs(warped(augmentation, **draws) - by_opencv(np.array(matrix)))
    assert difference.max() < 20
    assert difference.mean() < 1.0


def test_the_whole_warp_is_the_product_of_its_parts():
    augmentation = Augmentation(rotation=30, shear=20, zoom=0.25, shift=0.2, flip=1.0)
    draws = np.random.default_rng(0).uniform(size=(5, NUM_DRAWS)).astype("float32")
    for row, found in zip(draws, output_to_input(draws, augmentation, 32, 32).numpy(), strict=True):
        signed = 2 * row - 1
        angle, shear = np.radians(signed[0] * 30), np.tan(np.radians(signed[1] * 20))
        rotate = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        forward = rotate @ [[1, shear], [0, 1]] @ np.diag(1.25 ** signed[2:4]) @ np.diag([-1, 1])
        point = np.array([3.0, 20.0])
        output = forward @ (point - 15.5) + 15.5 + signed[4:6] * 0.2 * 32
        back = [found[:2] @ output + found[2], found[3:5] @ output + found[5]]
        np.testing.assert_allclose(back, point, atol=1e-4)


def test_fill_is_what_comes_in_at_the_border():
    assert (warped(Augmentation(shift=0.25, fill=200), shift_x=1.0)[:, :7] == 200).all()


def test_draws_depend_on_seed_epoch_and_index_alone():
    def one(seed, epoch, index):
        return draw(seed, tf.constant(epoch, tf.int64), tf.constant(index, tf.int64)).numpy()

    np.testing.assert_array_equal(one(1, 2, 3), one(1, 2, 3))
    for other in (one(2, 2, 3), one(1, 3, 3), one(1, 2, 4), one(1, 3, 2)):
        assert (one(1, 2, 3) != other).all()
    many = np.stack([one(0, 0, index) for index in range(300)])
    assert many.min() >= 0 and many.max() < 1
    np.testing.assert_allclose(many.mean(axis=0), 0.5, atol=0.06)
