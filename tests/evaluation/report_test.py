import csv
import re

import numpy as np
import pytest

from keras_sketch.curation.imagenet import imagenet_classes
from keras_sketch.errors import BadDataError, InvalidArgumentError
from keras_sketch.evaluation.data_section import DataSummary
from keras_sketch.evaluation.mistakes import same_branch, wrong_answers
from keras_sketch.evaluation.report import write_report
from keras_sketch.evaluation.scores import classification_scores
from keras_sketch.recipes.recipe import Published

INK = [
    {"low": 0.01 * i, "high": 0.01 * i + 0.01, "num_examples": 3, "top1": 0.5, "interval": [0.1, 0.9]} for i in (1, 2)
]


def report(folder, num_classes=4, num_examples=200, **changes):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, num_classes, num_examples)
    probabilities = rng.random((num_examples, num_classes))
    probabilities[np.arange(num_examples), labels] += 0.5
    values = dict(
        title="quickdraw",
        scores=classification_scores(labels, probabilities, resamples=50),
        labels=labels,
        predicted=probabilities.argmax(axis=1),
        class_names=[f"class|{i}" for i in range(num_classes)],
        data=DataSummary("quickdraw/bitmap", {"train": 800, "test": num_examples}, "Google, CC BY 4.0", "a hash"),
        recipe={"model": "quickdraw_cnn", "stages": [{"epochs": 3}], "config": None},
    )
    write_report(folder, **{**values, **changes})
    return (folder / "report.md").read_text(), values


def rows_of(text):
    return [re.split(r"(?<!\\)\|", line)[1:-1] for line in text.splitlines() if line.startswith("|")]


def test_scores_intervals_and_sample_count_stand_in_the_report(tmp_path):
    text, values = report(tmp_path)
    scores = values["scores"]
    assert f"{100 * scores['top1']:.2f} %" in text
    low, high = scores["intervals"]["f1"]
    assert f"| F1 | {100 * scores['f1']:.2f} % | {100 * low:.1f} to {100 * high:.1f} |" in text
    assert "on each of 200 test examples of 4 classes" in text
    assert "top-5 is 100 % by definition" in text


@pytest.mark.parametrize(("figure", "place"), [(0.999, "above"), (0.001, "below"), (None, "within")])
def test_a_published_figure_stands_beside_ours(tmp_path, figure, place):
    _, values = report(tmp_path)
    figure = values["scores"]["top1"] if figure is None else figure
    published = [
        Published("a paper", {"top1": figure}, "its own split."),
        Published("another", {"top1": 0.5, "map": 0.25}),
    ]
    text, _ = report(tmp_path, published=published)
    assert f"the published figure lies {place} our interval" in text
    assert "Its data and split: its own split. Where ours differ, this is no like-for-like comparison." in text
    assert text.count("like-for-like") == 1
    assert "| map |  |  |  | 25.00 % |" in text


def test_a_published_figure_in_percent_is_refused(tmp_path):
    with pytest.raises(InvalidArgumentError, match="share in 0..1"):
        report(tmp_path, published=[Published("a paper", {"top1": 95.8})])
    assert not (tmp_path / "report.md").exists()


