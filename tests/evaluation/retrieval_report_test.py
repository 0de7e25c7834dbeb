import cv2
import numpy as np
import pytest

from keras_sketch.evaluation.retrieval_report import caption, draw_retrieved, write_retrieval_report


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_each_query_stands_beside_what_was_found(tmp_path, count):
    colours = ((0, 0, 255), (255, 0, 255))
    queries, found = (np.full((count, 40, 40, 3), colour, "uint8") for colour in colours)
    draw_retrieved(tmp_path / "a.png", queries, found, ["one\ntwo"] * count, [True] * count)
    picture = cv2.imread(str(tmp_path / "a.png"))[:, :, ::-1]
    masks = [(picture == colour).all(axis=-1) for colour in colours]
    np.testing.assert_allclose([mask.sum() for mask in masks], count * 142**2, rtol=0.03)
    assert [cv2.connectedComponents(mask.astype("uint8"))[0] - 1 for mask in masks] == [count, count]
    (top, left), (other_top, right) = (np.argwhere(mask).min(axis=0) for mask in masks)
    assert abs(top - other_top) <= 1 and 142 <= right - left <= 152


def test_right_and_wrong_answers_differ_in_colour(tmp_path):
    grey = np.full((1, 40, 40, 3), 128, "uint8")
    for name, right in (("right", True), ("wrong", False)):
        draw_retrieved(tmp_path / f"{name}.png", grey, grey, ["some\ntext"], [right])
    right, wrong = (cv2.imread(str(tmp_path / f"{name}.png")).astype(int) for name in ("right", "wrong"))
    assert (right[..., 1] - right[..., 2]).max() > 80 and (wrong[..., 2] - wrong[..., 1]).max() > 80
    assert (right[..., 2] - right[..., 1]).max() < 30


def test_captions_are_two_short_lines():
    assert caption("140690", "7", 1) == "140690\nfound 7 (1 match)"
    long = caption("no landmark", "a name that is much longer than a tile is wide", 0)
    assert long.count("\n") == 1 and max(map(len, long.split("\n"))) < 50 and long.endswith("(0 matches)")


def report(path, picture="", missing="", **figures):
    counts = {"num_queries": 1234, "num_distractors": 34, "num_indexed": 56789, "num_landmarks": 100}
    write_retrieval_report(path, "A *title*", {**counts, "intervals": {}, **figures}, picture, missing)
    return path.read_text()


def test_the_report_holds_the_figures(tmp_path):
    intervals = {"top1": [0.2, 0.3], "gap": [0.1, 0.15]}
    text = report(tmp_path / "report.md", "retrieved.png", top1=0.25, gap=0.125, intervals=intervals)
    assert text.startswith("# A \\*title\\*\n")
    assert "56,789 images of 100 landmarks were searched for 1,234 queries, 34 of no landmark." in text
    assert "| Top-1 | 25.00 % | 20.0 to 30.0 |" in text and "| GAP | 12.50 % | 10.0 to 15.0 |" in text
    assert "(retrieved.png)" in text


def test_without_figures_or_picture_it_says_so(tmp_path):
    text = report(tmp_path / "report.md", missing="The data is gone.")
    assert "Top-1" not in text and "![" not in text and "The data is gone." in text
