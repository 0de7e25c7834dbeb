"""Does a run that is killed at any moment, and resumed, end as the one that nobody disturbed?

    python benchmarks/kill_and_resume.py [--kills 20] [--models quickdraw_cnn,mobilenet_v2] [--seed 0]

`train.py --deterministic` trains on generated doodles with augmentation, dropout, MixUp and two stages with
schedules: `quickdraw_cnn`, whose dropout is in its hidden layers, and `mobilenet_v2` at 32 px with dropout in its
head. Checkpoints are written five times a second in place of every 30 seconds. A run is killed with SIGKILL at random
moments of the time that it takes, every third time as soon as a checkpoint is half written, and is started again with
`--resume` until it ends; up to five kills a run, then the next run begins. Compared with the undisturbed run are, to
the bit: `history.csv`, `metrics.json`, `predictions.csv`, and all weights, optimizer states, metrics and seeds of the
last checkpoint and of `model.keras`. It exits with 1 if anything differs.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import h5py
import numpy as np
from tqdm import tqdm

from keras_sketch.recipes import Augmentation, Recipe, Stage, write_recipe

COMMAND = """
from keras_sketch.training import recorder
recorder.SAVE_EVERY_SECONDS, recorder.SAVING_SHARE = 0.2, float("inf")
from keras_sketch.cli import train_main
train_main()
"""
KILLS_A_RUN = 5
RECIPE = Recipe(
    name="killed",
    summary="",
    dataset="doodles",
    model="quickdraw_cnn",
    per_class=60,
    batch_size=16,
    augmentation=Augmentation(rotation=10, zoom=(0.9, 1.1), flip=0.5, mixup=0.3),
    stages=(
        Stage(epochs=2, learning_rate=1e-3, schedule="one_cycle", warmup=0.3, optimizer="fastai_adam", name="first"),
        Stage(epochs=6, learning_rate=1e-3, schedule="cosine", warmup=0.2, optimizer="adamw", weight_decay=0.01),
    ),
)
CHANGES = {
    "quickdraw_cnn": {},
    "mobilenet_v2": {"model": "mobilenet_v2", "image_size": 32, "per_class": 30, "dropout": 0.3},
}


class Runs:
    """Runs of one recipe below one folder."""

    def __init__(self, home: Path, recipe: Recipe):
        self._home = home
        write_recipe(recipe, home / "recipe.json")

    def start(self, name: str) -> subprocess.Popen:
        """Starts, or resumes, the run of that name."""
        given = ["--recipe", str(self._home / "recipe.json"), "--data-dir", str(self._home / "data")]
        given += ["--output-dir", str(self._home / name), "--deterministic", "--resume"]
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        with (self._home / f"{name}.log").open("a") as log:
            return subprocess.Popen([sys.executable, "-c", COMMAND, *given], stdout=log, stderr=log, env=environment)

    def wait(self, name: str, process: subprocess.Popen) -> None:
        """Waits for a run to end well."""
        if process.wait():
            raise SystemExit(f"{name} ended with {process.returncode}:\n{(self._home / f'{name}.log').read_text()}")

    def kill(self, name: str, seconds: float, in_a_save: bool) -> str:
        """Starts or resumes a run and kills it; returns when that was, or nothing where the run was over before."""
        process = self.start(name)
        end, checkpoints = time.monotonic() + seconds, self._home / name / "checkpoints"
        half_written: list[Path] = []
        while process.poll() is None:
            if time.monotonic() > end:
                half_written = list(checkpoints.glob(".state-*"))
                if half_written or not in_a_save:
                    break
                time.sleep(0.0005)
            else:
                time.sleep(0.01)
        if process.poll() is not None:
            self.wait(name, process)
            return ""
        process.send_signal(signal.SIGKILL)
        process.wait()
        states = sorted(file.stem for file in checkpoints.glob("state-*.npz"))
        at = states[-1].removeprefix("state-") if states else "no checkpoint"
        return f"{at}{' (in a save)' if half_written else ''}"

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """Returns all numbers that a finished run left, and its files of figures."""
        folder, found = self._home / name, {}
        for file in ("history.csv", "metrics.json", "predictions.csv"):
            found[file] = np.frombuffer((folder / file).read_bytes(), "uint8")
        with np.load(sorted((folder / "checkpoints").glob("state-*.npz"))[-1]) as stored:
            found |= {each: stored[each] for each in stored.files if each != "metadata"}
        with zipfile.ZipFile(folder / "model.keras") as archive, archive.open("model.weights.h5") as weights:
            with h5py.File(weights) as tree:
                tree.visititems(lambda path, each: found.update({path: each[()]} if hasattr(each, "dtype") else {}))
        return found


def different(some: dict[str, np.ndarray], others: dict[str, np.ndarray]) -> list[str]:
    """Returns the names of what is not equal to the bit."""
    names = sorted({*some, *others})
    return [each for each in names if each not in some or each not in others or not _equal(some[each], others[each])]


def _equal(some: np.ndarray, others: np.ndarray) -> bool:
    return some.dtype == others.dtype and some.shape == others.shape and some.tobytes() == others.tobytes()


def try_model(home: Path, model: str, kills: int, chance: random.Random) -> list[str]:
    """Kills and resumes runs of a model; returns what differed."""
    runs = Runs(home, RECIPE.with_changes(**CHANGES[model]))
    runs.wait("preparation", runs.start("preparation"))
    begun = time.monotonic()
    runs.wait("undisturbed", runs.start("undisturbed"))
    seconds = time.monotonic() - begun
    expected, wrong, moments = runs.arrays("undisturbed"), [], []
    number = 0
    with tqdm(total=kills, desc=model, unit="kill", disable=None, leave=False) as progress:
        while len(moments) < kills:
            name, number = f"killed-{number}", number + 1
            for _ in range(KILLS_A_RUN):
                if len(moments) == kills:
                    break
                # A resumed run has less left to do than a whole one.
                moment = runs.kill(name, chance.uniform(0.1, 0.8) * seconds, in_a_save=len(moments) % 3 == 2)
                if not moment:
                    break
                moments.append(moment)
                progress.update()
            runs.wait(name, runs.start(name))
            wrong += [f"{name}: {each}" for each in different(runs.arrays(name), expected)]
    print(f"{model}: {seconds:.0f} s undisturbed, {len(expected)} arrays and files, {kills} kills in {number} runs")
    print(f"  last checkpoint at each kill (epoch-step): {', '.join(moments)}")
    print(f"  different from the undisturbed run: {'; '.join(wrong) or 'nothing'}", flush=True)
    return wrong


def main() -> int:
    """Runs the comparison for each model and prints it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20, help="of each model (default %(default)s)")
    parser.add_argument("--models", default=",".join(CHANGES), help="with commas (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default %(default)s)")
    arguments = parser.parse_args()
    wrong = []
    for model in arguments.models.split(","):
        with tempfile.TemporaryDirectory() as home:
            wrong += try_model(Path(home), model, arguments.kills, random.Random(arguments.seed))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
