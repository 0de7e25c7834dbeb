"""What holds for `build_classifier` beyond the contract of every row."""

import keras
import numpy as np
import pytest

from keras_sketch import build_classifier, gradcam
from keras_sketch.errors import InvalidArgumentError, UnknownNameError
from keras_sketch.losses import CrossEntropy
from keras_sketch.models.layers import LightOnDark

SIDE = 32
DRAWING = np.zeros((1, SIDE, SIDE, 1), "uint8")
DRAWING[:, 8:24, 10:12] = 255


@pytest.mark.parametrize(
    ("name", "classes", "parameters"),
    [
        ("quickdraw_cnn", 8, 454_410),
        ("doodle_resnet", 8, 764_072),
        ("sketch_cnn", 133, 231_717),
        ("sketch_cnn", 125, 227_613),
        ("resnet50", 125, 23_843_837),
        ("densenet121", 125, 7_165_629),
    ],
)
def test_published_parameter_counts(name, classes, parameters):
    assert build_classifier(name, classes).count_params() == parameters


@pytest.mark.parametrize("name", ["doodle_resnet", "quickdraw_cnn", "sketch_cnn"])
def test_networks_for_drawings_read_dark_and_light_paper_alike(name):
    model = build_classifier(name, 2, (SIDE, SIDE, 1))
    np.testing.assert_allclose(model(DRAWING), model(255 - DRAWING), atol=1e-5)


def test_networks_for_photos_invert_only_when_asked():
    model = build_classifier("mobilenet_025", 2, (SIDE, SIDE, 3), light_on_dark=True)
    assert any(isinstance(layer, LightOnDark) for layer in model.layers)
    for name, asked in (("mobilenet_025", None), ("doodle_resnet", False)):
        model = build_classifier(name, 2, (SIDE, SIDE, 1), light_on_dark=asked)
        assert not any(isinstance(layer, LightOnDark) for layer in model.layers)


@pytest.mark.parametrize("name", ["vgg16", "mobilenet_025", "efficientnet_b0", "sketch_cnn"])
def test_grey_images_are_what_they_are_in_three_channels(name):
    grey = build_classifier(name, 2, (SIDE, SIDE, 1), light_on_dark=True)
    colour = build_classifier(name, 2, (SIDE, SIDE, 3), light_on_dark=True)
    colour.set_weights(grey.get_weights())
    pixels = np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 1), dtype=np.uint8)
    np.testing.assert_allclose(grey(pixels), colour(pixels.repeat(3, -1)), rtol=1e-4, atol=1e-5)
    assert gradcam(grey, pixels).shape == (2, SIDE, SIDE)


@pytest.mark.parametrize(
    "name",
    ["vgg16", "mobilenet_025", "efficientnet_b0", pytest.param("efficientnet_v2_b0", marks=pytest.mark.slow)],
)
def test_scaling_and_logits_are_float32_under_mixed_precision(name):
    pixels = np.random.default_rng(0).uniform(0, 255, (2, SIDE, SIDE, 1)).astype("float32")
    exact = build_classifier(name, 2, (SIDE, SIDE, 1), light_on_dark=True)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = build_classifier(name, 2, (SIDE, SIDE, 1), light_on_dark=True)
    finally:
        keras.config.set_dtype_policy(before)
    mixed.set_weights(exact.get_weights())

    def scaled(model):
        layer = [part for part in model.layers if isinstance(part, keras.layers.Rescaling | keras.layers.Normalization)]
        return np.array(keras.Model(model.input, layer[-1].output)(pixels))

    assert scaled(mixed).dtype == "float32"
    np.testing.assert_allclose(scaled(mixed), scaled(exact), rtol=1e-6, atol=1e-6)
    assert mixed(pixels).dtype == "float32"
    assert any(layer.compute_dtype == "bfloat16" for layer in mixed.layers)


def test_light_on_dark_decides_for_each_image():
    pixels = np.stack([np.full((4, 4, 1), 200.0), np.full((4, 4, 1), 10.0)]).astype("float32")
    np.testing.assert_array_equal(np.array(LightOnDark()(pixels))[:, 0, 0, 0], [55, 10])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (dict(name="quikdraw_cnn", num_classes=2), UnknownNameError, "Did you mean 'quickdraw_cnn'"),
        (dict(name="quickdraw_cnn", num_classes=1), InvalidArgumentError, "num_classes"),
        (dict(name="quickdraw_cnn", num_classes=2, input_shape=(4, 4, 1)), InvalidArgumentError, "larger"),
        (dict(name="quickdraw_cnn", num_classes=2, input_shape=(28, 28)), InvalidArgumentError, "channels"),
        (
            dict(name="xception", num_classes=2, input_shape=(70, 90, 3)),
            InvalidArgumentError,
            "xception takes 71 x 71",
        ),
        (dict(name="vgg16", num_classes=2, input_shape=(None, None, 3)), InvalidArgumentError, "channels"),
        (dict(name="resnet5", num_classes=2), UnknownNameError, "Did you mean 'resnet50'"),
        (dict(name="sketch_cnn", num_classes=2, pooling="max"), UnknownNameError, "pooling 'max'.*avg, gem, gem_ch"),
        (dict(name="sketch_cnn", num_classes=2, bottleneck=-1), InvalidArgumentError, "`bottleneck` must be a number"),
        (dict(name="sketch_cnn", num_classes=2, dropout=1.0), InvalidArgumentError, "`dropout` must be at least 0 and"),
        (dict(name="sketch_cnn", num_classes=2, cosine_scale=0), InvalidArgumentError, "`cosine_scale` must be a pos"),
    ],
)
def test_bad_arguments_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        build_classifier(**arguments)


