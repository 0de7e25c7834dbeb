import numpy as np
import pytest

from keras_sketch.errors import BadDataError
from keras_sketch.evaluation.breakdown import accuracy_by
from keras_sketch.evaluation.intervals import wilson_interval


def test_every_example_is_in_one_row():
    rng = np.random.default_rng(0)
    values = rng.choice(["US", "DE", "FR", "IT", "ES", ""], 500, p=[0.6, 0.3, 0.06, 0.02, 0.01, 0.01])
    labels, predicted = rng.integers(0, 3, (2, 500))
    rows = accuracy_by(values, labels, predicted, min_count=20)
    assert [row.value for row in rows] == ["US", "DE", "FR", "other"]
    assert sum(row.num_examples for row in rows) == 500
    assert [row.pooled for row in rows] == [1, 1, 1, 3]
    for row in rows[:-1]:
        hits = [
            label == guess for value, label, guess in zip(values, labels, predicted, strict=True) if value == row.value
        ]
        assert row.num_examples == len(hits)
        assert row.top1 == pytest.approx(np.mean(hits))
        assert row.interval == wilson_interval(sum(hits), len(hits))
    overall = sum(row.top1 * row.num_examples for row in rows) / 500
    assert overall == pytest.approx((labels == predicted).mean())


def test_one_small_value_keeps_its_name():
    rows = accuracy_by([True] * 30 + [False] * 2, np.zeros(32, int), np.zeros(32, int))
    assert [(row.value, row.num_examples) for row in rows] == [("true", 30), ("false", 2)]


def test_missing_values_are_a_group_of_their_own():
    rows = accuracy_by([None, b"US", b"US"], np.array([0, 1, 1]), np.array([1, 1, 0]), min_count=1)
    assert [(row.value, row.num_examples, row.top1) for row in rows] == [("US", 2, 0.5), ("", 1, 0.0)]


def test_lengths_that_differ_are_refused():
    with pytest.raises(BadDataError, match="3 values, 2 labels and 2 predictions"):
        accuracy_by(["a"] * 3, np.zeros(2, int), np.zeros(2, int))
