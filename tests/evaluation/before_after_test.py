import dataclasses

import numpy as np
import pytest

from keras_sketch.curation.imagenet import display_names, imagenet_classes
from keras_sketch.evaluation.before_after import (
    apart_notes,
    before_after_table,
    branch_table,
    ink_table,
    size_notes,
    wrong_answer_table,
)
from keras_sketch.evaluation.intervals import paired_difference
from keras_sketch.evaluation.markdown import percent, percent_range, points, points_range
from keras_sketch.recipes import Published

WNIDS = [each.wnid for each in imagenet_classes()]


def hits(run, k):
    told = run.predictions
    found = (told.ranked[:, :k] == told.labels[:, None]).any(axis=1)
    return dict(zip(told.ids, found, strict=True))


def rows_of(table):
    assert all(len(row) == len(table.header) for row in table.rows)
    return table.rows


@pytest.mark.parametrize("names", [WNIDS, display_names(WNIDS[:700])])
def test_a_network_before_and_after(evaluated, names):
    paper = Published("A paper", {"top1": 0.5, "top1_before": 0.25}, "routes")
    before = evaluated("zero", skill=0.2)
    # The fine-tuned network may have other outputs, named otherwise.
    wnids = WNIDS[: len(names)]
    after = evaluated("tuned", after=True, skill=0.6, seed=2, class_names=wnids, p=paper)
    told = dataclasses.replace(after.predictions, class_names=list(names))
    [row] = rows_of(before_after_table("T", [dataclasses.replace(after, predictions=told), before]))
    assert row[:2] == ["cnn", "40"]
    for start, key, k in ((2, "top1", 1), (5, "top5", 5)):
        for cell, run in zip(row[start:], (before, after), strict=False):
            assert cell == f"{percent(run.scores[key])} ({percent_range(run.scores['intervals'][key])})"
        right = [hits(run, k) for run in (before, after)]
        found = paired_difference(*([each[f"id {i}"] for i in range(40)] for each in right))
        assert row[start + 2] == f"{points(found.difference)} ({points_range(found.interval)})"
    assert row[8] == "25.00 % → 50.00 % [1]"


def test_rows_without_a_partner_or_with_several(evaluated):
    runs = [evaluated("zero", "a"), evaluated("one", "a", after=True), evaluated("two", "a", after=True, seed=3)]
    rows = rows_of(before_after_table("T", [*runs, evaluated("alone", "b"), evaluated("only after", "c", after=True)]))
    assert [row[0] for row in rows] == ["a (one)", "a (two)", "b", "c"]
    assert [bool(row[2]) for row in rows] == [True, True, True, False]
    assert [bool(row[3]) for row in rows] == [True, True, False, True]
    assert [bool(row[4]) for row in rows] == [True, True, False, False]


def test_runs_from_random_weights_were_not_fine_tuned(evaluated):
    runs = [evaluated("zero"), evaluated("scratch", after=True, weights=None)]
    rows = rows_of(before_after_table("T", runs))
    assert [(row[0], bool(row[2]), bool(row[3]), row[4]) for row in rows] == [
        ("cnn", True, False, ""),
        ("cnn, from random weights", False, True, ""),
    ]
    tuned = evaluated("tuned", after=True, dataset="photos", seed=2)
    rows = rows_of(before_after_table("T", [*runs, tuned]))
    assert [row[0] for row in rows] == ["cnn, trained on photos", "cnn, from random weights"] and rows[0][4]
    assert apart_notes([runs[0], evaluated("scratch", after=True, weights=None, first=100)]) == []


def test_other_examples_are_not_set_side_by_side(evaluated):
    runs = [evaluated("zero", "a"), evaluated("tuned", "a", after=True, first=100), evaluated("other", "b")]
    rows = rows_of(before_after_table("T", runs))
    assert [row[:2] for row in rows] == [["a", "A"], ["a", "B"], ["b", "A"]]
    assert all(row[5] == "" for row in rows)
    assert apart_notes(runs) == [
        "a was tested on other examples before fine-tuning (A) than after it (B): there is no difference to give."
    ]
    assert apart_notes([*runs, evaluated("tuned too", "a", after=True)]) == []


def test_wrong_answers_branches_and_ink(evaluated):
    run = evaluated("zero", skill=0.7)
    run.scores["wrong_answers"] = [{"class": WNIDS[611], "count": 7, "share": 0.5, "true_classes": 2}]
    runs = [run, dataclasses.replace(run, name="old", scores={})]
    rows = rows_of(wrong_answer_table("T", runs))
    assert rows == [["zero", "jigsaw puzzle: 7 (50.00 %)", "", "", "", ""], ["old", *[""] * 5]]
    branch = run.scores["same_branch"]
    [row] = rows_of(branch_table("T", runs))
    assert row[1:3] == [f"{branch['num_errors']}", percent(branch["share"])] and row[4] == percent(branch["chance"])
    [row] = rows_of(ink_table("T", runs))
    assert row[1].startswith(percent(run.scores["ink"][0]["top1"])) and len(row) == 5
    assert branch_table("T", runs[1:]) is None and ink_table("T", runs[1:]) is None
    assert np.mean([part["top1"] for part in run.scores["ink"]]) == pytest.approx(run.scores["top1"])


def test_another_size_after_fine_tuning_is_said(evaluated):
    before, after = (
        evaluated("zero", input_shape=(224, 224, 3)),
        evaluated("tuned", after=True, input_shape=(64, 64, 3)),
    )
    [note] = size_notes([before, after])
    assert note.startswith("cnn saw images of 224 pixels a side before fine-tuning, of 64 after it: ")
    assert size_notes([before, evaluated("tuned", after=True, input_shape=(224, 224, 3))]) == []
    assert size_notes([before]) == []
