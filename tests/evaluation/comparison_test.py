import dataclasses
import re

import cv2
import numpy as np
import pytest

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.evaluation.comparison import (
    ComparedRun,
    lettered_test_sets,
    model_table,
    paired_table,
    published_rows,
    score_table,
    vote_table,
)
from keras_sketch.evaluation.comparison_report import write_comparison
from keras_sketch.evaluation.intervals import paired_difference
from keras_sketch.evaluation.markdown import escape
from keras_sketch.evaluation.predictions import RankedPredictions
from keras_sketch.evaluation.ranking import top_k
from keras_sketch.evaluation.scores import classification_scores
from keras_sketch.recipes import Augmentation, Published, Recipe, Stage

PAPER = Published("A paper", {"top1": 0.5, "f1": 0.25}, "its own split")
RECIPE = Recipe(name="r", summary="", dataset="own", model="cnn", stages=(Stage(epochs=4, learning_rate=0.01),))


def compared(name, folder, num_classes=4, skill=0.5, seed=1, examples=100, order=None, published=None, **changes):
    labels = np.random.default_rng(0).integers(0, num_classes, examples)
    probabilities = np.random.default_rng(seed).random((examples, num_classes))
    probabilities[np.arange(examples), labels] += skill
    ids = [f"id {i}" for i in range(examples)]
    if order is not None:
        labels, probabilities, ids = labels[order], probabilities[order], [ids[i] for i in order]
    scores = classification_scores(labels, probabilities, resamples=50) | {"parameters": 1234}
    ranked, values = top_k(probabilities, 5)
    names = [f"class {i} with a long name" for i in range(num_classes)]
    history = [{"epoch": e, "loss": 1 / e, "top1": 0.5, "val_loss": 2 / e, "val_top1": 0.4} for e in range(1, 4)]
    run = ComparedRun(
        name=name,
        folder=folder,
        recipe=dataclasses.replace(RECIPE, published=published),
        scores=scores,
        history=history,
        predictions=RankedPredictions(ids, labels, ranked, values, names, {}),
        input_shape=(28, 28, 1),
    )
    return dataclasses.replace(run, **changes)


def row(table, name):
    cells = next(row for row in table.rows if row[0] == name)
    assert len(cells) == len(table.header)
    return dict(zip(table.header, cells, strict=True))


def test_the_models(tmp_path):
    stages = (
        Stage(epochs=1, learning_rate=1e-3, train_from="head", optimizer="adam"),
        Stage(epochs=2, learning_rate=1e-4, train_from="conv5", optimizer="adam", schedule="cosine"),
    )
    tuned = dataclasses.replace(RECIPE, weights="/some/where/net.weights.h5", stages=stages, config="big")
    old = compared("old", tmp_path)
    runs = [
        compared("new", tmp_path, recipe=tuned, scores={"parameters": 23_843_837, "parameters_trained": 9_999}),
        dataclasses.replace(old, scores={"num_examples": 3}, input_shape=None),
    ]
    table = model_table(runs)
    new = row(table, "new")
    assert new["weights"] == "net.weights.h5" and new["dataset"] == "own/big"
    assert new["optimizer"] == "adam" and new["learning rate"] == "0.001, then 0.0001 cosine"
    assert new["trained from"] == "head, then conv5" and new["of them trained"] == "9,999"
    assert (new["parameters"], new["input"], new["batch"], new["epochs"]) == ("23,843,837", "28 x 28 x 1", "128", "3")
    assert row(table, "old") | {"parameters": "", "input": "", "epochs": "3 of 4"} == row(table, "old")
    assert "trained from" not in model_table([old]).header


def test_published_figures_stand_beside_ours(tmp_path):
    runs = [compared("with", tmp_path, published=PAPER), compared("without", tmp_path)]
    table = score_table("Table 2", ("top1", "top5"), runs)
    ours = runs[0].scores["top1"]
    assert row(table, "with")["top-1"] == f"{100 * ours:.2f} %"
    assert row(table, "with")["published"] == "50.00 % [1]"
    assert row(table, "with")["difference"] == f"{100 * (ours - 0.5):+.2f}".replace("-", "−")
    assert row(table, "without")["published"] == ""
    # No figure for top-5 was published, so there is no column for it.
    assert list(table.header).count("published") == 1 and "test set" not in table.header


def test_sources_are_numbered_once(tmp_path):
    other = dataclasses.replace(PAPER, figures={"top1": 0.1})
    runs = [compared(str(i), tmp_path, published=row) for i, row in enumerate((PAPER, other, Published("B", {})))]
    assert [row.source for row in published_rows(runs)] == ["A paper", "B"]


