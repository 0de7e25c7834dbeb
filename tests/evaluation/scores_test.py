import json

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    precision_score,
    recall_score,
    top_k_accuracy_score,
)

from keras_sketch.errors import BadDataError
from keras_sketch.evaluation.scores import class_scores, classification_scores, missing_scores, write_metrics

KEYS = ["top1", "top5", "precision", "recall", "f1", "precision_weighted", "recall_weighted", "f1_weighted", "gap"]


def predictions(num_examples, num_classes, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, num_classes, num_examples)
    probabilities = rng.random((num_examples, num_classes))
    probabilities[np.arange(num_examples), labels] += 0.4
    return labels, (probabilities / probabilities.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("num_classes", [6, 30])
def test_scores_agree_with_scikit_learn(num_classes):
    labels, probabilities = predictions(200, num_classes)
    scores = classification_scores(labels, probabilities)
    predicted = probabilities.argmax(axis=1)
    assert scores["top1"] == pytest.approx(accuracy_score(labels, predicted))
    assert scores["top5"] == pytest.approx(
        top_k_accuracy_score(labels, probabilities, k=5, labels=np.arange(num_classes))
    )
    for name, function in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
        assert scores[name] == pytest.approx(function(labels, predicted, average="macro", zero_division=0))
        weighted = function(labels, predicted, average="weighted", zero_division=0)
        assert scores[f"{name}_weighted"] == pytest.approx(weighted)


def test_keys_and_intervals():
    scores = classification_scores(*predictions(100, 8))
    assert list(scores) == [*KEYS, "num_examples", "num_groups", "intervals"]
    assert scores["num_examples"] == 100
    assert set(scores["intervals"]) == set(KEYS)
    for key, (low, high) in scores["intervals"].items():
        assert 0 <= low < scores[key] < high <= 1


@pytest.mark.parametrize("num_classes", [2, 3, 5])
def test_top5_of_few_classes_is_1_by_definition(num_classes):
    scores = classification_scores(*predictions(20, num_classes))
    assert scores["top5"] == 1
    assert scores["intervals"]["top5"] == [1, 1]


def test_a_class_that_does_not_occur_has_no_part_in_the_averages():
    labels, probabilities = predictions(100, 4)
    wider = np.concatenate([probabilities, np.zeros((100, 3), np.float32)], axis=1)
    narrow, wide = classification_scores(labels, probabilities), classification_scores(labels, wider)
    for key in ("precision", "recall", "f1"):
        assert wide[key] == narrow[key]


def test_the_averages_of_a_wide_network_are_those_of_the_classes_with_examples():
    rng = np.random.default_rng(1)
    labels, probabilities = rng.choice([3, 70, 71, 400], 60), rng.random((60, 1000))
    probabilities[
        np.arange(60),
        np.where(rng.random(60) < 0.5, labels, rng.choice([70, *range(500, 520)], 60, p=[0.5] + 20 * [0.025])),
    ] += 1
    scores, predicted = classification_scores(labels, probabilities), probabilities.argmax(axis=1)
    assert len(set(predicted) - set(labels)) > 5
    for name, function in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
        by_hand = function(labels, predicted, labels=[3, 70, 71, 400], average="macro", zero_division=0)
        assert scores[name] == pytest.approx(by_hand)
        low, high = scores["intervals"][name]
        assert low < scores[name] < high
    assert scores["recall"] == pytest.approx(np.mean([(predicted == k)[labels == k].mean() for k in set(labels)]))


def test_equal_probabilities_are_no_hit_for_later_classes():
    scores = classification_scores(np.array([0, 5, 6]), np.full((3, 7), 1 / 7))
    assert (scores["top1"], scores["top5"]) == (1 / 3, 1 / 3)


def test_values_that_are_not_finite_are_refused():
    labels, probabilities = predictions(10, 3)
    probabilities[4] = np.nan
    with pytest.raises(BadDataError, match="1 of 10 examples"):
        classification_scores(labels, probabilities)


def test_scores_of_each_class():
    labels, predicted = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 1, 3])
    scores = class_scores(labels, predicted, 5)
    assert scores.precision == pytest.approx([1, 2 / 3, 0, 0, 0])
    assert scores.recall == pytest.approx([2 / 3, 1, 0, 0, 0])
    assert scores.f1 == pytest.approx([0.8, 0.8, 0, 0, 0])
    assert scores.support.tolist() == [3, 2, 1, 0, 0]
    assert scores.predicted.tolist() == [2, 3, 0, 1, 0]
    assert scores.worst_first().tolist() == [2, 0, 1, 3, 4]


def test_metrics_are_plain_json(tmp_path):
    scores = classification_scores(*predictions(50, 6))
    write_metrics(tmp_path / "metrics.json", {**scores, "median_km": np.float32(0.5), "counts": np.arange(2)})
    read = json.loads((tmp_path / "metrics.json").read_text())
    assert read == {**scores, "median_km": 0.5, "counts": [0, 1]}
    assert [file.name for file in tmp_path.iterdir()] == ["metrics.json"]


def test_a_metric_that_is_not_finite_leaves_the_old_file(tmp_path):
    write_metrics(tmp_path / "metrics.json", {"top1": 0.5})
    with pytest.raises(BadDataError, match="not a finite number"):
        write_metrics(tmp_path / "metrics.json", {"top1": np.float64("nan")})
    assert json.loads((tmp_path / "metrics.json").read_text()) == {"top1": 0.5}


def test_siblings_widen_every_interval():
    labels, probabilities = predictions(200, 8)
    labels, probabilities = np.repeat(labels, 4), np.repeat(probabilities, 4, axis=0)
    groups = [f"photo {index // 4}" for index in range(800)]
    alone, grouped = (classification_scores(labels, probabilities, names) for names in (None, groups))
    assert (alone["num_groups"], grouped["num_groups"]) == (800, 200)
    assert {key: alone[key] for key in KEYS} == {key: grouped[key] for key in KEYS}
    for key in KEYS:
        widths = [np.diff(scores["intervals"][key])[0] for scores in (alone, grouped)]
        assert widths[1] == pytest.approx(2 * widths[0], rel=0.25)


def test_what_reports_need_is_looked_for_in_metrics_and_votes():
    vote = classification_scores(*predictions(50, 6), resamples=50)
    scores = {**vote, "wrong_answers": [], "ink": []}
    assert missing_scores(scores) == []
    assert missing_scores(vote) == ["wrong_answers", "ink"]
    assert missing_scores({**scores, "votes": {"cam": {**vote, "difference": {}}}}) == []
    part = {"votes": {"cam": {**vote, "intervals": {}}}, **scores}
    assert missing_scores(part)[:2] == ["votes.cam.difference", "votes.cam.intervals.top1"]
    # Runs from before GAP was measured can be reported all the same.
    assert set(missing_scores({})) == {*KEYS[:-1], "num_examples", "intervals", "wrong_answers", "ink"}


def test_examples_of_a_single_class_are_counted_in_integers():
    by_class = class_scores(np.array([2, 2]), np.array([2, 0]), 4)
    assert by_class.support.tolist() == [0, 0, 2, 0] and by_class.support.dtype.kind == "i"
    assert by_class.recall[2] == 0.5
