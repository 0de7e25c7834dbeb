import csv
import dataclasses
import shlex
from unittest.mock import Mock

import numpy as np
import pytest

from keras_sketch.cli.parser import make_parser
from keras_sketch.errors import InvalidArgumentError, RunFolderError, TrainingError, UnknownNameError
from keras_sketch.recipes import Stage, find_recipe, write_recipe
from keras_sketch.training import fitting
from keras_sketch.workflows import find_lr, train
from keras_sketch.workflows.find_learning_rate import _say

FILES = {"learning_rate.csv", "learning_rate.png"}


@pytest.fixture(scope="module")
def arguments(bars, prepared, tmp_path_factory):
    file = tmp_path_factory.mktemp("recipes") / "mine.json"
    stages = (
        Stage(epochs=1, learning_rate=1e-3, train_from="head", name="head"),
        Stage(epochs=1, learning_rate=5e-4, group_rates=(0.1, 1.0), schedule="one_cycle", warmup=0.3, name="all"),
    )
    recipe = dataclasses.replace(find_recipe(None, "doodles"), name="mine", stages=stages, batch_size=30)
    write_recipe(recipe.with_changes(dataset="quickdraw", config="bitmap"), file)
    return dict(recipe=str(file), dataset="quickdraw", data_dir=str(prepared), manual_dir=str(bars), seed=1)


def rows(folder):
    with (folder / "learning_rate.csv").open() as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def test_a_sweep_leaves_its_curve_and_says_how_to_go_on(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fitting, "freeze_stage", Mock(wraps=fitting.freeze_stage))
    folder = find_lr(**arguments, steps=60)
    assert fitting.freeze_stage.call_args.args[1].name == "head"
    said = capsys.readouterr().out
    assert str(folder) == "learning_rate/mine"
    assert {file.name for file in folder.iterdir()} == FILES
    curve = rows(folder)
    assert list(curve[0]) == ["step", "learning_rate", "loss", "smoothed_loss"]
    assert (curve[0]["learning_rate"], curve[-1]["step"]) == (1e-7, len(curve))
    assert "stage head (adam, trained from head)" in said
    (command,) = [line.split(": ", 1)[1] for line in said.splitlines() if line.startswith("Train at the valley")]
    words = shlex.split(command)
    assert words[:2] == ["keras-sketch", "train"]
    parsed = make_parser(train, "train").parse_args(words[2:])
    assert (parsed.recipe, parsed.seed, parsed.manual_dir) == (arguments["recipe"], 1, arguments["manual_dir"])
    valley = float(said.split("Valley: ")[1].split(";")[0])
    assert parsed.learning_rate == pytest.approx(valley / 2, rel=0.1)
    assert "the last stage, all, which the recipe gives 0.5 times the rate of head" in said

    find_lr(**arguments, stage="all", steps=50, lowest=1e-5, highest=10.0)
    said = capsys.readouterr().out
    assert "Of the layer groups, from the input to the head, at the valley" in said
    assert "the last stage" not in said
    assert len(rows(folder)) <= 50 and {file.name for file in folder.iterdir()} == FILES


def test_a_curve_without_a_fall_is_drawn_and_is_an_error(arguments, tmp_path):
    with pytest.raises(TrainingError, match=r"too few to see it fall.*learning_rate\.png"):
        find_lr(**arguments, lowest=1e8, highest=1e12, steps=20, output_dir=str(tmp_path / "curve"))
    assert {file.name for file in (tmp_path / "curve").iterdir()} == FILES


def test_options_with_several_values_stand_in_the_command(tmp_path, capsys):
    from keras_sketch.training.learning_rate_finder import LearningRateCurve

    recipe = find_recipe(None, "doodles")
    curve = LearningRateCurve(np.ones(3), np.ones(3), np.ones(3), valley=1e-3, steepest=2e-3, diverged=False)
    _say(tmp_path, curve, recipe, recipe.stages[0], dict(classes=("cat", "a fish"), batch_size=None, per_class=0))
    assert "train --classes 'cat,a fish' --per-class 0 --learning-rate 0.001" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (dict(stage="fine"), UnknownNameError, "Unknown stage of recipe mine 'fine'.*Known: all, head"),
        (dict(steps=3), InvalidArgumentError, "`steps` must be at least 20"),
        (dict(precision="half"), InvalidArgumentError, "`precision`"),
        (dict(lowest=2.0, highest=1.0), InvalidArgumentError, "`highest`"),
        (dict(train_from="conv99"), UnknownNameError, "conv99"),
    ],
)
def test_what_cannot_be_done_writes_nothing(changes, error, message, arguments, tmp_path):
    changes = {"stage": "all", **changes}
    with pytest.raises(error, match=message):
        find_lr(**arguments, **changes, output_dir=str(tmp_path / "curve"))
    assert not (tmp_path / "curve").exists()


def test_a_run_s_folder_is_left_alone(arguments, tmp_path):
    (tmp_path / "recipe.json").write_text("{}")
    with pytest.raises(RunFolderError, match="--output-dir"):
        find_lr(**arguments, output_dir=str(tmp_path))
    assert [file.name for file in tmp_path.iterdir()] == ["recipe.json"]
