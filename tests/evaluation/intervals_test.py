import math
import time

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import precision_recall_fscore_support

from keras_sketch.evaluation.intervals import (
    average_scores,
    bootstrap_intervals,
    effective_size,
    paired_difference,
    wilson_interval,
)


@pytest.mark.parametrize(("successes", "trials"), [(0, 1), (1, 1), (3, 10), (88, 100), (2000, 2000), (7, 1_000_000)])
def test_wilson_agrees_with_scipy(successes, trials):
    expected = stats.binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    assert wilson_interval(successes, trials) == pytest.approx((expected.low, expected.high), abs=1e-9)


def grouped(rng, count, members, spread):
    """Groups whose own accuracies differ: hits and names."""
    accuracies = np.clip(rng.normal(0.7, spread, count), 0, 1)
    return (rng.random((count, members)) < accuracies[:, None]).ravel(), np.repeat(np.arange(count), members)


def test_copies_count_once_and_independent_examples_fully():
    hits = np.random.default_rng(0).random(300) < 0.7
    copies, names = np.repeat(hits, 5), np.repeat(np.arange(300), 5)
    assert effective_size(copies, names) == pytest.approx(300, rel=0.01)
    assert effective_size(hits, np.arange(300)) == pytest.approx(300, rel=0.01)
    assert effective_size(np.ones(50, bool), np.arange(50) // 5) == 10
    assert effective_size(hits[:5], np.zeros(5)) == 1


def test_the_effective_size_agrees_with_drawing_groups_again():
    rng = np.random.default_rng(1)
    hits, names = grouped(rng, 60, 6, 0.25)
    means = hits.reshape(60, 6).mean(axis=1)
    drawn = means[rng.integers(0, 60, (4000, 60))].mean(axis=1)
    share = hits.mean()
    assert np.sqrt(share * (1 - share) / effective_size(hits, names)) == pytest.approx(drawn.std(), rel=0.1)


def test_intervals_over_groups_hold_the_truth():
    rng = np.random.default_rng(2)
    truth = np.clip(rng.normal(0.7, 0.25, 1_000_000), 0, 1).mean()
    held = {"groups": 0, "examples": 0}
    for _ in range(300):
        hits, names = grouped(rng, 40, 6, 0.25)
        for kind, size in (("groups", effective_size(hits, names)), ("examples", len(hits))):
            low, high = wilson_interval(hits.mean() * size, size)
            held[kind] += low <= truth <= high
    assert held["groups"] / 300 > 0.91 > held["examples"] / 300


def test_the_bootstrap_over_groups_agrees_with_drawing_groups_again():
    rng = np.random.default_rng(3)
    labels, names = np.repeat(rng.integers(0, 3, 50), 6), np.repeat(np.arange(50), 6)
    wrong = np.repeat(rng.random(50) < 0.3, 6)
    predicted = np.where(wrong, (labels + 1) % 3, labels)
    resampled = []
    for _ in range(800):
        chosen = (rng.integers(0, 50, 50)[:, None] * 6 + np.arange(6)).ravel()
        resampled.append(
            precision_recall_fscore_support(labels[chosen], predicted[chosen], average="macro", zero_division=0)[2]
        )
    low, high = bootstrap_intervals(labels, predicted, 3, resamples=4000, groups=names)["f1"]
    expected = np.percentile(resampled, [2.5, 97.5])
    assert high - low == pytest.approx(expected[1] - expected[0], rel=0.15)
    alone = bootstrap_intervals(labels, predicted, 3, resamples=4000)["f1"]
    assert high - low > 1.7 * (alone[1] - alone[0])


def test_wilson_of_a_textbook_example():
    # 20 of 100: 0.1334 to 0.2888, e.g. Newcombe 1998, method 3.
    assert wilson_interval(20, 100) == pytest.approx((0.1334, 0.2888), abs=5e-5)


def counts_of(labels, predicted, num_classes):
    return (
        np.bincount(labels[labels == predicted], minlength=num_classes),
        np.bincount(labels, minlength=num_classes),
        np.bincount(predicted, minlength=num_classes),
    )


@pytest.mark.parametrize("num_classes", [2, 5, 40])
def test_averages_agree_with_scikit_learn(num_classes):
    rng = np.random.default_rng(num_classes)
    labels, predicted = rng.integers(0, num_classes, (2, 30))
    scores = average_scores(*counts_of(labels, predicted, num_classes))
    for average, suffix in (("macro", ""), ("weighted", "_weighted")):
        expected = precision_recall_fscore_support(
            labels, predicted, labels=np.unique(labels), average=average, zero_division=0
        )[:3]
        assert [scores[f"{name}{suffix}"] for name in ("precision", "recall", "f1")] == pytest.approx(expected)


def test_bootstrap_agrees_with_resampling_the_examples():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 300)
    predicted = np.where(rng.random(300) < 0.7, labels, rng.integers(0, 4, 300))
    resampled = []
    for _ in range(800):
        chosen = rng.integers(0, 300, 300)
        resampled.append(
            precision_recall_fscore_support(labels[chosen], predicted[chosen], average="macro", zero_division=0)[2]
        )
    low, high = bootstrap_intervals(labels, predicted, 4, resamples=4000)["f1"]
    expected = np.percentile(resampled, [2.5, 97.5])
    assert high - low == pytest.approx(expected[1] - expected[0], rel=0.15)
    assert (low, high) == pytest.approx(expected, abs=0.015)


