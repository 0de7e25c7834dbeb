import keras
import numpy as np
import pytest
from sklearn.metrics import top_k_accuracy_score

from keras_sketch.metrics import TopK

RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.normal(size=(40, 7)).astype("float32")
LABELS = RANDOM.integers(0, 7, 40)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_equals_scikit_learn_whatever_the_batches_and_the_kind_of_label(k):
    expected = top_k_accuracy_score(LABELS, LOGITS, k=k, labels=range(7))
    for labels in (LABELS, LABELS[:, None], np.eye(7, dtype="float32")[LABELS] * 0.6 + 0.4 / 7):
        metric = TopK(k)
        metric.update_state(labels[:33], LOGITS[:33])
        metric.update_state(labels[33:], LOGITS[33:])
        assert float(metric.result()) == pytest.approx(expected, abs=1e-6)


def test_of_fewer_classes_than_k_all_count():
    metric = TopK(5)
    metric.update_state(np.array([0, 1, 1]), np.zeros((3, 2), "float32"))
    assert float(metric.result()) == 1


def test_survives_its_config():
    metric = keras.metrics.deserialize(keras.metrics.serialize(TopK(5)))
    assert (metric.name, metric.k) == ("top5", 5)