def test_the_same_examples_in_another_order_are_one_test_set(tmp_path):
    order = np.random.default_rng(3).permutation(100)
    runs = [
        compared("first", tmp_path),
        compared("turned", tmp_path, order=order, skill=0.8, seed=2),
        compared("fewer", tmp_path, examples=99),
        compared("other labels", tmp_path, num_classes=5),
    ]
    assert lettered_test_sets(runs) == ["A", "A", "B", "C"]
    table = paired_table(runs)
    assert [cells[0] for cells in table.rows] == ["turned"]
    hits = [run.predictions.predicted == run.predictions.labels for run in runs[:2]]
    expected = paired_difference(hits[0][order], hits[1])
    found = row(table, "turned")
    assert found["right only here"] == str(expected.gained) and found["right only there"] == str(expected.lost)
    assert found["verdict"] == ("higher" if expected.interval[0] > 0 else "not told apart")
    assert paired_table(runs[2:]) is None
    assert row(score_table("2", ("top1",), runs), "other labels")["test set"] == "C"


def test_votes(tmp_path):
    plain = compared("plain", tmp_path)
    vote = {"top1": 0.75, "difference": {"top1": -0.05, "interval": [-0.1, 0.02]}}
    voted = dataclasses.replace(plain, name="voted", scores={**plain.scores, "votes": {"cam": vote}})
    assert vote_table([plain]) is None
    table = vote_table([plain, voted])
    assert row(table, "plain")["points"] == "" and row(table, "voted")["points"] == "−5.00"
    assert row(table, "voted")["95 %"] == "−10.0 to +2.0"


@pytest.mark.parametrize(("count", "num_classes"), [(1, 2), (2, 40), (8, 125)])
def test_the_report(tmp_path, count, num_classes):
    runs = []
    for i in range(count):
        folder = tmp_path / "runs" / f"run_{i}"
        folder.mkdir(parents=True)
        (folder / "report.md").touch()
        cv2.imwrite(str(folder / "augmentation.png"), np.zeros((4, 4), np.uint8))
        run = compared(f"run_{i}", folder, num_classes, seed=i, published=PAPER if i % 2 == 0 else None)
        runs.append(run)
    runs[-1] = dataclasses.replace(
        runs[-1],
        recipe=dataclasses.replace(runs[-1].recipe, augmentation=Augmentation(flip=0.5)),
        scores={key: value for key, value in runs[-1].scores.items() if key != "parameters"},
        history=[{"epoch": 1, "loss": 1.0}],
    )
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "augmentation-9.png").touch()
    printed = write_comparison(tmp_path / "out", runs)
    text = (tmp_path / "out" / "report.md").read_text()
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", text)
    assert pictures[:3] == ["scores.png", "curves.png", "confusions.png"]
    assert len(pictures) == 3 + min(count, 2)
    assert {file.name for file in (tmp_path / "out").iterdir()} == {*pictures, "report.md"}
    for name in pictures:
        assert cv2.imread(str(tmp_path / "out" / name)) is not None
    for target in re.findall(r"\]\(<(.*?)>\)", text):
        assert (tmp_path / "out" / target).is_file()
    assert all(f"Table {number}." in text and f"Table {number}." in printed for number in (1, 2, 3))
    assert "| run_0" in printed and "| run\\_0 |" in text
    assert f"not stored in run_{count - 1}" in printed
    assert "[1] A paper." in printed and "Not comparable" not in printed
    for block in text.split("\n\n"):
        rows = [re.split(r"(?<!\\)\|", line) for line in block.splitlines() if line.startswith("|")]
        assert len({len(cells) for cells in rows}) <= 1


def test_runs_of_different_test_sets_are_marked(tmp_path):
    runs = [compared("a", tmp_path), compared("b", tmp_path, num_classes=3)]
    assert "Not comparable: these runs were tested on different examples (A: a; B: b)." in write_comparison(
        tmp_path, runs
    )


def test_a_published_figure_in_percent_is_refused(tmp_path):
    with pytest.raises(InvalidArgumentError, match="share in 0..1"):
        write_comparison(tmp_path, [compared("a", tmp_path, published=Published("A paper", {"top1": 50}))])
    assert not list(tmp_path.iterdir())


def test_test_examples_in_groups_are_named(tmp_path):
    alone, grouped = compared("alone", tmp_path), compared("in groups", tmp_path)
    assert "come in groups" not in write_comparison(tmp_path, [alone])
    grouped.scores["num_groups"] = 20
    assert "those of paired differences do not (in groups)." in write_comparison(tmp_path, [alone, grouped])


def test_notes_are_escaped_once_and_only_in_markdown(tmp_path):
    paper = Published("A_paper", {"top1": 0.5}, "its own_split")
    assert "Its data and split: its own_split." in write_comparison(
        tmp_path, [compared("a", tmp_path, published=paper)]
    )
    assert f"Its data and split: {escape('its own_split')}." in (tmp_path / "report.md").read_text()


def test_a_report_that_fails_keeps_the_earlier_pictures(tmp_path):
    (tmp_path / "augmentation-9.png").touch()
    (tmp_path / "report.md").mkdir()
    with pytest.raises(IsADirectoryError, match="report.md'$"):
        write_comparison(tmp_path, [compared("a", tmp_path)])
    assert (tmp_path / "augmentation-9.png").exists()
