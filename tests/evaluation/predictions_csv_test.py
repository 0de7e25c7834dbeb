import csv

import numpy as np
import pytest

from keras_sketch.errors import BadDataError, InvalidArgumentError, MissingDataError
from keras_sketch.evaluation.predictions import Predictions
from keras_sketch.evaluation.predictions_csv import read_predictions, write_predictions
from keras_sketch.evaluation.ranking import top_k

NAMES = ["zebra", "The Great Wall, of China", 'a "quoted"\nname', "ünï|code", "cat", "dog", "eel"]


def build(num_examples=60, names=tuple(NAMES)):
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.full(len(names), 0.05), size=num_examples).astype(np.float32)
    return Predictions(
        ids=[f"id {i},\r\n" for i in range(num_examples)],
        labels=rng.integers(0, len(names), num_examples),
        probabilities=probabilities,
        class_names=names,
        facts={
            "countrycode": rng.choice([b"US", b"", b"DE"], num_examples),
            "recognized": rng.random(num_examples) > 0.5,
        },
    )


@pytest.mark.parametrize("block", [7, 60, 1000])
def test_round_trip(tmp_path, monkeypatch, block):
    monkeypatch.setattr("keras_sketch.evaluation.predictions_csv._BLOCK_ROWS", block)
    predictions = build()
    write_predictions(tmp_path / "predictions.csv", predictions)
    read = read_predictions(tmp_path / "predictions.csv", predictions.class_names)
    ranked, scores = top_k(predictions.probabilities, 5)
    assert read.ids == predictions.ids
    assert read.class_names == NAMES
    assert (read.labels == predictions.labels).all()
    assert (read.ranked == ranked).all()
    assert (read.predicted == predictions.probabilities.argmax(axis=1)).all()
    assert read.scores.dtype == np.float32
    assert (read.scores == scores).all()
    assert read.facts == {
        "countrycode": [value.decode() for value in predictions.facts["countrycode"]],
        "recognized": ["true" if value else "false" for value in predictions.facts["recognized"]],
    }


def test_columns(tmp_path):
    write_predictions(tmp_path / "predictions.csv", build(), k=2)
    with open(tmp_path / "predictions.csv", newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    expected = "id label predicted score label_1 label_2 score_1 score_2 countrycode recognized".split()
    assert list(rows[0]) == expected
    assert len(rows) == 60
    assert all(row["predicted"] == row["label_1"] and row["score"] == row["score_1"] for row in rows)


def test_few_classes(tmp_path):
    predictions = build(names=("a", "b"))
    write_predictions(tmp_path / "predictions.csv", predictions)
    assert read_predictions(tmp_path / "predictions.csv", ["a", "b"]).ranked.shape == (60, 2)


def test_without_class_names_those_in_the_file_are_sorted(tmp_path):
    predictions = build()
    write_predictions(tmp_path / "predictions.csv", predictions)
    read = read_predictions(tmp_path / "predictions.csv")
    assert read.class_names == sorted(NAMES)
    assert [read.class_names[label] for label in read.labels] == [NAMES[label] for label in predictions.labels]


def test_a_fact_may_not_be_named_as_another_column(tmp_path):
    for name in ("score", "label_7"):
        predictions = Predictions(["a"], np.array([0]), np.array([[1.0, 0.0]]), ["x", "y"], {name: [1]})
        with pytest.raises(InvalidArgumentError, match=name):
            write_predictions(tmp_path / "predictions.csv", predictions)
    assert not list(tmp_path.iterdir())


def test_k_below_1(tmp_path):
    with pytest.raises(InvalidArgumentError, match="`k`"):
        write_predictions(tmp_path / "predictions.csv", build(), k=0)


def damage(line, text):
    def change(content):
        lines = content.split("\r\n")
        lines[line] = text
        return "\r\n".join(lines)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: "", "does not begin with"),
        (lambda content: content.replace("predicted", "guess", 1), "does not begin with"),
        (lambda content: content.splitlines()[0] + "\r\n", "holds no prediction"),
        (damage(2, "x,a,b"), "Row 3 .* has 3 values, not 8"),
        (damage(1, "x,a,b,0.5,b,a,half,0.5"), "is no number"),
        (damage(1, "x,a,c,0.5,c,a,0.5,0.5"), "the class 'c'"),
    ],
)
def test_damaged_files_are_refused(tmp_path, change, message):
    path = tmp_path / "predictions.csv"
    write_predictions(path, Predictions(["1", "2"], np.array([0, 1]), np.array([[1, 0], [0, 1]]), ["a", "b"]))
    path.write_bytes(change(path.read_bytes().decode()).encode())
    with pytest.raises(BadDataError, match=message):
        read_predictions(path, ["a", "b"])


def test_a_file_that_is_no_text_or_not_there(tmp_path):
    (tmp_path / "image.csv").write_bytes(b"\x89PNG\xff\xfe\x00")
    with pytest.raises(BadDataError, match="is damaged"):
        read_predictions(tmp_path / "image.csv")
    with pytest.raises(MissingDataError, match="There is no"):
        read_predictions(tmp_path / "none.csv")
