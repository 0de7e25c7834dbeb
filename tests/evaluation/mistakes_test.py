import itertools

import numpy as np
import pytest

from keras_sketch.evaluation.intervals import effective_size, wilson_interval
from keras_sketch.evaluation.mistakes import same_branch, wrong_answers

# Two fish, a bird, a puzzle, a pizza.
WNIDS = ["n01440764", "n01443537", "n01530575", "n03598930", "n07873807"]


def test_the_most_frequent_wrong_answers():
    labels = np.array([0, 0, 1, 2, 3, 4, 4])
    predicted = np.array([3, 0, 3, 3, 3, 1, 3])
    assert wrong_answers(labels, predicted, WNIDS) == [
        {"class": WNIDS[3], "count": 4, "share": 0.8, "true_classes": 4},
        {"class": WNIDS[1], "count": 1, "share": 0.2, "true_classes": 1},
    ]
    assert [row["count"] for row in wrong_answers(labels, predicted, WNIDS, limit=1)] == [4]
    assert wrong_answers(labels, labels, WNIDS) == []


def test_errors_in_the_branch_and_by_chance():
    rng = np.random.default_rng(0)
    labels, predicted = rng.integers(0, 5, (2, 40))
    found = same_branch(labels, predicted, WNIDS)
    animal = np.array([True, True, True, False, False])
    errors = [(true, answer) for true, answer in zip(labels, predicted, strict=True) if true != answer]
    # A puzzle is a game and a pizza food: only an animal can stay among its own.
    inside = [animal[true] and animal[answer] for true, answer in errors]
    assert found["num_errors"] == len(errors) and found["share"] == pytest.approx(np.mean(inside))
    assert found["interval"] == pytest.approx(wilson_interval(sum(inside), len(inside)))
    dealt = [
        animal[true] and animal[answer]
        for (true, _), (_, answer) in itertools.product(errors, errors)
        if true != answer
    ]
    assert found["chance"] == pytest.approx(np.mean(dealt))


def test_siblings_widen_the_interval():
    labels, predicted = np.repeat([0, 0, 3, 1, 4, 2], 5), np.repeat([1, 3, 0, 2, 4, 4], 5)
    groups = np.repeat(list("abcdef"), 5)
    wrong = labels != predicted
    found = same_branch(labels, predicted, WNIDS, groups)
    size = effective_size(np.repeat([1, 0, 0, 1, 0], 5), groups[wrong])
    assert found["interval"] == pytest.approx(wilson_interval(0.4 * size, size)) and size < 25


def test_without_branches_or_errors_there_is_no_share():
    labels, predicted = np.array([0, 1]), np.array([1, 1])
    assert same_branch(labels, predicted, ["goldfish", "tench"]) is None
    assert same_branch(labels, predicted, ["n00000001", "n01440764"]) is None
    assert same_branch(labels, labels, WNIDS) is None
    # The one error there is stays what it is, however it is dealt.
    assert same_branch(labels, predicted, WNIDS)["chance"] == 1
