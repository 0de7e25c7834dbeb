"""One contract over the whole table of models."""

import keras
import numpy as np
import pytest

from keras_sketch import build_classifier, list_models
from keras_sketch.errors import BadDataError, InvalidArgumentError, MissingDataError, UnknownNameError
from keras_sketch.models.layers import LightOnDark

SIDE = 32


@pytest.mark.parametrize("name", list_models())
class TestEveryModel:
    def test_maps_pixels_to_float32_logits_from_uint8_and_float(self, name):
        model = build_classifier(name, num_classes=3, input_shape=(SIDE, SIDE, 1))
        pixels = np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 1), dtype=np.uint8)
        logits = model(pixels)
        assert logits.shape == (2, 3)
        assert logits.dtype == "float32"
        np.testing.assert_allclose(logits, model(pixels.astype("float32")), atol=1e-6)
        assert np.abs(logits).max() < 100, "pixels in 0..255 must be scaled inside"

    def test_saves_and_loads(self, name, tmp_path):
        model = build_classifier(name, num_classes=3, input_shape=(SIDE, SIDE, 3))
        model.save(tmp_path / "model.keras")
        pixels = np.random.default_rng(0).uniform(0, 255, (2, SIDE, SIDE, 3)).astype("float32")
        np.testing.assert_allclose(keras.saving.load_model(tmp_path / "model.keras")(pixels), model(pixels), atol=1e-6)

    def test_learns_from_a_step(self, name):
        model = build_classifier(name, num_classes=2)
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        before = [np.array(weight) for weight in model.trainable_weights]
        levels = np.arange(0, 240, 60, dtype="uint8")[:, None, None, None]
        pixels = np.broadcast_to(levels, (4, *model.input_shape[1:]))
        model.fit(pixels, np.array([0, 1, 0, 1]), verbose=0)
        assert any((np.array(now) != old).any() for now, old in zip(model.trainable_weights, before, strict=True))

    def test_reads_dark_and_light_paper_alike(self, name):
        model = build_classifier(name, num_classes=2, input_shape=(SIDE, SIDE, 1))
        drawing = np.zeros((1, SIDE, SIDE, 1), "uint8")
        drawing[:, 8:24, 10:12] = 255
        np.testing.assert_allclose(model(drawing), model(255 - drawing), atol=1e-5)


def test_the_published_parameter_count():
    assert build_classifier("quickdraw_cnn", num_classes=8).count_params() == 454_410


def test_light_on_dark_decides_for_each_image():
    pixels = np.stack([np.full((4, 4, 1), 200.0), np.full((4, 4, 1), 10.0)]).astype("float32")
    np.testing.assert_array_equal(np.array(LightOnDark()(pixels))[:, 0, 0, 0], [55, 10])


def test_weights_come_from_a_file(tmp_path):
    source = build_classifier("quickdraw_cnn", 2)
    source.save_weights(tmp_path / "w.weights.h5")
    loaded = build_classifier("quickdraw_cnn", 2, weights=tmp_path / "w.weights.h5")
    for a, b in zip(source.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(BadDataError, match="do not fit quickdraw_cnn"):
        build_classifier("quickdraw_cnn", 3, weights=tmp_path / "w.weights.h5")
    with pytest.raises(MissingDataError, match="nowhere"):
        build_classifier("quickdraw_cnn", 2, weights=tmp_path / "nowhere.weights.h5")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (dict(name="quikdraw_cnn", num_classes=2), UnknownNameError, "Did you mean 'quickdraw_cnn'"),
        (dict(name="quickdraw_cnn", num_classes=1), InvalidArgumentError, "num_classes"),
        (dict(name="quickdraw_cnn", num_classes=2, input_shape=(4, 4, 1)), InvalidArgumentError, "larger"),
        (dict(name="quickdraw_cnn", num_classes=2, input_shape=(28, 28)), InvalidArgumentError, "channels"),
        (dict(name="quickdraw_cnn", num_classes=2, weights="imagenet"), InvalidArgumentError, "ImageNet"),
    ],
)
def test_bad_arguments_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        build_classifier(**arguments)
