import re

import cv2
import numpy as np
import pytest

from keras_sketch.evaluation.before_after_report import write_before_after
from keras_sketch.recipes import Published


@pytest.fixture
def read_images():
    return lambda run, ids: np.full((len(ids), 16, 16, 3), 200, np.uint8)


def test_everything_stands_in_the_report(evaluated, tmp_path, picture, read_images):
    paper = Published("A paper", {"top1": 0.3, "top1_before": 0.1}, "routes")
    runs = [
        evaluated("zero", skill=0.5),
        evaluated("tuned", after=True, skill=0.9, seed=2, p=paper),
        evaluated("second", "other", skill=0.4, seed=5),
    ]
    for name in ("all_right-Z.png", "classes of mine.csv"):
        (tmp_path / name).touch()
    printed = write_before_after(tmp_path, runs, read_images)
    text = (tmp_path / "report.md").read_text()
    assert re.findall(r"!\[.*?\]\((.*?)\)", text) == ["scores.png", "all_right.png", "all_wrong.png"]
    assert {file.name for file in tmp_path.iterdir()} == {
        *("report.md", "scores.png", "all_right.png", "all_wrong.png", "classes.csv", "classes of mine.csv"),
    }
    for name in ("scores.png", "all_right.png", "all_wrong.png"):
        picture(tmp_path / name)
    for title in ("Table 2. Top-1 and top-5 before and after", "The most frequent wrong answers", "Top-1 by ink"):
        assert title in text and title in printed
    assert "3 of 1,000" in printed and "10.00 % → 30.00 % [1]" in printed and "[1] A paper." in printed
    assert "## What all 3 got wrong" in text and "| goldfish |" in text and not re.search(r"n\d{8}", text)
    for block in text.split("\n\n"):
        rows = [re.split(r"(?<!\\)\|", line) for line in block.splitlines() if line.startswith("|")]
        assert len({len(cells) for cells in rows}) <= 1


def test_several_test_sets_have_parts_of_their_own(evaluated, tmp_path, read_images):
    runs = [evaluated("zero"), evaluated("tuned", after=True, first=9)]
    runs[1].scores["leaked"] = 17
    printed = write_before_after(tmp_path, runs, read_images)
    text = (tmp_path / "report.md").read_text()
    assert "## What zero got wrong in test set A" in text and "(all_wrong-B.png)" in text
    assert "cnn was tested on other examples before fine-tuning (A) than after it (B)" in printed
    assert "tuned: 17 of 40 test examples, or siblings of theirs, were trained on" in printed
    assert cv2.imread(str(tmp_path / "all_wrong-A.png")) is not None


def test_without_the_data_the_galleries_are_left_out(evaluated, tmp_path):
    write_before_after(tmp_path, [evaluated("zero", skill=0.5)], lambda run, ids: None)
    text = (tmp_path / "report.md").read_text()
    assert text.count("Their pictures are gone") == 2 and not list(tmp_path.glob("all_*.png"))
    assert "40 test examples. Their pictures" in text
