import csv
import inspect
import shlex
import shutil
from pathlib import Path

import pytest

pytest.importorskip("keras_tuner")

from keras_sketch.errors import (
    InvalidArgumentError,
    KerasSketchError,
    MissingDataError,
    RunFolderError,
    UnknownNameError,
)
from keras_sketch.recipes import find_recipe, read_recipe, write_recipe
from keras_sketch.training.random_search import RandomSearch
from keras_sketch.training.sweep import Sweep
from keras_sketch.workflows import tune

FILES = {
    "search.json", "labels.txt", "tuning.csv", "best_recipe.json", "report.md", "optimizers.png", "learning_rates.png",
    "curves.png", "trials", "keras_tuner",
}  # fmt: skip


@pytest.fixture(scope="module")
def arguments(bars, prepared):
    return dict(
        dataset="quickdraw", config="bitmap", model="quickdraw_cnn", data_dir=str(prepared), manual_dir=str(bars),
        optimizers=("adam", "sgd"), learning_rates=("1e-3,1e-2",), decays=(1e-3,), batch_sizes=(16, 1000),
        trial_epochs=1, epochs=3, seed=1,
    )  # fmt: skip


@pytest.fixture(scope="module")
def sweep(arguments, tmp_path_factory):
    return tune(**arguments, output_dir=str(tmp_path_factory.mktemp("sweeps") / "bars"))


def trials(folder):
    with (folder / "tuning.csv").open() as file:
        return [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)]


def test_a_sweep_leaves_everything_that_is_promised(sweep):
    assert FILES <= {file.name for file in sweep.iterdir()}
    rows = trials(sweep)
    assert [row["step"] for row in rows] == ["optimizer"] * 2 + ["learning rate"] * 2 + ["batch size", "epochs"]
    assert [row["epochs"] for row in rows] == ["1"] * 5 + ["3"]
    assert {row["batch_size"] for row in rows} == {"128", "16"}
    best = read_recipe(sweep / "best_recipe.json")
    by_loss = min(rows[:-1], key=lambda row: float(row["val_loss"]))
    assert (best.stages[-1].optimizer, best.batch_size) == (by_loss["optimizer"], int(by_loss["batch_size"]))
    assert best.stages[-1].epochs == int(rows[-1]["best_epoch"])
    base = find_recipe(None, "quickdraw")
    assert (best.augmentation, best.seed, best.name) == (base.augmentation, 1, "quickdraw-tuned")


def test_a_trial_is_the_recipe_trained_as_ever(sweep, arguments, dataset, tmp_path):
    """The last trial's history, again, without any of the sweep's own code."""
    import keras

    from keras_sketch.models import build_classifier
    from keras_sketch.training.fitting import fit_recipe
    from keras_sketch.training.history import best_epoch

    best = read_recipe(sweep / "best_recipe.json")
    keras.utils.set_random_seed(best.seed)
    model = build_classifier("quickdraw_cnn", 3, dataset.info.image_shape)
    rows = fit_recipe(model, best, dataset.splits["train"], dataset.splits["validation"], tmp_path, {})
    last = trials(sweep)[-1]
    assert rows[best_epoch(rows)]["val_loss"] == pytest.approx(float(last["val_loss"]), rel=1e-4)


def test_the_command_that_is_printed_is_one(sweep):
    from keras_sketch.cli.parser import make_parser
    from keras_sketch.workflows import train

    command = (sweep / "report.md").read_text().split("```sh\n")[1].split("\n")[0]
    words = shlex.split(command)
    assert words[:2] == ["keras-sketch", "train"]
    parsed = make_parser(train, "keras-sketch train").parse_args(words[2:])
    assert read_recipe(parsed.recipe) == read_recipe(sweep / "best_recipe.json")
    assert Path(parsed.manual_dir).is_dir() and Path(parsed.data_dir).is_dir()


def test_an_interrupted_sweep_goes_on(sweep, arguments, tmp_path, capsys):
    folder = tmp_path / "bars"
    shutil.copytree(sweep, folder)
    names = [f"{row['optimizer']}-rate{row['learning_rate']}-decay{row['decay']}-batch{row['batch_size']}-"
             f"epochs{row['epochs']}" for row in trials(sweep)]  # fmt: skip
    for name in ("report.md", "tuning.csv", f"trials/{names[-1]}/result.json"):
        (folder / name).unlink()
    finished = {name: (folder / "trials" / name / "result.json").stat().st_mtime_ns for name in names[:-1]}
    with pytest.raises(RunFolderError, match="not finished. Add --resume"):
        tune(**arguments, output_dir=str(folder))
    with pytest.raises(RunFolderError, match=r"values.trial_epochs: 1 there, 2 now"):
        tune(**{**arguments, "trial_epochs": 2}, output_dir=str(folder), resume=True)
    capsys.readouterr()
    tune(**arguments, output_dir=str(folder), resume=True)
    assert capsys.readouterr().out.count("; trained before") == 5
    assert trials(folder) == trials(sweep)
    assert finished == {name: (folder / "trials" / name / "result.json").stat().st_mtime_ns for name in names[:-1]}


