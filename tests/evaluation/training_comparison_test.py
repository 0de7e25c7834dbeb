import dataclasses

import pytest

from keras_sketch.evaluation.comparison_report import write_comparison
from keras_sketch.evaluation.training_comparison import training_table
from keras_sketch.recipes import Published

TRAIN = {"top1": 0.9, "top5": 1.0, "gap": 0.8, "num_examples": 10, "intervals": {}}
THEIRS = Published("a project", {"top1": 0.25, "gap": 0.05, "train.top1": 0.36})


def scored(run, published=None, **scores):
    recipe = dataclasses.replace(run.recipe, published=published)
    return dataclasses.replace(run, recipe=recipe, scores={**run.scores, **scores}, tested_on="")


@pytest.fixture
def runs(evaluated):
    names = ["first", "second", "old"]
    first, second, old = (evaluated(name, after=True, seed=seed) for seed, name in enumerate(names))
    gap = {"gap": 0.3, "gap_without_distractors": 0.4, "num_distractors": 7}
    gap["intervals"] = {**second.scores["intervals"], "gap_without_distractors": [0.3, 0.5]}
    return [scored(first, THEIRS, train=TRAIN), scored(second, train=TRAIN, **gap), scored(old)]


def test_training_and_test_of_each_run_that_has_them(runs):
    table = training_table(runs)
    assert [row[0] for row in table.rows] == ["first", "second"]
    first, second = table.rows
    top1 = 100 * runs[0].scores["top1"]
    assert first[1:6] == ["90.00 %", f"{top1:.2f} %", f"{90 - top1:+.2f}", "36.00 %", "25.00 %"]
    # GAP of the test is that without distractors, and nobody published one of training.
    assert second[4:] == ["", "", "80.00 %", "40.00 %", "+40.00"]
    assert all(len(row) == len(table.header) for row in table.rows)
    assert training_table(runs[2:]) is None


def test_gap_stands_in_the_report_where_it_was_published_and_all_have_it(runs, tmp_path):
    def report(chosen):
        write_comparison(tmp_path, chosen)
        return (tmp_path / "report.md").read_text()

    text = report(runs)
    assert "## Training and test" in text and "Table 2. Top-1, top-5 and GAP" in text
    assert "| 5.00 % \\[1\\] |" in text
    assert "beside training it is without them" in text
    assert "and GAP" not in report(runs[2:])
    del runs[2].scores["gap"]
    assert "## Table 2. Top-1 and top-5\n" in report(runs)