def test_bootstrap_repeats_with_its_seed_and_holds_the_score():
    rng = np.random.default_rng(1)
    labels, predicted = rng.integers(0, 100, (2, 150))
    predicted[:100] = labels[:100]
    intervals = bootstrap_intervals(labels, predicted, 100)
    assert intervals == bootstrap_intervals(labels, predicted, 100)
    assert intervals != bootstrap_intervals(labels, predicted, 100, seed=1)
    for name, score in average_scores(*counts_of(labels, predicted, 100)).items():
        low, high = intervals[name]
        assert 0 <= low < score < high <= 1


def test_bootstrap_without_a_mistake():
    labels = np.arange(50) % 5
    assert set(bootstrap_intervals(labels, labels, 5).values()) == {(1.0, 1.0)}


def test_bootstrap_of_10_000_examples_and_345_classes_is_quick():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 345, 10_000)
    predicted = np.where(rng.random(10_000) < 0.6, labels, rng.integers(0, 345, 10_000))
    start = time.process_time()
    bootstrap_intervals(labels, predicted, 345)
    assert time.process_time() - start < 2  # of processor time, whatever else runs


def test_paired_difference_by_hand():
    # Of 100 examples 70 are right in both, 12 only in the second, 5 only in the first.
    first = np.array([1] * 70 + [0] * 12 + [1] * 5 + [0] * 13)
    second = np.array([1] * 70 + [1] * 12 + [0] * 5 + [0] * 13)
    found = paired_difference(first, second)
    assert (found.difference, found.gained, found.lost) == (pytest.approx(0.07), 12, 5)
    # Half an example more in each cell: 12.5 and 5.5 of 102.
    centre, variance = 7 / 102, (12.5 + 5.5 - 7**2 / 102) / 102**2
    half = 1.959963984540054 * math.sqrt(variance)
    assert found.interval == pytest.approx((centre - half, centre + half))
    other = paired_difference(second, first)
    assert other.interval == pytest.approx((-found.interval[1], -found.interval[0]))


def test_paired_difference_of_equal_predictions_has_a_width():
    low, high = paired_difference(np.ones(50), np.ones(50)).interval
    assert low == -high and 0.01 < high < 0.06


def test_paired_intervals_hold_the_true_difference():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(500):
        draws = rng.random(200)  # below 0.03: only the first is right; up to 0.3: only the second; above: both
        low, high = paired_difference((draws < 0.03) | (draws > 0.3), draws >= 0.03).interval
        held += low <= 0.27 - 0.03 <= high
    assert 0.92 < held / 500 <= 1