@pytest.mark.parametrize("num_classes", [4, 40, 60])
def test_classes_worst_first_and_all_in_the_csv(tmp_path, num_classes):
    text, values = report(tmp_path, num_classes, 1000)
    shown = [row for row in rows_of(text.split("## Classes")[1].split("## Data")[0]) if row[0].startswith(" class\\|")]
    by_class = [row for row in shown if len(row) == 5]
    assert len(by_class) == min(num_classes, 40)
    f1 = [float(row[3].split()[0]) for row in by_class]
    assert f1 == sorted(f1)
    assert ("<details>" in text) == (num_classes > 40)
    with open(tmp_path / "classes.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["class"] for row in rows] == values["class_names"]
    assert sum(int(row["test_examples"]) for row in rows) == 1000
    assert np.mean([float(row["f1"]) for row in rows]) == pytest.approx(values["scores"]["f1"])


def test_classes_without_a_test_example_are_named(tmp_path):
    labels = np.array([0, 0, 1])
    probabilities = np.eye(4)[[0, 2, 1]]
    text, _ = report(
        tmp_path, labels=labels, predicted=np.array([0, 2, 1]), scores=classification_scores(labels, probabilities)
    )
    assert "2 of 4 (class\\|2, class\\|3)" in text
    assert "1 of them were predicted, for 1 examples" in text
    assert "3 test examples of 2 classes, out of 4 that" in text
    assert 'Always answering "class\\|0" would be right for 66.67 %.' in text
    shown = [row[0].strip() for row in rows_of(text.split("## Classes")[1].split("The most")[0]) if len(row) == 5]
    assert set(shown[2:]) == {"class\\|0", "class\\|1"}


def test_of_1000_classes_those_with_examples_are_shown_by_their_readable_names(tmp_path):
    wnids = [each.wnid for each in imagenet_classes()]
    labels, predicted = np.array([0, 0, 1, 207, 207, 207]), np.array([0, 1, 611, 207, 208, 611])
    scores = classification_scores(labels, np.eye(1000)[predicted], resamples=20)
    scores |= {"wrong_answers": wrong_answers(labels, predicted, wnids), "ink": INK}
    scores["same_branch"] = same_branch(labels, predicted, wnids)
    text, _ = report(tmp_path, labels=labels, predicted=predicted, scores=scores, class_names=wnids)
    assert len(text) < 10_000 and not re.search(r"n\d{8}", text)
    assert "| jigsaw puzzle | 2 | 50.00 % | 2 |" in text
    assert "Of 4 errors 50.00 % (95 % interval 15.0 to 85.0) stay in the WordNet branch" in text
    assert "| 1.00 % to 2.00 % | 3 | 50.00 % | 10.0 to 90.0 |" in text
    assert "| golden retriever | 100.00 % | 33.33 % | 50.00 % | 3 |" in text
    with open(tmp_path / "classes.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert (rows[207]["class"], rows[207]["name"], rows[207]["test_examples"]) == ("n02099601", "golden retriever", "3")


def test_tables_have_as_many_cells_as_columns(tmp_path):
    rng = np.random.default_rng(0)
    facts = {"countrycode": rng.choice(["US", "D|E", ""], 200), "maker": np.maximum(np.arange(200), 99)}
    text, _ = report(tmp_path, facts=facts, published=[Published("a|b", {"top1": 0.5})])
    for block in re.split(r"\n\n", text):
        rows = rows_of(block)
        assert len({len(row) for row in rows}) <= 1
    assert "| (not known) |" in text
    assert "| 100 others | 100 |" in text


def test_a_fact_with_one_value_has_no_table(tmp_path):
    assert "Accuracy by" not in report(tmp_path, facts={"invalid": ["unknown"] * 200})[0]


def test_many_groups_are_cut_and_said_so(tmp_path):
    text, _ = report(tmp_path, num_examples=2000, facts={"countrycode": np.arange(2000) % 50})
    assert "20 rarer rows with 800 test examples are not shown." in text


def test_only_pictures_that_are_there_are_shown(tmp_path):
    assert "![" not in report(tmp_path)[0]
    (tmp_path / "curves.png").touch()
    (tmp_path / "gradcam.png").touch()
    assert re.findall(r"!\[.*\]\((.*)\)", report(tmp_path)[0]) == ["curves.png", "gradcam.png"]


def test_data_and_recipe_stand_in_the_report(tmp_path):
    data = DataSummary(
        "own", {"train": 12, "test": 200}, class_counts={"train": [1, 2, 4, 5]}, bad_examples=3, manifest="bad.csv"
    )
    text, _ = report(tmp_path, data=data)
    assert "| train | 12 | 1 (class\\|0) | 3 | 5 (class\\|3) |" in text
    assert "could not be used: 3, named with the reason in `bad.csv`" in text
    assert '| `stages` | `[{"epochs": 3}]` |' in text
    with open(tmp_path / "classes.csv", newline="") as stream:
        assert [row["train_examples"] for row in csv.DictReader(stream)] == ["1", "2", "4", "5"]


def test_scores_of_other_examples_are_refused(tmp_path):
    with pytest.raises(BadDataError, match="do not belong together"):
        report(tmp_path, labels=np.zeros(3, int))
