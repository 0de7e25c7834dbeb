import keras
import numpy as np
import pytest

from keras_sketch.losses import BinaryCrossEntropy

LOGITS = np.random.default_rng(0).normal(size=(6, 5)).astype("float32") * 3
LABELS = np.array([0, 4, 2, 2, 1, 3])
ONE_HOT = np.eye(5, dtype="float32")[LABELS]


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.7])
def test_equals_keras_on_one_hot_targets_and_on_shares(smoothing):
    loss = BinaryCrossEntropy(smoothing)
    keras_loss = keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=smoothing)
    expected = float(keras_loss(ONE_HOT, LOGITS))
    assert float(loss(LABELS, LOGITS)) == pytest.approx(expected, abs=1e-6)
    assert float(loss(LABELS[:, None], LOGITS)) == pytest.approx(expected, abs=1e-6)
    shares = np.random.default_rng(1).dirichlet(np.ones(5), 6).astype("float32")
    assert float(loss(shares, LOGITS)) == pytest.approx(float(keras_loss(shares, LOGITS)), abs=1e-6)


def test_is_the_mean_of_the_classes_own_cross_entropies():
    sigmoid = 1 / (1 + np.exp(-LOGITS.astype(float)))
    expected = -(ONE_HOT * np.log(sigmoid) + (1 - ONE_HOT) * np.log(1 - sigmoid)).mean(axis=1)
    assert np.allclose(BinaryCrossEntropy().call(LABELS, LOGITS), expected, atol=1e-6)
    assert np.allclose(BinaryCrossEntropy().call(LABELS, 0 * LOGITS), np.log(2))


def test_is_exact_for_large_logits_in_half_precision():
    logits = np.array([[6e4, -6e4, -6e4], [-6e4, 6e4, 6e4]], "float16")
    values = np.asarray(BinaryCrossEntropy().call(np.array([0, 0]), logits))
    assert values[0] == 0
    assert values[1] == pytest.approx(float(np.float16(6e4)))
