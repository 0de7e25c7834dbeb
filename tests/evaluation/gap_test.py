import numpy as np
import pytest

from keras_sketch.evaluation.gap import _draws, _resampled, gap_interval
from keras_sketch.metrics import global_average_precision


def guesses(count, seed=0, skill=0.5, distractors=0.1):
    rng = np.random.default_rng(seed)
    labels = np.where(rng.random(count) < distractors, -1, rng.integers(0, 9, count))
    predicted = np.where(rng.random(count) < skill, np.maximum(labels, 0), rng.integers(0, 9, count))
    return labels, predicted, np.round(rng.normal(size=count) + (labels == predicted), 2)


def test_a_resample_is_the_gap_of_its_examples_written_out():
    labels, predicted, scores = guesses(60)
    order = np.argsort(-scores, kind="stable")
    labels, predicted, scores = labels[order], predicted[order], scores[order]
    copies = _draws(np.random.default_rng(1), 60, 50)
    assert (copies.sum(axis=1) == 60).all() and copies.max() > 3
    found = _resampled(copies, np.flatnonzero(labels == predicted), labels >= 0)
    expected = [
        global_average_precision(*(np.repeat(each, times) for each in (labels, predicted, scores))) for times in copies
    ]
    assert np.allclose(found, expected, atol=1e-12)


def test_the_interval_holds_the_true_gap_about_as_often_as_it_says():
    truth = global_average_precision(*guesses(400_000, seed=99))
    found = [gap_interval(*guesses(300, seed=seed), resamples=300) for seed in range(200)]
    held = np.mean([low <= truth <= high for low, high in found])
    assert 0.89 <= held <= 0.99


def test_groups_that_stay_together_widen_it():
    labels, predicted, scores = (np.repeat(each, 10) for each in guesses(50))
    alone = gap_interval(labels, predicted, scores)
    together = gap_interval(labels, predicted, scores, np.repeat([f"g{i}" for i in range(50)], 10))
    assert together[1] - together[0] > 2 * (alone[1] - alone[0])
    each_its_own = gap_interval(labels, predicted, scores, [f"{i:03}" for i in range(500)])
    assert each_its_own == pytest.approx(alone, abs=0.01)


def test_the_same_seed_gives_the_same_interval_in_any_order_of_distinct_scores():
    labels, predicted, scores = guesses(100)
    scores = scores + np.linspace(0, 1e-3, 100)
    shuffle = np.random.default_rng(2).permutation(100)
    first = gap_interval(labels, predicted, scores)
    assert first == gap_interval(labels[shuffle], predicted[shuffle], scores[shuffle])
    assert first != gap_interval(labels, predicted, scores, seed=1)


@pytest.mark.parametrize(
    ("labels", "predicted", "expected"), [([-1, -1], [0, 1], 0), ([0, 1], [1, 0], 0), ([0], [0], 1)]
)
def test_without_any_chance_it_has_no_width(labels, predicted, expected):
    assert gap_interval(np.array(labels), np.array(predicted), np.ones(len(labels))) == (expected, expected)
