import csv

import numpy as np
import pytest

from keras_sketch.errors import BadDataError
from keras_sketch.evaluation.predictions import Predictions, RankedPredictions
from keras_sketch.evaluation.submission import are_landmarks, write_submission

NAMES = ["8815", "140690", "7"]


def parts(names=NAMES, other="ff"):
    probabilities = np.array([[0.1, 0.7, 0.2], [1e-6, 0, 0], [0.25, 0.25, 0.1]], "float32")
    test = Predictions(["a0", "b1", "c2"], np.array([0, 1, 2]), probabilities, names)
    guesses = np.array([[2], [0]]), np.array([[0.5], [1.0]], "float32")
    return test, RankedPredictions([other, "ee"], np.array([-1, -1]), *guesses, list(names), {})


def test_every_image_has_a_line_with_its_best_class_and_score(tmp_path):
    write_submission(tmp_path / "submission.csv", *parts())
    assert (tmp_path / "submission.csv").read_text().splitlines()[0] == "id,landmarks"
    with open(tmp_path / "submission.csv", newline="") as stream:
        rows = {row["id"]: row["landmarks"].split(" ") for row in csv.DictReader(stream)}
    assert {example: (best, float(score)) for example, (best, score) in rows.items()} == {
        "a0": ("140690", pytest.approx(0.7)),
        "b1": ("8815", pytest.approx(1e-6)),
        "c2": ("8815", 0.25),
        "ff": ("7", 0.5),
        "ee": ("8815", 1.0),
    }
    assert not any("e" in score for _, score in rows.values())


def test_no_images_give_a_header_alone(tmp_path):
    write_submission(tmp_path / "submission.csv")
    assert (tmp_path / "submission.csv").read_text() == "id,landmarks\n"


def test_an_image_that_occurs_twice_is_refused(tmp_path):
    with pytest.raises(BadDataError, match="'a0' occurs 2 times"):
        write_submission(tmp_path / "submission.csv", *parts(other="a0"))
    assert not (tmp_path / "submission.csv").exists()


def test_classes_that_are_no_landmarks_are_refused(tmp_path):
    assert are_landmarks(NAMES)
    assert not any(are_landmarks([*NAMES, name]) for name in ("cat", "-1", "1.5", "", "٣"))
    with pytest.raises(BadDataError, match="'cat' is none"):
        write_submission(tmp_path / "submission.csv", *parts(["8815", "cat", "7"]))
