import keras
import numpy as np
import pytest
from keras import layers

from keras_sketch.errors import UnknownNameError
from keras_sketch.explain import activations, forward

SIDE = 12


def pixels(count=5):
    return np.random.default_rng(0).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)


def flat(policy="float32"):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((SIDE, SIDE, 3))
    x = layers.Conv2D(5, 3, activation="relu", name="first", dtype=policy)(layers.Rescaling(1 / 255)(inputs))
    x = layers.Conv2D(6, 3, name="second", dtype=policy)(x)
    return keras.Model(inputs, layers.Dense(4, dtype="float32")(layers.GlobalAveragePooling2D()(x)))


def by_submodel(model, name, images):
    return np.asarray(keras.Model(model.input, model.get_layer(name).output)(images.astype(np.float32)), np.float32)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_any_layer_of_a_flat_model(policy):
    model = flat(policy)
    for name in ("first", "second"):
        values = activations(model, pixels(), name)
        assert values.dtype == np.float32
        np.testing.assert_allclose(
            values, by_submodel(model, name, pixels()), atol=1e-6 if policy == "float32" else 1e-3
        )
    np.testing.assert_array_equal(activations(model, pixels()), activations(model, pixels(), "second"))


def test_nested_and_loaded_models(tmp_path):
    inner = flat()
    inputs = keras.Input((SIDE, SIDE, 3))
    backbone = keras.Model(inner.input, inner.get_layer("second").output, name="backbone")
    model = keras.Model(inputs, layers.Dense(3)(layers.GlobalMaxPooling2D()(backbone(inputs))))
    expected = by_submodel(inner, "first", pixels())
    np.testing.assert_allclose(activations(model, pixels(), "backbone/first"), expected, atol=1e-6)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(activations(loaded, pixels(), "first"), expected, atol=1e-6)


def test_one_image_none_and_many(monkeypatch):
    model, images = flat(), pixels(7)
    values = activations(model, images, "first")
    assert activations(model, images[0], "first").shape == (1, 10, 10, 5)
    assert activations(model, images[:0], "first").shape == (0, 10, 10, 5)
    monkeypatch.setattr(forward, "CHUNK", 3)
    np.testing.assert_allclose(activations(model, images, "first"), values, atol=1e-6)


def test_an_unknown_layer_is_named():
    with pytest.raises(UnknownNameError, match="Did you mean 'first'"):
        activations(flat(), pixels(), "frist")
