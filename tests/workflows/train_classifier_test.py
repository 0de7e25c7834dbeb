import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from keras_sketch import evaluate, gradcam, load_classifier, train
from keras_sketch.cli import train_main
from keras_sketch.data import open_dataset
from keras_sketch.errors import (
    BadDataError,
    InvalidArgumentError,
    MissingDataError,
    RunFolderError,
    TrainingError,
    UnknownNameError,
)
from keras_sketch.training import fitting
from keras_sketch.workflows import explain, export, predict, report
from keras_sketch.workflows.run_folder import RunFolder

ROOT = Path(__file__).parents[2]
FILES = {
    "recipe.json", "labels.txt", "history.csv", "metrics.json", "predictions.csv", "classes.csv", "report.md",
    "curves.png", "confusion.png", "samples.png", "gradcam.png", "model.keras", "saved_model", "logs",
}  # fmt: skip


@pytest.fixture(scope="module")
def held_out(bars, prepared):
    return open_dataset("quickdraw", config="bitmap", data_dir=prepared, manual_dir=bars).splits["test"]


def test_a_run_leaves_everything_that_is_promised(run, held_out):
    assert FILES <= {file.name for file in run.iterdir()}
    assert RunFolder(run).finished
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["num_examples"] == held_out.num_examples
    with (run / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == list(held_out.facts()["id"])
    right = sum(row["label"] == row["predicted"] for row in rows)
    assert right / len(rows) == pytest.approx(metrics["top1"])
    assert (run / "labels.txt").read_text().split() == ["arm", "belt", "cloud"]


def test_the_saved_model_says_from_bytes_what_the_model_says_from_pixels(run, held_out):
    import tensorflow as tf

    pixels = np.concatenate([images for images, _ in held_out.evaluation(16)])
    contents = [cv2.imencode(".png", image)[1].tobytes() for image in pixels]
    served = tf.saved_model.load(str(run / "saved_model"))
    answer = served.signatures["serving_default"](image_bytes=tf.constant(contents))
    model = load_classifier(run)
    expected = [model.class_names[place] for place in model.predict(pixels, verbose=0).argmax(-1)]
    assert [label.decode() for label in answer["labels"][:, 0].numpy()] == expected
    from_pixels = served.signatures["pixels"](images=tf.constant(pixels))
    np.testing.assert_allclose(answer["probabilities"], from_pixels["probabilities"], atol=1e-6)
    assert gradcam(model, pixels[:2]).shape == (2, 28, 28)


def test_evaluating_again_gives_the_same_figures(run):
    before = json.loads((run / "metrics.json").read_text())
    assert evaluate(str(run)) == before


def test_a_run_without_its_report_is_not_evaluated(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / "report.md").unlink()
    with pytest.raises(RunFolderError, match="is not finished"):
        evaluate(str(tmp_path / "run"))


def test_predict_explain_export_and_report(run, tmp_path, capsys):
    drawing = np.full((50, 80), 255, "uint8")
    cv2.line(drawing, (10, 25), (70, 25), 0, 4)
    cv2.imwrite(str(tmp_path / "line.png"), drawing)
    ((name, score), *_), *_ = predict(str(run), [str(tmp_path / "line.png")])
    assert name in ("arm", "belt", "cloud") and 1 / 3 <= score <= 1
    assert "line.png: " in capsys.readouterr().out
    picture = explain(str(run), [str(tmp_path / "line.png")], class_name="belt", output=str(tmp_path / "cam.png"))
    assert cv2.imread(str(picture)) is not None
    with pytest.raises(MissingDataError, match="folder of .*x.png does not exist"):
        explain(str(run), [str(tmp_path / "line.png")], output=str(tmp_path / "nowhere" / "x.png"))
    assert (export(str(run), str(tmp_path / "served")) / "saved_model.pb").is_file()
    report([str(run)], output_dir=str(tmp_path / "report"))
    assert "| quickdraw_cnn | quickdraw/bitmap |" in capsys.readouterr().out


def test_a_finished_run_is_not_overwritten(run, bars, prepared, capsys):
    before = {file: file.stat().st_mtime_ns for file in run.rglob("*")}
    with pytest.raises(RunFolderError, match="already holds a finished run. Add --resume"):
        train(dataset="quickdraw", output_dir=str(run))
    assert train(dataset="quickdraw", output_dir=str(run), resume=True, seed=4) == run
    said = capsys.readouterr().out
    assert "nothing to do" in said and "seed: 0 there, 4 now" in said
    assert {file: file.stat().st_mtime_ns for file in run.rglob("*")} == before


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (dict(dataset="quikdraw"), UnknownNameError, "Did you mean 'quickdraw'"),
        (dict(dataset="doodles", model="resnet"), UnknownNameError, "Unknown model 'resnet'"),
        (dict(dataset="doodles", recipe="quickdraw-8"), InvalidArgumentError, "dataset"),
        (dict(dataset="doodles", epochs=0), InvalidArgumentError, "epochs"),
        (dict(dataset="doodles", seed=-1), InvalidArgumentError, "seed"),
        (dict(dataset="doodles", seed=2**32), InvalidArgumentError, "seed"),
        (dict(dataset="doodles", classes=("cat,cat",)), InvalidArgumentError, "at least two names"),
        (dict(dataset="doodles", split="photo"), UnknownNameError, "split"),
        (dict(dataset="doodles", config="big"), UnknownNameError, "config"),
        (dict(dataset="doodles", classes=("hose", "cat")), UnknownNameError, "class"),
        (dict(dataset="doodles", precision="half"), InvalidArgumentError, "precision"),
        (dict(dataset="doodles", per_class=30, learning_rate=-1.0), InvalidArgumentError, "learning_rate"),
        (dict(dataset="doodles", per_class=30, image_size=4), InvalidArgumentError, "image_size"),
        (dict(dataset="doodles", per_class=30, weights="missing.h5"), MissingDataError, "missing.h5"),
        (dict(dataset="doodles", per_class=30, batch_size=100_000), InvalidArgumentError, "batch_size"),
        (dict(dataset="doodles", per_class=30, train_from="conv9"), UnknownNameError, "conv9"),
        (dict(dataset="doodles", policy="rand_augmen"), UnknownNameError, "rand_augment"),
        (dict(dataset="doodles", policy="grid_mask", deterministic=True), InvalidArgumentError, "do not repeat"),
    ],
)
def test_what_cannot_be_done_changes_nothing(arguments, error, message, tmp_path):
    with pytest.raises(error, match=message):
        train(**arguments, data_dir=str(tmp_path / "data"), output_dir=str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_a_block_that_another_model_lacks_is_named_before_any_data_is_read(tmp_path):
    places = {"data_dir": str(tmp_path / "data"), "output_dir": str(tmp_path / "run")}
    with pytest.raises(UnknownNameError, match="Unknown block of sketch_cnn 'conv4_block1'"):
        train("sketchy", "sketch_cnn", "sketchy-resnet50", weights="none", train_from="conv4_block1", **places)
    assert list(tmp_path.iterdir()) == []


def test_prepared_data_that_moved_or_is_damaged_is_named(run, prepared, tmp_path):
    shutil.copytree(prepared, tmp_path / "data")
    moved = tmp_path / "run"
    shutil.copytree(run, moved)
    settings = json.loads((moved / "recipe.json").read_text())
    settings["data"]["prepared_in"] = str(tmp_path / "gone")
    (moved / "recipe.json").write_text(json.dumps(settings))
    with pytest.raises(MissingDataError, match="--data-dir"):
        evaluate(str(moved))
    before = json.loads((run / "metrics.json").read_text())
    assert evaluate(str(moved), data_dir=str(tmp_path / "data")) == before
    for shard in (tmp_path / "data").rglob("*test.tfrecord*"):
        shard.write_bytes(shard.read_bytes()[:-10])
    with pytest.raises(BadDataError, match="is damaged"):
        evaluate(str(moved), data_dir=str(tmp_path / "data"))
    for file in (tmp_path / "data").rglob("dataset_info.json"):
        file.unlink()
    with pytest.raises(BadDataError, match="is damaged"):
        evaluate(str(moved), data_dir=str(tmp_path / "data"))


def test_ctrl_c_saves_and_resume_finishes(bars, prepared, tmp_path, monkeypatch, capsys):
    """The whole command as a process, stopped by SIGINT in the middle of an epoch."""
    import signal
    import time

    command = [
        sys.executable, "train.py", "--dataset", "quickdraw", "--config", "bitmap", "--model", "quickdraw_cnn",
        "--batch-size", "16", "--epochs", "400", "--manual-dir", str(bars), "--data-dir", str(prepared),
        "--output-dir", str(tmp_path / "run"),
    ]  # fmt: skip
    started = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    history = tmp_path / "run" / "history.csv"
    deadline = time.monotonic() + 120
    while not history.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    started.send_signal(signal.SIGINT)
    _, errors = started.communicate(timeout=60)
    assert started.returncode == 130, errors
    assert "--resume" in errors and "Traceback" not in errors
    epochs = len(history.read_text().splitlines()) - 1
    assert 0 < epochs < 400
    for more, message in (([], "Add --resume"), (["--resume", "--seed", "5"], "recipe.seed: 0 there, 5 now")):
        monkeypatch.setattr(sys, "argv", [*command[1:], *more])
        with pytest.raises(SystemExit) as end:
            train_main()
        assert end.value.code == 2 and message in capsys.readouterr().err


def test_precision_and_xla_are_printed_stored_and_handed_on(bars, prepared, tmp_path, capsys, monkeypatch):
    def fit_recipe(network, *_):
        raise TrainingError(f"{network.dtype_policy.name}, {_[-1]}")

    monkeypatch.setattr(fitting, "fit_recipe", fit_recipe)
    places = {"data_dir": str(prepared), "manual_dir": str(bars), "output_dir": str(tmp_path / "run")}
    asked = dict(dataset="quickdraw", config="bitmap", model="quickdraw_cnn", batch_size=64, epochs=1)
    with pytest.raises(TrainingError, match="mixed_bfloat16, True"):
        train(**asked, **places, xla=True, precision="mixed_bfloat16")
    lines = capsys.readouterr().out.splitlines()
    assert "Devices: 1 CPU; mixed_bfloat16, compiled by XLA" in lines
    assert any(line.startswith("Warning: XLA makes training on a CPU slower") for line in lines)
    settings = json.loads((tmp_path / "run" / "recipe.json").read_text())
    assert (settings["precision"], settings["xla"], settings["deterministic"]) == ("mixed_bfloat16", True, False)
    with pytest.raises(RunFolderError, match="xla: True there, False now"):
        train(**asked, **places, precision="mixed_bfloat16", resume=True)
    with pytest.raises(InvalidArgumentError, match="float32 or mixed_bfloat16 on a CPU"):
        train(**asked, **places | {"output_dir": str(tmp_path / "other")}, precision="mixed_float16")
    assert not (tmp_path / "other").exists()