@pytest.mark.parametrize(
    "choice", [dict(pooling="gem"), dict(bottleneck=8), dict(dropout=0.0), dict(cosine_scale=30.0)], ids=str
)
def test_a_pretrained_head_is_not_changed(choice):
    with pytest.raises(InvalidArgumentError, match=f'`{next(iter(choice))}` must be left out with head="pretrained"'):
        build_classifier("mobilenet_025", 1000, (SIDE, SIDE, 3), head="pretrained", **choice)


@pytest.mark.parametrize("name", ["resnet50_gem", "delf_resnet50", "vgg16_places365_resnet50"])
def test_networks_with_another_pooling_have_no_pretrained_head(name):
    with pytest.raises(InvalidArgumentError, match=f'`head` must be "new": {name} has no ImageNet head'):
        build_classifier(name, 1000, (SIDE, SIDE, 3), head="pretrained")


def test_a_head_is_made_of_what_is_asked_for():
    plain = build_classifier("mobilenet_025", 5, (SIDE, SIDE, 3))
    assert [layer.name for layer in plain.layers[-3:]] == ["pooling", "head_dropout", "logits"]
    assert plain.get_layer("head_dropout").rate == 0.2
    model = build_classifier("mobilenet_025", 5, (SIDE, SIDE, 3), bottleneck=16, dropout=0.5, cosine_scale=30.0)
    assert [layer.name for layer in model.layers[-6:]] == [
        "pooling", "bottleneck", "bottleneck_norm", "bottleneck_relu", "bottleneck_dropout", "logits"
    ]  # fmt: skip
    assert model.get_layer("bottleneck_dropout").rate == 0.5
    assert model.count_params() == plain.count_params() - 257 * 5 + 256 * 16 + 4 * 16 + 16 * 5
    without = build_classifier("mobilenet_025", 5, (SIDE, SIDE, 3), dropout=0.0)
    assert [layer.name for layer in without.layers[-2:]] == ["pooling", "logits"]


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_pooling_and_logits_are_precise_under_mixed_precision(precision):
    pixels = np.random.default_rng(0).uniform(0, 255, (2, SIDE, SIDE, 3)).astype("float32")
    head = dict(pooling="gem", bottleneck=8, cosine_scale=30.0)
    exact = build_classifier("sketch_cnn", 3, (SIDE, SIDE, 3), **head)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        mixed = build_classifier("sketch_cnn", 3, (SIDE, SIDE, 3), **head)
    finally:
        keras.config.set_dtype_policy(before)
    mixed.set_weights(exact.get_weights())
    assert mixed.get_layer("pooling").exponent.dtype == mixed(pixels).dtype == "float32"
    assert mixed.get_layer("pooling").output.dtype == precision.removeprefix("mixed_")
    maps = keras.Model(mixed.input, [mixed.get_layer("pooling").input, mixed.get_layer("pooling").output])(pixels)
    expected = (np.array(maps[0], "float64") ** 3).mean(axis=(1, 2)) ** (1 / 3)
    step = 2.0**-7 if precision == "mixed_bfloat16" else 2.0**-10
    np.testing.assert_allclose(np.array(maps[1], "float64"), expected, rtol=step, atol=1e-6)
    mixed.compile(keras.optimizers.SGD(0.1), CrossEntropy(), run_eagerly=True)
    mixed.fit(pixels, np.array([0, 1]), verbose=0)
    assert all(np.isfinite(weight).all() for weight in mixed.get_weights())


@pytest.mark.parametrize("name", ["quickdraw_cnn", "sketch_cnn", "doodle_resnet"])
def test_small_networks_take_a_pooling_in_the_place_of_their_own(name):
    own, gem = (build_classifier(name, 2, (SIDE, SIDE, 1), pooling=pooling) for pooling in (None, "gem"))
    assert "pooling" not in [layer.name for layer in own.layers]
    pooling = gem.get_layer("pooling")
    assert len(pooling.input.shape) == 4 and pooling.output.shape == (None, pooling.input.shape[-1])
    assert not any(layer.name in ("flatten", "average", "maximum") for layer in gem.layers)
