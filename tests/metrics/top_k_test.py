import keras
import numpy as np
import pytest

from keras_sketch.metrics import TopK

RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.normal(size=(40, 7)).astype("float32") * 3
LABELS = RANDOM.integers(0, 7, 40)


def result(metric, labels, logits):
    metric.reset_state()
    for part in (slice(0, 24), slice(24, None)):
        metric.update_state(labels[part], logits[part])
    return float(metric.result())


@pytest.mark.parametrize("k", [1, 2, 5, 7])
def test_equals_keras_on_integers(k):
    expected = result(keras.metrics.SparseTopKCategoricalAccuracy(k), LABELS, LOGITS)
    assert result(TopK(k), LABELS, LOGITS) == pytest.approx(expected, abs=1e-6)
    assert result(TopK(k), LABELS[:, None], LOGITS) == pytest.approx(expected, abs=1e-6)
    ranks = (LOGITS >= LOGITS[np.arange(40), LABELS][:, None]).sum(axis=1)
    assert expected == pytest.approx((ranks <= k).mean(), abs=1e-6)


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize(
    "logits",
    [
        np.zeros((4, 5), "float32"),
        np.array([[2, 2, 2, 1, 0], [3, 2, 2, 2, 1], [1, 1, 0, 0, 0], [0, 0, 0, 0, 9]], "float32"),
        np.array([[np.nan, 1, 0, 0, 0], [np.inf, 1, 0, 0, 0], [0, 0, -np.inf, 0, 0], [9, 0, 0, 0, 0]], "float32"),
    ],
)
def test_ties_and_what_is_not_finite_count_as_in_keras(logits, k):
    labels = np.array([0, 1, 2, 3])
    expected = result(keras.metrics.SparseTopKCategoricalAccuracy(k), labels, logits)
    assert result(TopK(k), labels, logits) == pytest.approx(expected)


@pytest.mark.parametrize("k", [1, 3])
def test_the_class_of_a_mixed_picture_is_the_one_with_the_largest_share(k):
    others = (LABELS + RANDOM.integers(1, 7, 40)) % 7
    own = RANDOM.uniform(0.55, 1, 40)[:, None]
    shares = (own * np.eye(7)[LABELS] + (1 - own) * np.eye(7)[others]).astype("float32")
    assert result(TopK(k), shares, LOGITS) == pytest.approx(result(TopK(k), LABELS, LOGITS))


def test_survives_its_config():
    metric = keras.metrics.deserialize(keras.metrics.serialize(TopK(3, "top3")))
    assert isinstance(metric, TopK)
    assert (metric.k, metric.name) == (3, "top3")
    assert result(metric, LABELS, LOGITS) == result(TopK(3), LABELS, LOGITS)
