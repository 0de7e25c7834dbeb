"""The fused warp against the layers of Keras and KerasCV that it stands for, parameter by parameter.

They agree on the centre, (side - 1) / 2, on the fill, and on bilinear interpolation. What differs is said in each test.
"""

import importlib
import math

import cv2
import numpy as np
import pytest
import tensorflow as tf

from keras_sketch.data.augmentation import UNIFORM_DRAWS
from keras_sketch.data.warping import warp
from keras_sketch.recipes import Augmentation

SIDE = 64
PAPER = 230.0
# In grey levels of 255, at every pixel, those on the border included; the mean is below a hundredth of it.
BOUND = 0.01
CONSTANT = {"fill_mode": "constant", "fill_value": PAPER}
LIBRARIES = pytest.mark.parametrize("library", ["keras", "keras_cv"])


def drawing():
    """A face in profile: soft-edged strokes, one coloured, without any symmetry, some up to the border."""
    image = np.full((SIDE, SIDE, 3), PAPER, "uint8")
    cv2.ellipse(image, (28, 26), (17, 21), 12, 30, 330, (20, 20, 20), 2, cv2.LINE_AA)
    cv2.polylines(image, [np.array([[44, 20], [52, 31], [43, 33]])], False, (10, 40, 160), 2, cv2.LINE_AA)
    cv2.line(image, (0, 60), (40, 44), (60, 60, 60), 1, cv2.LINE_AA)
    cv2.circle(image, (35, 20), 3, (0, 90, 0), -1, cv2.LINE_AA)
    return image


def ours(augmentation, **draws):
    """The drawing, warped with the given draws and all others in the middle of their range."""
    values = {name: np.full((1, count), 0.5, "float32") for name, count in UNIFORM_DRAWS.items()}
    values.update({name: np.array([value], "float32").reshape(1, -1) for name, value in draws.items()})
    return warp(drawing()[None], values, augmentation).numpy()[0]


def theirs(library, name, *arguments, copies=1, **settings):
    layer = getattr(importlib.import_module(library).layers, name)(*arguments, **settings)
    return np.asarray(layer(np.stack([drawing().astype("float32")] * copies), training=True))


def largest_and_mean_difference(found, expected):
    difference = np.abs(found - expected)
    return difference.max(), difference.mean()


def draw_of(value, limit):
    """The uniform number that makes `value` of plus or minus `limit`."""
    return (value / limit + 1) / 2


@LIBRARIES
@pytest.mark.parametrize("degrees", [-33.0, 12.0])
def test_rotation(library, degrees):
    """Theirs is a share of the full turn, counter-clockwise; ours degrees, clockwise."""
    [expected] = theirs(library, "RandomRotation", (degrees / 360,) * 2, **CONSTANT)
    found = ours(Augmentation(rotation=40, fill=PAPER), rotation=draw_of(-degrees, 40))
    largest, mean = largest_and_mean_difference(found, expected)
    assert largest < BOUND and mean < BOUND / 100


@LIBRARIES
@pytest.mark.parametrize(("down", "right"), [(0.11, 0.0), (0.0, -0.17), (-0.05, 0.2)])
def test_shift(library, down, right):
    """Both are shares of the height and width, down and right; theirs come height first."""
    [expected] = theirs(library, "RandomTranslation", (down, down), (right, right), **CONSTANT)
    found = ours(Augmentation(shift=0.25, fill=PAPER), shift=[draw_of(right, 0.25), draw_of(down, 0.25)])
    largest, mean = largest_and_mean_difference(found, expected)
    assert largest < BOUND and mean < BOUND / 100


@LIBRARIES
@pytest.mark.parametrize(("height", "width"), [(0.3, 0.3), (-0.25, -0.25), (0.2, -0.1)])
def test_zoom(library, height, width):
    """Theirs is how much more of the scene is seen: 0.3 makes things 1 / 1.3 of their size; ours is that size."""
    [expected] = theirs(library, "RandomZoom", (height, height), (width, width), **CONSTANT)
    wider = math.log((1 + height) / (1 + width))
    augmentation = Augmentation(zoom=(1 / (1 + height),) * 2, aspect=abs(wider), fill=PAPER)
    largest, mean = largest_and_mean_difference(ours(augmentation, aspect=float(wider > 0)), expected)
    assert largest < BOUND and mean < BOUND / 100


