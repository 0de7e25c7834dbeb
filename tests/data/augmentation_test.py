import dataclasses
import math

import cv2
import numpy as np
import pytest
import tensorflow as tf

from keras_sketch.data.augmentation import (
    LIMITS,
    UNIFORM_DRAWS,
    change_thickness,
    check_augmentation,
    draw,
    make_augment,
    repeats,
)
from keras_sketch.data.warping import output_to_input, warp
from keras_sketch.errors import InvalidArgumentError, UnknownNameError
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
    images, labels = make_augment(Augmentation(), 5)(picture()[None], np.array([3]), {})
    np.testing.assert_array_equal(images[0], picture())
    assert images.dtype == tf.float32
    np.testing.assert_array_equal(labels, [3])


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


@pytest.mark.parametrize("elastic", [0.0, 0.03])
def test_an_unwarped_image_is_at_most_mirrored(elastic):
    augmentation = Augmentation(
        rotation=30, shear=20, zoom=(0.5, 0.8), aspect=0.3, shift=0.2, flip=0.5, elastic=elastic, unwarped=0.4
    )
    draws = dict(rotation=1.0, shear=0.1, zoom=0.3, aspect=0.9, shift=0.8, elastic=0.3)
    np.testing.assert_array_equal(warped(augmentation, **draws, unwarped=0.3, flip=0.9), picture())
    np.testing.assert_array_equal(warped(augmentation, **draws, unwarped=0.3, flip=0.1), picture()[:, ::-1])
    assert np.abs(warped(augmentation, **draws, unwarped=0.5, flip=0.9) - picture()).max() > 100


def test_draws_depend_on_seed_epoch_and_index_alone():
    def some(seed, epoch, indices):
        indices = tf.constant(indices, tf.int64)
        draws = draw(seed, tf.fill(tf.shape(indices), tf.constant(epoch, tf.int64)), indices)
        return np.concatenate([draws[name] for name in UNIFORM_DRAWS], axis=1), draws["key"].numpy()

    [one], [key] = some(1, 2, [3])
    in_a_batch, keys = some(1, 2, [8, 3, 9])
    np.testing.assert_array_equal(in_a_batch[1], one)
    np.testing.assert_array_equal(keys[1], key)
    for others, other_keys in (some(2, 2, [3]), some(1, 3, [3]), some(1, 2, [4]), some(1, 3, [2])):
        assert (others != one).all()
        assert (other_keys != key).any()
    many, _ = some(0, 0, range(300))
    assert many.min() >= 0 and many.max() < 1
    np.testing.assert_allclose(many.mean(axis=0), 0.5, atol=0.08)


def test_a_new_draw_leaves_those_before_it_as_they_were():
    [drawn] = zip(*draw(4, tf.constant([2], tf.int64), tf.constant([7], tf.int64)).values(), strict=True)
    key = tf.random.experimental.stateless_fold_in(tf.constant([4, 0], tf.int64), tf.constant(2, tf.int64))
    key = tf.random.experimental.stateless_fold_in(key, tf.constant(7, tf.int64))
    before_crops = tf.random.stateless_uniform([42], seed=key)
    np.testing.assert_array_equal(np.concatenate(drawn[:-1])[:42], before_crops)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mixup": -0.1}, "augmentation.mixup` must be a number from 0 to 1. Received: -0.1"),
        ({"erasing": 1.5}, "augmentation.erasing"),
        ({"jitter": 0.8}, "from 0 to 0.4"),
        ({"rotation": float("nan")}, "augmentation.rotation"),
        ({"flip": "often"}, "augmentation.flip"),
        ({"fill": 256}, "from 0 to 255"),
        ({"zoom": (1.2, 0.8)}, "the smaller one first"),
        ({"zoom": (0, 1)}, "augmentation.zoom"),
        ({"zoom": 0.2}, "augmentation.zoom"),
        ({"crop": (0.5, 1.1)}, "above 0 and at most 1"),
        ({"crop": (0.0, 1.0)}, "augmentation.crop"),
        ({"crop": (float("nan"), 1.0)}, "augmentation.crop"),
        ({"crop": ("small", 1.0)}, "augmentation.crop"),
    ],
)
def test_values_out_of_range_are_refused(change, message):
    with pytest.raises(InvalidArgumentError, match=message):
        check_augmentation(Augmentation(**change))


def test_every_number_has_its_limits():
    assert {field.name for field in dataclasses.fields(Augmentation)} == {*LIMITS, "zoom", "crop", "policy"}
    check_augmentation(Augmentation())


def test_an_unknown_policy_names_the_others():
    with pytest.raises(UnknownNameError, match="Did you mean 'grid_mask'.*rand_augment"):
        make_augment(Augmentation(policy="gridmask"), 5)


def test_only_policies_do_not_repeat():
    assert repeats(Augmentation(rotation=5, jitter=0.2, erasing=0.5, mixup=0.2, cutmix=1.0))
    assert not repeats(Augmentation(policy="grid_mask"))
