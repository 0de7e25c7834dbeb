"""Two worker processes on 127.0.0.1 train; one is killed, then the other, and the run is brought to its end."""

import csv
import dataclasses
import json
import os
import re
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_sketch import load_classifier, train
from keras_sketch.errors import TrainingError, WorkerLostError
from keras_sketch.models.splitting import dropout_layers
from keras_sketch.recipes import Stage, all_recipes
from keras_sketch.training import fitting
from keras_sketch.training.agreement import Workers
from keras_sketch.training.distribution import make_strategy
from keras_sketch.training.history import read_history
from keras_sketch.workflows import evaluation_steps, export_run

# A process that imports everything once and forks two workers a run, before TensorFlow starts. Each is the command,
# without dropout, with a checkpoint at every step; one of them may kill itself after a step.
WORKERS = """
import json, os, signal, socket, sys, time
import numpy as np
from keras_sketch import cli
from keras_sketch.workflows.tensorflow_start import start_tensorflow
start_tensorflow()
from keras_sketch.workflows import evaluation_steps, export_run
from keras_sketch.models.splitting import dropout_layers
from keras_sketch.training import fitting, recorder
import tfds_builders
tfds_builders.BUILDERS["quickdraw"]

fit, end_of_step = fitting.fit_recipe, recorder.Recorder.on_train_batch_end
recorder.SAVE_EVERY_SECONDS, recorder.SAVING_SHARE = -1.0, 1e9
evaluation_steps.write_pictures, evaluation_steps.measure_heat_maps = lambda *_: None, lambda *_: {}

def work(index, addresses, last_step, place):
    def fit_recipe(model, *arguments):
        for layer in dropout_layers(model):
            layer.rate = 0.0
        rows = fit(model, *arguments)
        np.savez(f"{place}/{index}.npz", *model.get_weights())
        return rows

    def on_train_batch_end(self, batch, logs=None):
        end_of_step(self, batch, logs)
        if f"{self.place.epoch} {self.place.step}" == last_step:
            os.kill(os.getpid(), signal.SIGKILL)

    task = {"type": "worker", "index": index}
    os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": addresses}, "task": task})
    log = os.open(f"{place}/{index}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1), os.dup2(log, 2)
    fitting.fit_recipe, recorder.Recorder.on_train_batch_end = fit_recipe, on_train_batch_end
    try:
        cli.train_main()
    except SystemExit as end:
        sys.stdout.flush()
        os._exit(end.code or 0)
    sys.stdout.flush()
    os._exit(0)

place = sys.argv.pop(1)
for line in sys.stdin:
    killed, last_step = json.loads(line)
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    [each.close() for each in sockets]
    workers = {}
    for index in range(2):
        process = os.fork()
        if not process:
            work(index, addresses, last_step if index == killed else "", place)
        workers[process] = index
    codes, ends = [None, None], [None, None]
    for _ in range(2):
        process, status = os.wait()
        codes[workers[process]], ends[workers[process]] = os.waitstatus_to_exitcode(status), time.monotonic()
    print(json.dumps([codes, abs(ends[0] - ends[1])]), flush=True)
"""
# Adam makes large steps of gradients that are nothing but rounding; SGD does not.
RECIPE = dataclasses.replace(
    all_recipes()["quickdraw"],
    model="quickdraw_cnn",
    config="bitmap",
    batch_size=16,
    stages=(Stage(epochs=2, learning_rate=0.05, optimizer="sgd"),),
)


