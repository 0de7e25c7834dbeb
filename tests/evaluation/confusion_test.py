import numpy as np
import pytest

from keras_sketch.evaluation.confusion import (
    ConfusedPair,
    cluster_classes,
    confusion_counts,
    most_confused_pairs,
)


def test_counts():
    counts = confusion_counts(np.array([0, 0, 2, 2]), np.array([0, 2, 2, 1]), 4)
    assert counts.tolist() == [[1, 0, 1, 0], [0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]]


def test_pairs_with_the_most_mistakes_come_first():
    counts = np.array([[90, 10, 0], [5, 4, 1], [10, 0, 10]])
    assert most_confused_pairs(counts, 3) == [
        ConfusedPair(2, 0, 10, 0.5),
        ConfusedPair(0, 1, 10, 0.1),
        ConfusedPair(1, 0, 5, 0.5),
    ]
    assert len(most_confused_pairs(counts, 9)) == 4


def test_no_mistake_no_pair():
    assert most_confused_pairs(np.diag([3, 2, 0]), 5) == []


def test_classes_that_are_confused_share_a_group():
    rng = np.random.default_rng(0)
    groups = rng.permutation(np.repeat(np.arange(6), 8))
    chances = np.where(groups[:, None] == groups, 0.05, 0.001) + 0.6 * np.eye(48)
    counts = np.stack([rng.multinomial(60, row / row.sum()) for row in chances])
    order, clusters = cluster_classes(counts, 6)
    assert sorted(order) == list(range(48))
    assert (np.diff(clusters) >= 0).all()
    assert [len(set(groups[order[clusters == cluster]])) for cluster in range(6)] == [1] * 6


@pytest.mark.parametrize("counts", [np.eye(50, dtype=int), np.zeros((50, 50), int), np.ones((2, 2), int)])
def test_degenerate_matrices_are_clustered(counts):
    order, clusters = cluster_classes(counts, 5)
    assert sorted(order) == list(range(len(counts)))
    assert clusters[0] == 0 and clusters[-1] < 5
