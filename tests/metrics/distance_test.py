import keras
import numpy as np
import pytest

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.metrics import HaversineDistance, haversine_km

RANDOM = np.random.default_rng(0)
CENTROIDS = np.stack([RANDOM.uniform(-90, 90, 7), RANDOM.uniform(-180, 180, 7)], axis=-1)
LOGITS = RANDOM.normal(size=(40, 7)).astype("float32") * 3
LABELS = RANDOM.integers(0, 7, 40)
EXPECTED = haversine_km(CENTROIDS[LABELS], CENTROIDS[LOGITS.argmax(axis=1)]).mean()


def result(metric, labels, logits):
    for part in (slice(0, 24), slice(24, None)):
        metric.update_state(labels[part], logits[part])
    return float(metric.result())


@pytest.mark.parametrize("labels", [LABELS, LABELS[:, None], LABELS.astype("float32"), np.eye(7)[LABELS]])
def test_is_the_mean_distance_of_the_best_guess(labels):
    assert result(HaversineDistance(CENTROIDS), labels, LOGITS) == pytest.approx(EXPECTED, rel=1e-5)
    assert result(HaversineDistance(CENTROIDS), labels, LOGITS.astype("float16")) == pytest.approx(EXPECTED, rel=1e-5)


def test_the_class_of_a_mixed_picture_is_the_one_with_the_largest_share():
    shares = 0.6 * np.eye(7)[LABELS] + 0.4 * np.eye(7)[(LABELS + 3) % 7]
    assert result(HaversineDistance(CENTROIDS), shares, LOGITS) == pytest.approx(EXPECTED, rel=1e-5)


def test_right_guesses_are_0_km_away():
    assert result(HaversineDistance(CENTROIDS), LABELS, 9 * np.eye(7, dtype="float32")[LABELS]) == 0


def test_needs_a_place_for_each_class():
    with pytest.raises(InvalidArgumentError, match="as many as there are logits, 7"):
        HaversineDistance(CENTROIDS[:5]).update_state(LABELS, LOGITS)
    with pytest.raises(InvalidArgumentError, match="centroids"):
        HaversineDistance([[100, 0]])


def test_survives_its_config():
    metric = keras.metrics.deserialize(keras.metrics.serialize(HaversineDistance(CENTROIDS, "km")))
    assert isinstance(metric, HaversineDistance)
    assert metric.name == "km"
    assert result(metric, LABELS, LOGITS) == pytest.approx(EXPECTED, rel=1e-5)
