"""What holds for `build_classifier` beyond the contract of every row."""

import keras
import numpy as np
import pytest

from keras_sketch import build_classifier, gradcam
from keras_sketch.errors import InvalidArgumentError, UnknownNameError
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


@pytest.mark.parametrize("name", ["resnet50", "mobilenet_025", "efficientnet_b0", "sketch_cnn"])
def test_grey_images_are_what_they_are_in_three_channels(name):
    grey = build_classifier(name, 2, (SIDE, SIDE, 1), light_on_dark=True)
    colour = build_classifier(name, 2, (SIDE, SIDE, 3), light_on_dark=True)
    colour.set_weights(grey.get_weights())
    pixels = np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 1), dtype=np.uint8)
    np.testing.assert_allclose(grey(pixels), colour(pixels.repeat(3, -1)), rtol=1e-4, atol=1e-5)
    assert gradcam(grey, pixels).shape == (2, SIDE, SIDE)


@pytest.mark.parametrize("name", ["resnet50", "mobilenet_025", "efficientnet_b0", "efficientnet_v2_b0"])
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
    ],
)
def test_bad_arguments_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        build_classifier(**arguments)
