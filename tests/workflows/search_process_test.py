import csv
import os
import signal
import threading
import time
from pathlib import Path

import pytest

pytest.importorskip("keras_tuner")

from keras_sketch.training.random_search import RandomSearch
from keras_sketch.workflows import tune


def arguments(bars, prepared):
    return dict(
        dataset="quickdraw", config="bitmap", model="quickdraw_cnn", data_dir=str(prepared), manual_dir=str(bars),
        search="random", draws=2, batch_sizes=("16..64",), trial_epochs=1,
    )  # fmt: skip


def trials(folder):
    with (folder / "tuning.csv").open() as file:
        return [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def alone(bars, prepared, tmp_path_factory):
    return tune(**arguments(bars, prepared), output_dir=str(tmp_path_factory.mktemp("searches") / "alone"))


def test_a_random_search_leaves_everything_that_is_promised(alone):
    names = {"search.json", "tuning.csv", "best_recipe.json", "report.md", "parallel.png", "marginals.png", "trials"}
    assert names <= {file.name for file in alone.iterdir()}
    rows = trials(alone)
    drawn = [RandomSearch().draw(0, number).learning_rate for number in range(2)]
    assert [float(row["learning_rate"]) for row in rows] == drawn
    assert "alpha" not in rows[0] and all(16 <= int(row["batch_size"]) <= 64 for row in rows)


@pytest.mark.slow
@pytest.mark.enable_socket
def test_workers_find_the_same_though_one_is_killed(alone, bars, prepared, tmp_path, capfd):
    folder = tmp_path / "together"
    killer = threading.Thread(target=kill_worker, args=("worker-2", folder))
    killer.start()
    tune(**arguments(bars, prepared), workers=2, output_dir=str(folder))
    killer.join()
    assert "worker-2 ended: killed by SIGKILL" in capfd.readouterr().err
    assert [row["batch_size"] for row in trials(folder)] == [row["batch_size"] for row in trials(alone)]
    assert [float(row["val_loss"]) for row in trials(folder)] == pytest.approx(
        [float(row["val_loss"]) for row in trials(alone)], rel=1e-4
    )


def kill_worker(name, folder):
    """Kills the worker when it has begun its first trial."""
    log = folder / "workers" / f"{name}.log"
    while not (log.exists() and "Trial" in log.read_text()):
        time.sleep(0.1)
    for process in Path("/proc").glob("[0-9]*"):
        try:
            variables = (process / "environ").read_bytes().split(b"\0")
            words = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if f"KERASTUNER_TUNER_ID={name}".encode() in variables and str(folder).encode() in words:
            os.kill(int(process.name), signal.SIGKILL)