@pytest.fixture
def two_workers(bars, prepared, tmp_path):
    """Runs both with the same command; gives the exit codes, what they printed, and the seconds between their ends."""
    recipe = tmp_path / "recipe.json"
    recipe.write_text(json.dumps(RECIPE.to_dict()))
    places = {"recipe": recipe, "data-dir": prepared, "manual-dir": bars, "output-dir": tmp_path / "run"}
    options = [f"--{name}={value}" for name, value in places.items()]
    runner = subprocess.Popen(
        [sys.executable, "-c", WORKERS, tmp_path, *options, "--resume"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip

    def run(killed=None, after=""):
        runner.stdin.write(json.dumps([killed, after]) + "\n")
        runner.stdin.flush()
        codes, seconds = json.loads(runner.stdout.readline())
        return codes, [(tmp_path / f"{index}.log").read_text() for index in range(2)], seconds

    yield run
    os.killpg(runner.pid, signal.SIGKILL)
    runner.wait()


def without_dropout(monkeypatch):
    fit = fitting.fit_recipe

    def fit_recipe(model, *arguments):
        for layer in dropout_layers(model):
            layer.rate = 0.0
        return fit(model, *arguments)

    monkeypatch.setattr(fitting, "fit_recipe", fit_recipe)
    monkeypatch.setattr(evaluation_steps, "write_pictures", lambda *_: None)
    monkeypatch.setattr(evaluation_steps, "measure_heat_maps", lambda *_: {})
    monkeypatch.setattr(export_run, "_export", lambda *_: None)


def test_killed_workers_end_the_others_and_a_run_that_is_resumed_equals_one_process_s(
    two_workers, bars, prepared, tmp_path, monkeypatch
):
    run = tmp_path / "run"
    for killed, place in ((1, "0 5"), (0, "1 2")):
        codes, printed, seconds = two_workers(killed, place)
        other = printed[1 - killed]
        assert codes[killed] == -9, printed[killed]
        assert codes[1 - killed] == WorkerLostError.exit_code == 75, other
        assert seconds < 60
        assert "Traceback" not in other
        who = "Worker 0, the chief," if killed == 0 else "Worker 1"
        assert re.search(rf"^error: {who} \(127.0.0.1:\d+\) is gone; .*--resume --output-dir {run}\.$", other, re.M)

    codes, (chief, worker), _ = two_workers()
    assert codes == [0, 0], chief + worker
    assert "Continuing in epoch 2 after step 2." in chief
    assert "2 CPUs of 2 machines, 8 of a batch of 16 on each" in chief
    lines = [line for line in worker.splitlines() if line]
    assert lines[-2:] == ["Worker 1 has trained; the chief tests, exports and reports.", f"Report: {run / 'report.md'}"]
    assert "Epoch" not in worker and len(lines) <= 4

    without_dropout(monkeypatch)
    places = dict(data_dir=str(prepared), manual_dir=str(bars), output_dir=str(tmp_path / "alone"))
    alone = train(recipe=str(tmp_path / "recipe.json"), **places)
    weights = [list(np.load(tmp_path / f"{index}.npz").values()) for index in range(2)]
    for ours, other, expected in zip(*weights, load_classifier(alone).get_weights(), strict=True):
        np.testing.assert_array_equal(ours, other)
        np.testing.assert_allclose(ours, expected, atol=1e-5)
    same_history(run, alone)
    assert (run / "saved_model" / "saved_model.pb").is_file()
    same_predictions(run, alone)
    left = {file.name for file in run.iterdir()} - {file.name for file in alone.iterdir()}
    assert left == {"saved_model"}


def same_history(run, alone):
    found, expected = (read_history(each / "history.csv") for each in (run, alone))
    assert [row["epoch"] for row in found] == [row["epoch"] for row in expected] == [1, 2]
    for row, other in zip(found, expected, strict=True):
        numbers = [name for name in row if name != "stage"]
        assert [row[name] for name in numbers] == pytest.approx([other[name] for name in numbers], abs=1e-5)


def same_predictions(run, alone):
    found, expected = (list(csv.reader((each / "predictions.csv").open())) for each in (run, alone))
    assert [row[0] for row in found] == [row[0] for row in expected]
    metrics = [json.loads((each / "metrics.json").read_text()) for each in (run, alone)]
    assert metrics[0]["num_examples"] == metrics[1]["num_examples"] == len(found) - 1
    assert metrics[0]["top1"] == metrics[1]["top1"]


def test_a_process_that_uses_tensorflow_already_says_that_it_is_too_late(monkeypatch):
    keras.ops.ones(3)
    cluster = {"worker": ["127.0.0.1:1", "127.0.0.1:2"]}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": {"type": "worker", "index": 0}}))
    with pytest.raises(TrainingError, match="cannot join the other workers any more"):
        make_strategy("auto")


def test_alone_everything_is_agreed():
    workers = Workers()
    assert workers.is_chief and workers.is_alone
    assert workers.any(True, False) == [True, False]
    assert workers.from_chief(b"abcde") == b"abcde"
