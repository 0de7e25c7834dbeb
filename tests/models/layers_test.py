import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_sketch.models.layers import CosineLogits

FEATURES = np.random.default_rng(0).normal(size=(4, 5)).astype("float32")


def cosines(features, kernel):
    lengths = np.linalg.norm(features, axis=1, keepdims=True) * np.linalg.norm(kernel, axis=0, keepdims=True)
    return features @ kernel / lengths


def test_logits_are_scaled_cosines():
    layer = CosineLogits(3, scale=30.0)
    logits = np.array(layer(FEATURES))
    np.testing.assert_allclose(logits, 30 * cosines(FEATURES, np.array(layer.kernel)), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(layer(7 * FEATURES), logits, rtol=1e-4, atol=1e-5)
    layer.kernel.assign(3 * layer.kernel)
    np.testing.assert_allclose(layer(FEATURES), logits, rtol=1e-4, atol=1e-5)
    assert [weight.name for weight in layer.weights] == ["kernel"]


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_they_are_float32_under_mixed_precision(precision):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        layer = CosineLogits(3, scale=64.0)
    finally:
        keras.config.set_dtype_policy(before)
    half = tf.cast(FEATURES, precision.removeprefix("mixed_"))
    logits = layer(half)
    assert logits.dtype == "float32"
    expected = 64 * cosines(np.array(half, "float32"), np.array(layer.kernel))
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)


def test_features_and_classes_of_zeros_are_safe():
    features = tf.constant(np.concatenate([np.zeros((1, 5)), np.full((1, 5), 6e4), FEATURES]), "float32")
    layer = CosineLogits(3, scale=30.0)
    layer(features)
    layer.kernel.assign(np.array(layer.kernel) * [0, 1, 1])
    with tf.GradientTape() as tape:
        tape.watch(features)
        logits = layer(features)
        total = tf.reduce_sum(tf.square(logits - 1))
    assert np.isfinite(logits).all() and np.abs(logits).max() <= 30.001
    np.testing.assert_array_equal(logits[0], 0)
    by_features, by_kernel = tape.gradient(total, [features, layer.kernel.value])
    assert np.isfinite(by_features).all() and np.isfinite(by_kernel).all()
    np.testing.assert_array_equal(by_features[0], 0)


def test_it_survives_saving(tmp_path):
    inputs = keras.Input((5,))
    model = keras.Model(inputs, CosineLogits(3, scale=16.0)(inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(FEATURES), model(FEATURES))
    assert loaded.output_shape == (None, 3)
