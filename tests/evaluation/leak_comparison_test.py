import dataclasses
from pathlib import Path

import numpy as np
import pytest

from keras_sketch.evaluation.comparison import ComparedRun
from keras_sketch.evaluation.distance_comparison import distance_notes, distance_table
from keras_sketch.evaluation.geography import distance_scores
from keras_sketch.evaluation.intervals import unpaired_difference
from keras_sketch.evaluation.leak import accuracy, untrained_scores
from keras_sketch.evaluation.leak_comparison import leak_notes, leak_pairs, leak_table
from keras_sketch.evaluation.markdown import points, points_range
from keras_sketch.evaluation.predictions import RankedPredictions
from keras_sketch.recipes import Recipe, Stage

RECIPE = Recipe(
    name="r", summary="", dataset="geoguessr", model="cnn", weights="imagenet", stages=(Stage(1, 0.1),), split="view"
)
NAMES = ["Chile", "France", "Japan"]
PLACES = np.array([(-35.7, -71.5), (46.0, 2.0), (36.0, 138.0)])


def ran(name, split, hits, leaked=0, train_counts=(5, 5, 5), groups=None, labels=None, **changes):
    hits = np.array(hits, bool)
    labels = np.arange(len(hits)) % 3 if labels is None else np.array(labels)
    ranked = np.where(hits, labels, (labels + 1) % 3)[:, None]
    scores = {"num_examples": len(hits), "leaked": leaked, "recall": hits.mean()}
    if untrained := untrained_scores(labels, ranked[:, 0], NAMES, train_counts, groups):
        scores["untrained"] = untrained
    distances = distance_scores(labels, ranked[:, 0], PLACES, groups)
    distances["intervals"]["recall"] = (0.1, 0.9)
    facts = {} if groups is None else {"group": list(groups)}
    ids = [f"{name} {i}" for i in range(len(hits))]
    told = RankedPredictions(ids, labels, ranked, np.ones(ranked.shape), NAMES, facts)
    recipe = dataclasses.replace(RECIPE, split=split, **changes)
    return ComparedRun(name, Path(name), recipe, scores | distances, [], told)


LEAKING = ran("views", "view", [1, 1, 1, 1, 1, 0, 1, 1], leaked=8)
CLEAN = ran("places", "place", [1, 0, 0, 1, 0, 0], groups=list("aabbcc"))


def test_what_the_leak_is_worth():
    table = leak_table([CLEAN, LEAKING])
    row, recall = table.rows
    clean, leaking = accuracy([1, 0, 0, 1, 0, 0], list("aabbcc")), accuracy([1, 1, 1, 1, 1, 0, 1, 1])
    added, interval = unpaired_difference(clean["top1"], clean["interval"], leaking["top1"], leaking["interval"])
    cells = dict(zip(table.header, row, strict=True))
    assert (cells["network"], cells["leaking split"], cells["clean split"]) == ("cnn", "views", "places")
    assert (cells["leak adds"], cells["95 %"]) == (points(added), points_range(interval))
    assert recall[3].startswith("recall") and recall[6] == points(7 / 8 - 2 / 6)
    assert "6 examples, 3 groups" in cells["clean"] and "8 examples)" in cells["leaking"]
    first, second = leak_notes([CLEAN, LEAKING])
    assert "not paired" in first and "8 of 8 test examples have a sibling" in second
    assert "points wide: so few test groups leave its size" in second and "mix the classes" not in second


def test_classes_that_only_one_split_trains_and_tests_have_a_row_without_them():
    place = ran("places", "place", [1, 0, 0, 0, 0, 1], train_counts=(5, 0, 5), labels=[0, 0, 1, 1, 1, 0])
    rows = leak_table([LEAKING, place]).rows
    both = rows[1]
    # Averages over other classes would not be comparable.
    assert not any(row[3].startswith("recall") for row in rows)
    # Japan is not tested by place, France has nothing to learn from there: Chile is left.
    assert both[3] == "top-1, the one class that both train and test"
    assert both[4].startswith("100.00 %") and "; 3 examples" in both[4]
    assert both[5].startswith("66.67 %") and "; 3 examples" in both[5]
    assert "(Japan is 25 % of the leaking one, 0 % of the clean one)" in leak_notes([LEAKING, place])[1]
    note = leak_notes([place])[0]
    assert "1 of 2 tested classes, with 3 examples, has no training example" in note and "(France)" in note
    assert "Top-1 on the others: 66.67 %" in note


def test_only_runs_that_belong_together_are_compared():
    other = ran("other", "place", [1, 0], model="resnet50")
    assert leak_table([LEAKING, other]) is None and leak_notes([LEAKING, other]) == []
    assert leak_table([CLEAN]) is None
    again = dataclasses.replace(
        LEAKING, name="twice", recipe=dataclasses.replace(LEAKING.recipe, split="view-60-20-20")
    )
    assert leak_table([LEAKING, again]) is None
    assert leak_table([LEAKING, dataclasses.replace(CLEAN, tested_on="geoguessr/all")]) is None


def test_what_else_differs_is_said_unless_there_is_a_run_that_differs_in_nothing_else():
    seed = ran("seed", "place", [1, 0, 1], seed=1, batch_size=8)
    (pair,) = leak_pairs([seed, LEAKING])
    assert pair.differences == ("batch_size", "seed")
    assert all(row[-1] != "differ in more" for row in leak_table([seed, LEAKING]).rows)
    note = leak_notes([seed, LEAKING])[1]
    assert "differ in batch_size, seed too. The interval" in note and "points wide" in note
    loss = ran("loss", "place", [1, 0, 1], loss="haversine")
    assert all(row[-3:] == ["", "", "differ in more"] for row in leak_table([loss, LEAKING]).rows)
    note = leak_notes([loss, LEAKING])[1]
    assert "differ in loss too, so what the leak adds cannot be told" in note and "points wide" not in note
    assert [pair.clean.name for pair in leak_pairs([seed, LEAKING, CLEAN])] == ["places"]


def test_distances_side_by_side():
    table = distance_table([LEAKING, CLEAN])
    assert [row[:2] for row in table.rows] == [["views", "A"], ["places", "B"]]
    assert table.rows[0][2].split(" ")[0] == f"{LEAKING.scores['mean_km']:,.0f}"
    assert len(table.header) == len(table.rows[0]) == 7 and distance_notes([LEAKING])
    bare = dataclasses.replace(LEAKING, scores={"num_examples": 8})
    assert distance_table([bare]) is None and distance_notes([bare]) == []


@pytest.mark.parametrize("report", ["comparison_report", "before_after_report"])
def test_both_reports_show_them(report):
    module = pytest.importorskip(f"keras_sketch.evaluation.{report}")
    assert module.leak_table is leak_table and module.distance_table is distance_table
