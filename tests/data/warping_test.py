"""The fused warp against the layers of Keras and KerasCV that it stands for, parameter by parameter.

They agree on the centre, (side - 1) / 2, on the fill, and on bilinear interpolation. What differs is said in each test.
"""

import importlib
import math

import cv2
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from keras_sketch.data.augmentation import UNIFORM_DRAWS, make_augment
from keras_sketch.data.warping import output_to_input, warp, warps
from keras_sketch.recipes import Augmentation

SIDE = 64
PAPER = 230.0
LIKE_TORCHVISION = math.log(4 / 3)
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


def soft_noise():
    noise = np.random.default_rng(0).uniform(0, 255, (SIDE, SIDE, 3)).astype("float32")
    return cv2.GaussianBlur(noise, (0, 0), 1.5) * 3 - 255


def random_draws(count, seed=0, **given):
    random = np.random.default_rng(seed)
    draws = {name: random.uniform(size=(count, number)).astype("float32") for name, number in UNIFORM_DRAWS.items()}
    return draws | {name: np.array(value, "float32").reshape(count, -1) for name, value in given.items()}


@pytest.mark.parametrize(("left", "top", "width", "height"), [(3, 20, 40, 32), (24, 1, 24, 48), (10, 10, 32, 32)])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_crop_is_the_cut_rectangle_enlarged(left, top, width, height, mirrored):
    image, share = soft_noise(), width * height / SIDE**2
    augmentation = Augmentation(crop=(share, share), aspect=abs(math.log(width / height)), flip=float(mirrored))

    def place(start, size):
        """The draw for which the rectangle begins there: it moves by the picture's size less its own and a pixel."""
        return (start + 0.5 * size / SIDE - 0.5) / ((1 - size / SIDE) * (SIDE - 1))

    crop = [0.5, place(left, width), place(top, height)]
    draws = random_draws(1, crop=crop, aspect=float(width < height), flip=0.5)
    found = warp(image[None], draws, augmentation).numpy()[0]
    expected = cv2.resize(image[top : top + height, left : left + width], (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    # At the cut's border OpenCV knows nothing of the pixels beside it.
    inside = slice(SIDE // min(width, height) + 1, -SIDE // min(width, height) - 1)
    expected = expected[:, ::-1] if mirrored else expected
    np.testing.assert_allclose(found[inside, inside], expected[inside, inside], atol=0.02)
    assert np.abs(found - image).max() > 20


def test_area_ratio_and_place_are_spread_as_in_torchvision():
    """Where every ratio fits, theirs are uniform in area, logarithm of the ratio, and place."""
    augmentation = Augmentation(crop=(0.08, 0.6), aspect=LIKE_TORCHVISION)
    m = output_to_input(random_draws(4000), augmentation, SIDE, SIDE).numpy()
    width, height = m[:, 0], m[:, 4]
    uniform = {
        "area": (width * height - 0.08) / 0.52,
        "ratio": (np.log(width / height) / LIKE_TORCHVISION + 1) / 2,
        "left": m[:, 2] / ((1 - width) * (SIDE - 1)),
        "top": m[:, 5] / ((1 - height) * (SIDE - 1)),
    }
    for name, values in uniform.items():
        assert stats.kstest(values, "uniform").pvalue > 0.01, name
    assert np.abs(np.corrcoef(list(uniform.values())) - np.eye(4)).max() < 0.06
    np.testing.assert_array_equal(m[:, [1, 3]], 0)


@pytest.mark.parametrize("aspect", [0.0, LIKE_TORCHVISION, 2.0])
def test_nothing_from_outside_is_shown(aspect):
    augmentation = Augmentation(crop=(0.05, 1.0), aspect=aspect, flip=0.5, shift=0.0, fill=0)
    draws = random_draws(500, seed=1)
    draws["crop"][:50] = np.random.default_rng(2).integers(0, 2, (50, 3)) * 0.99999994
    m = output_to_input(draws, augmentation, SIDE, SIDE).numpy()
    for x, y in np.ndindex(2, 2):
        corner = np.stack([m[:, 0] * x + m[:, 1] * y, m[:, 3] * x + m[:, 4] * y], axis=1) * (SIDE - 1) + m[:, [2, 5]]
        assert corner.min() > -1e-4 and corner.max() < SIDE - 1 + 1e-4
    white = warp(np.full((500, SIDE, SIDE, 1), 255, "uint8"), draws, augmentation).numpy()
    assert white.min() > 254.9


def test_a_crop_is_enlarged_before_it_is_turned():
    image, draws = soft_noise(), random_draws(1, rotation=1.0, crop=[0.5, 0.5, 0.5], aspect=0.5, flip=0.9)
    augmentation = Augmentation(crop=(0.25, 0.25), rotation=20)
    found = warp(image[None], draws, augmentation).numpy()[0]
    turn = cv2.getRotationMatrix2D(((SIDE - 1) / 2, (SIDE - 1) / 2), -20, 2.0)
    expected = cv2.warpAffine(image, turn, (SIDE, SIDE), flags=cv2.INTER_LINEAR)
    assert np.abs(found - expected).mean() < 1


def test_without_a_crop_nothing_changes_and_an_unwarped_image_is_whole():
    image = soft_noise()[None]
    assert warps(Augmentation(crop=(0.5, 1.0))) and not warps(Augmentation(crop=(1.0, 1.0)))
    whole = warp(image, random_draws(1, unwarped=0.1), Augmentation(crop=(0.2, 0.5), aspect=0.3, unwarped=0.2))
    np.testing.assert_array_equal(whole, image)
    [found], _ = make_augment(Augmentation(crop=(0.2, 0.5)), 5)(image, np.array([3]), random_draws(1))
    assert np.abs(found.numpy() - image).max() > 20