def test_a_finished_sweep_is_left_as_it_is(sweep, arguments, capsys):
    before = {file: file.stat().st_mtime_ns for file in sweep.rglob("*")}
    with pytest.raises(RunFolderError, match="already holds a finished"):
        tune(**arguments, output_dir=str(sweep))
    assert tune(**{**arguments, "decays": (0.0,), "seed": 4}, output_dir=str(sweep), resume=True) == sweep
    said = capsys.readouterr().out
    assert "nothing to do" in said and "seed: 1 there, 4 now; the values to try" in said
    tune(**arguments, output_dir=str(sweep), resume=True)
    assert "other settings" not in capsys.readouterr().out
    assert {file: file.stat().st_mtime_ns for file in sweep.rglob("*")} == before


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (dict(recipe="quikdraw"), UnknownNameError, "Did you mean 'quickdraw'"),
        (dict(recipe="nowhere.json"), MissingDataError, "nowhere.json"),
        (dict(split="holdout"), InvalidArgumentError, "scheme with a validation split.* 'holdout'"),
        (dict(optimizers=("adma",)), UnknownNameError, "Did you mean 'adam'"),
        (dict(optimizers=(",",)), InvalidArgumentError, "`optimizers` must be at least one"),
        (dict(draws=3), InvalidArgumentError, "`draws` must be left out with the search sweep"),
        (dict(search="randon"), InvalidArgumentError, "`search` must be one of sweep, random"),
        (dict(workers=0), InvalidArgumentError, "`workers` must be at least 1"),
        (dict(learning_rates=("fast",)), InvalidArgumentError, "`learning_rates` must be numbers"),
        (dict(learning_rates=(-1.0,)), InvalidArgumentError, "learning_rate"),
        (dict(decays=(-1.0,)), InvalidArgumentError, "decay"),
        (dict(batch_sizes=(0,)), InvalidArgumentError, "batch_sizes"),
        (dict(trial_epochs=0), InvalidArgumentError, "trial_epochs"),
        (dict(epochs=0), InvalidArgumentError, "epochs"),
        (dict(weights="missing.h5"), MissingDataError, "missing.h5"),
    ],
)
def test_what_cannot_be_done_changes_nothing(changes, error, message, arguments, tmp_path):
    with pytest.raises(error, match=message):
        tune(**{**arguments, **changes}, output_dir=str(tmp_path / "sweep"))
    assert not (tmp_path / "sweep").exists()


def test_a_block_that_the_network_lacks_is_named_at_once(arguments, tmp_path):
    recipe = find_recipe(None, "quickdraw").with_changes(train_from="conv9_block9")
    write_recipe(recipe, tmp_path / "mine.json")
    with pytest.raises(KerasSketchError, match="conv9_block9"):
        tune(**arguments, recipe=str(tmp_path / "mine.json"), output_dir=str(tmp_path / "sweep"))
    assert not (tmp_path / "sweep").exists()


def test_a_folder_with_something_else_is_left_alone(arguments, tmp_path):
    (tmp_path / "recipe.json").write_text("{}")
    with pytest.raises(RunFolderError, match="holds other files"):
        tune(**arguments, output_dir=str(tmp_path))
    assert [file.name for file in tmp_path.iterdir()] == ["recipe.json"]


def test_without_keras_tuner_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        MissingDataError, match=r"^keras-sketch tune needs KerasTuner: pip install keras_sketch\[tune\]\.$"
    ):
        tune()


@pytest.mark.parametrize("plan", [Sweep(), RandomSearch()], ids=["sweep", "random"])
def test_the_help_names_the_defaults(plan):
    lines = [line.strip() for line in inspect.getdoc(tune).splitlines()]
    for name, values in vars(plan).items():
        said = next(line for line in lines if line.startswith(f"{name}:")).split("Default: ")[1]
        listed = values if isinstance(values, tuple) else (values,)
        shown = (
            str(len(values))
            if name == "learning_rates"
            else ",".join(
                f"{value:g}".replace("0.0001", "1e-4")
                .replace("0.001", "1e-3")
                .replace("0.01", "1e-2")
                .replace("e-0", "e-")
                if isinstance(value, float)
                else str(value)
                for value in listed
            )
        )
        assert shown.replace("0.1", "1e-1") in said, (name, shown)
