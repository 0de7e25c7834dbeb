import json
import re
import subprocess
import sys

import numpy as np
import pytest

from keras_sketch.drawing import doodle_classes, draw_doodle, parse_line, rasterize
from keras_sketch.errors import InvalidArgumentError, UnknownNameError


def test_the_classes_are_sorted_and_enough():
    names = doodle_classes()
    assert names == sorted(names) and len(set(names)) == len(names) >= 12


def test_the_classes_are_quickdraws(samples):
    assert set(doodle_classes()) <= set((samples / "quickdraw" / "categories.txt").read_text().splitlines())


@pytest.mark.parametrize("name", doodle_classes())
def test_a_doodle_is_a_line_of_simplified_ndjson(name):
    for index in range(20):
        drawing = draw_doodle(name, index)
        assert parse_line(drawing.to_json()) == drawing
        values = [value for stroke in drawing.strokes for part in stroke for value in part]
        assert 0 <= min(values) <= 5 and 250 <= max(values) <= 255 and all(type(value) is int for value in values)
        assert drawing.word == name and re.fullmatch("[A-Z]{2}", drawing.countrycode)
        assert re.fullmatch(r"2017-03-\d\d \d\d:\d\d:\d\d\.\d{6} UTC", drawing.timestamp)
        assert re.fullmatch(r"[1-9]\d{15}", drawing.key_id)
    assert list(json.loads(drawing.to_json())) == "word countrycode timestamp recognized key_id drawing".split()


def test_no_two_are_alike_and_each_repeats():
    drawings = [draw_doodle(name, i, seed) for name in ("cat", "sun") for i in range(60) for seed in (0, 1)]
    assert len({str(drawing.strokes) for drawing in drawings}) == len({d.key_id for d in drawings}) == len(drawings)
    assert draw_doodle("sun", 59, 1) == drawings[-1]


def test_another_process_draws_the_same():
    code = "from keras_sketch.drawing import draw_doodle; print(draw_doodle('star', 7, 3).to_json())"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == draw_doodle("star", 7, 3).to_json()


def test_recognized_and_countries_are_spread_as_in_quickdraw():
    drawings = [draw_doodle("star", i) for i in range(400)]
    assert 0.85 < np.mean([drawing.recognized for drawing in drawings]) < 0.98
    codes = [drawing.countrycode for drawing in drawings]
    assert len(set(codes)) >= 8 and 0.45 < codes.count("US") / 400 < 0.75


def test_classes_can_be_told_apart_but_not_by_their_mean_picture():
    """The nearest mean picture names many doodles, by far not all: shapes vary within a class."""
    names = doodle_classes()
    images = rasterize([draw_doodle(name, i) for name in names for i in range(40)]).reshape(len(names), 40, -1) / 255
    means = images[:, :20].mean(axis=1)
    guesses = ((images[:, 20:, None] - means) ** 2).sum(axis=3).argmin(axis=2)
    accuracy = (guesses == np.arange(len(names))[:, None]).mean()
    assert 0.5 < accuracy < 0.95


@pytest.mark.parametrize("index", [-1, 1.5, "0", True])
def test_bad_arguments_are_named(index):
    with pytest.raises(InvalidArgumentError, match="`index`"):
        draw_doodle("cat", index)
    with pytest.raises(InvalidArgumentError, match="`seed`"):
        draw_doodle("cat", 0, seed=index)


def test_an_unknown_class_is_named():
    with pytest.raises(UnknownNameError, match="'umbrella'"):
        draw_doodle("umbrela", 0)
