"""One contract over the whole table of models, with the smallest images that each network takes."""

import functools
import inspect

import keras
import numpy as np
import pytest
from keras.applications.imagenet_utils import preprocess_input

from keras_sketch import gradcam, list_models, load_classifier
from keras_sketch.exporting import save_classifier
from keras_sketch.models import BACKBONES, blocks, train_from

# Each has a smaller sibling in the table.
LARGE = {
    *("efficientnet_v2_b0", "mobilenet", "mobilenet_v3_large", "vgg19"),
    *("convnext_base", "convnext_large", "convnext_xlarge", "densenet201", "inception_resnet_v2", "nasnet_large"),
    *(f"efficientnet_b{size}" for size in range(1, 8)),
    *(f"efficientnet_v2_{size}" for size in ("b1", "b2", "b3", "s", "m", "l")),
    *("convnext_small", "densenet169", "resnet101", "resnet101_v2", "resnet152", "resnet152_v2"),
    *("ig_resnext101_32x8d", "ig_resnext101_32x16d"),
}


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=[pytest.mark.slow] * (name in LARGE)) for name in list_models()]
)
def name(request):
    yield request.param
    keras.backend.clear_session()


@pytest.fixture(scope="module")
def model(name, build_small):
    return build_small(name)


@pytest.fixture(scope="module")
def pixels(name, small_pixels):
    return small_pixels(name)


@pytest.fixture(scope="module")
def logits(model, pixels):
    return np.array(model(pixels.astype("float32")))


class TestEveryModel:
    def test_gives_float32_logits_alike_for_uint8_and_float(self, model, pixels, logits):
        from_uint8 = model(pixels)
        assert from_uint8.shape == (2, 3) and from_uint8.dtype == "float32"
        assert np.isfinite(logits).all()
        np.testing.assert_allclose(from_uint8, logits, atol=1e-4 * np.abs(logits).max())

    def test_scales_the_pixels_inside(self, name, model, pixels):
        scaling, pixels = BACKBONES[name].scaling, pixels.astype("float32")
        by_hand = {"unit": lambda x: x / 255, "tf128": lambda x: x / 128 - 1, "included": lambda x: x / 255}
        expected = by_hand[scaling] if scaling in by_hand else functools.partial(preprocess_input, mode=scaling)
        layer = model.get_layer(index=2) if scaling == "included" else model.get_layer("scaling")
        found = keras.Model(model.input, layer.output)(255 - pixels if BACKBONES[name].light_on_dark else pixels)
        np.testing.assert_allclose(found, expected(pixels.copy()), atol=1e-4)

    def test_has_its_parameters_and_is_flat(self, name, model):
        row = BACKBONES[name]
        if row.has_imagenet_weights:
            head = (model.get_layer("pooling").output.shape[-1] + 1) * 3
            assert model.count_params() == row.parameters + head
        nested = [layer.name for layer in model.layers if isinstance(layer, keras.Model)]
        assert all("convnext" in name and isinstance(model.get_layer(part), keras.Sequential) for part in nested)

    def test_explains(self, model, pixels):
        heat = gradcam(model, pixels)
        assert heat.shape == pixels.shape[:3]
        assert np.isfinite(heat).all() and heat.min() >= 0 and heat.max() <= 1

    def test_saves_and_loads(self, model, pixels, logits, tmp_path):
        save_classifier(model, tmp_path / "model.keras", {"class_names": ["a", "b", "c"]})
        loaded = load_classifier(tmp_path / "model.keras")
        (tmp_path / "model.keras").unlink()
        assert loaded.class_names == ("a", "b", "c")
        loaded_logits = loaded(pixels.astype("float32"))
        np.testing.assert_allclose(loaded_logits, logits, atol=1e-4 * np.abs(logits).max())

    def test_trains_from_its_head_and_from_each_block(self, model):
        head = {"logits/kernel", "logits/bias"}
        train_from(model, "head")
        assert {weight.path for weight in model.trainable_weights} == head
        trained = []
        for block in blocks(model):
            train_from(model, block)
            trained.append(len(model.trainable_weights))
        assert trained and trained == sorted(trained, reverse=True) and len(head) < trained[-1]
        train_from(model, "all")
        assert len(model.trainable_weights) >= trained[0]


def test_rows_of_a_family_are_scaled_alike():
    families = {row.function[19:].rstrip("0123456789"): set() for row in BACKBONES.values() if row.is_application}
    for row in BACKBONES.values():
        if row.is_application:
            families[row.function[19:].rstrip("0123456789")].add(row.scaling)
    assert {name: kinds for name, kinds in families.items() if len(kinds) > 1} == {}


def test_every_application_of_keras_has_a_row():
    applications = {name for name, value in vars(keras.applications).items() if inspect.isfunction(value)}
    assert len(applications) > 30
    assert applications == {row.function[19:] for row in BACKBONES.values() if row.is_application}