@LIBRARIES
def test_shear(library):
    """Theirs is the tangent, to the left, of either sign at random, about the top left corner; ours is an angle to the
    right, about the centre. About the corner, the picture's middle moves by tangent times (side - 1) / 2.
    """
    tangent = 0.21
    degrees, moved = math.degrees(math.atan(tangent)), tangent * (SIDE - 1) / 2 / SIDE
    augmentation = Augmentation(shear=degrees, shift=moved, fill=PAPER)
    left, right = ours(augmentation, shear=0.0, shift=[0.0, 0.5]), ours(augmentation, shear=1.0, shift=[1.0, 0.5])
    settings = {"y_factor": 0.0} if library == "keras" else {}
    seen = theirs(library, "RandomShear", x_factor=(tangent, tangent), copies=24, **settings, **CONSTANT)
    signs = [np.abs(each - left).mean() < np.abs(each - right).mean() for each in seen]
    assert 0 < sum(signs) < 24
    for each, to_the_left in zip(seen, signs, strict=True):
        largest, mean = largest_and_mean_difference(left if to_the_left else right, each)
        assert largest < BOUND and mean < BOUND / 100


@LIBRARIES
def test_flip(library):
    """Theirs mirrors every other picture, at random; ours has a probability. A mirrored picture is exact."""
    mirrored, plain = ours(Augmentation(flip=0.5), flip=0.4), ours(Augmentation(flip=0.5), flip=0.6)
    seen = theirs(library, "RandomFlip", "horizontal", copies=24)
    kinds = [[np.array_equal(each, plain), np.array_equal(each, mirrored)] for each in seen]
    assert all(sum(kind) == 1 for kind in kinds)
    assert 0 < sum(kind[1] for kind in kinds) < 24


def test_one_warp_is_what_keras_layers_do_one_after_another():
    """Each of theirs interpolates anew, which softens, and cuts off what leaves the picture: a small, soft one."""
    import keras

    soft = cv2.GaussianBlur(drawing(), (0, 0), 2).astype("float32")
    images = soft[None]
    steps = {"RandomZoom": (0.3,), "RandomRotation": (20 / 360,), "RandomTranslation": (0.1, -0.05)}
    for name, factors in steps.items():
        layer = getattr(keras.layers, name)(*((factor, factor) for factor in factors), **CONSTANT)
        images = layer(images, training=True)
    augmentation = Augmentation(zoom=(1 / 1.3, 1 / 1.3), rotation=20, shift=0.1, fill=PAPER)
    draws = {name: np.full((1, count), 0.5, "float32") for name, count in UNIFORM_DRAWS.items()}
    draws["rotation"][:], draws["shift"][:] = 0.0, [[0.25, 1.0]]
    found = warp(soft[None], draws, augmentation).numpy()
    difference = np.abs(found - np.asarray(images))
    assert difference.mean() < 1
    assert difference.max() < 15
    assert np.abs(found - soft).mean() > 20


@pytest.mark.parametrize("elastic", [0.0, 0.02])
def test_bytes_and_floats_are_warped_alike(elastic):
    augmentation = Augmentation(rotation=30, shift=0.3, elastic=elastic, fill=127.5)
    random = np.random.default_rng(0)
    draws = {name: random.uniform(size=(3, count)).astype("float32") for name, count in UNIFORM_DRAWS.items()}
    images = np.stack([drawing()] * 3)
    some, others = (warp(each, draws, augmentation).numpy() for each in (images, images.astype("float32")))
    np.testing.assert_array_equal(some, others)
    assert (some[0] == 127.5).any()


def test_the_same_inside_a_pipeline():
    augmentation = Augmentation(rotation=30, shear=10, zoom=(0.7, 1.3), shift=0.2, flip=0.5, fill=PAPER)
    random = np.random.default_rng(1)
    draws = {name: random.uniform(size=(8, count)).astype("float32") for name, count in UNIFORM_DRAWS.items()}
    images = np.stack([drawing()] * 8)
    dataset = tf.data.Dataset.from_tensors((images, draws)).repeat(4)
    mapped = dataset.map(lambda images, draws: warp(images, draws, augmentation), num_parallel_calls=4)
    expected = warp(images, draws, augmentation).numpy()
    for found in mapped:
        np.testing.assert_allclose(found, expected, atol=1e-3)
