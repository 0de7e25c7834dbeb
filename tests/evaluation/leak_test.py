import numpy as np
import pytest

from keras_sketch.evaluation.intervals import effective_size, unpaired_difference, wilson_interval
from keras_sketch.evaluation.leak import accuracy, sibling_scores, untrained_scores

HITS = np.array([1, 1, 1, 0, 1, 0, 0, 1], bool)
GROUPS = ["a", "a", "b", "b", "c", "d", "d", "e"]


def test_newcombes_example():
    # Newcombe 1998, table II, method 10: 56/70 against 48/80 gives 0.0524 to 0.3339.
    shares = (48 / 80, wilson_interval(48, 80), 56 / 70, wilson_interval(56, 70))
    difference, interval = unpaired_difference(*shares)
    assert difference == pytest.approx(0.2)
    assert interval == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_accuracy_allows_for_siblings():
    found, size = accuracy(HITS, GROUPS), effective_size(HITS, np.array(GROUPS))
    assert (found["top1"], found["num_examples"], found["num_groups"]) == (5 / 8, 8, 5)
    assert found["interval"] == pytest.approx(wilson_interval(5 / 8 * size, size))
    assert accuracy(HITS)["interval"] == pytest.approx(wilson_interval(5, 8)) and accuracy(HITS)["num_groups"] == 8


def test_examples_with_a_sibling_in_training_against_those_without():
    found = sibling_scores(HITS, GROUPS, ["a", "c", "e", "x"])
    assert found["with"] == accuracy([1, 1, 1, 1], ["a", "a", "c", "e"])
    assert found["without"] == accuracy([1, 0, 0, 0], ["b", "b", "d", "d"])
    assert found["difference"] == 0.75 and found["interval"][0] < 0.75 < found["interval"][1]
    assert sibling_scores(HITS, GROUPS, ["x"]) is None
    assert set(sibling_scores(HITS, GROUPS, GROUPS)) == {"with"}


def test_classes_without_a_training_example():
    labels, predicted = np.array([0, 0, 1, 2, 2]), np.array([0, 1, 1, 0, 0])
    found = untrained_scores(labels, predicted, ["x", "y", "z", "w"], [3, 1, 0, 0])
    assert found == {"classes": ["z"], "num_examples": 2, "others": accuracy([1, 0, 1])}
    assert untrained_scores(labels, predicted, ["x", "y", "z", "w"], [3, 1, 2, 0]) is None
    assert "others" not in untrained_scores(labels[3:], predicted[3:], ["x", "y", "z", "w"], [3, 1, 0, 0])
