import keras
import numpy as np
import pytest

from keras_sketch.losses import CrossEntropy

LOGITS = np.random.default_rng(0).normal(size=(6, 5)).astype("float32") * 3
LABELS = np.array([0, 4, 2, 2, 1, 3])


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.7])
def test_equals_keras_on_one_hot_targets(smoothing):
    keras_loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
    expected = float(keras_loss(np.eye(5, dtype="float32")[LABELS], LOGITS))
    assert float(CrossEntropy(smoothing)(LABELS, LOGITS)) == pytest.approx(expected, abs=1e-6)
    assert float(CrossEntropy(smoothing)(LABELS[:, None], LOGITS)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_equals_keras_on_shares_of_classes(smoothing):
    shares = np.random.default_rng(1).dirichlet(np.ones(5), 6).astype("float32")
    keras_loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
    assert float(CrossEntropy(smoothing)(shares, LOGITS)) == pytest.approx(float(keras_loss(shares, LOGITS)), abs=1e-6)
    whole = np.eye(5, dtype="float32")[LABELS]
    of_labels = float(CrossEntropy(smoothing)(LABELS, LOGITS))
    assert float(CrossEntropy(smoothing)(whole, LOGITS)) == pytest.approx(of_labels, abs=1e-6)


def test_equals_keras_on_integers():
    expected = float(keras.losses.SparseCategoricalCrossentropy(from_logits=True)(LABELS, LOGITS))
    assert float(CrossEntropy()(LABELS, LOGITS)) == pytest.approx(expected, abs=1e-6)


def test_is_finite_for_sure_mistakes_in_half_precision():
    logits = np.array([[-6e4, 6e4]], "float16")
    assert np.isfinite(float(CrossEntropy(0.1)(np.array([0]), logits)))


def test_survives_its_config():
    loss = keras.losses.deserialize(keras.losses.serialize(CrossEntropy(0.2)))
    assert loss.label_smoothing == 0.2
