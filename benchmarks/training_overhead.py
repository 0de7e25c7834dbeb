"""What does `fit_recipe` cost over a training loop written by hand?

    python benchmarks/training_overhead.py
    python benchmarks/training_overhead.py --only quickdraw_cnn --pairs 3 --epochs 2     # a look at one of them

The QuickDraw CNN at 28 px, batch 128, and MobileNetV2 at 96 px, batch 32, on doodles, from random weights, with Adam.

- ours: `fit_recipe`, with top-1 and top-5 at every step, the guard of the loss, history, checkpoints and TensorBoard's
  logs, as in every run;
- by hand: a `tf.function` with a gradient tape, called in a `for` over the same stream of batches; no metrics, no logs,
  and the loss is read once, at the end.

Neither has a validation: it would be the same. "Whole" is from the first call to the last step, with the tracing and
the checkpoints at both ends in ours, on a network that is built; "steady" leaves the first epoch out. Runs are
interleaved in pairs, either one first in turn, after one pair that is not counted. Processor time is that of the whole
process; others on the machine disturb it less. It exits with 1 if the median of a network's ratios, over the pairs of
whole runs, is above 1.05.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import io
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from keras_sketch import build_classifier
from keras_sketch.data import open_dataset
from keras_sketch.data.loading import OpenDataset
from keras_sketch.data.pipeline import ImageSplit
from keras_sketch.recipes import Recipe, Stage
from keras_sketch.training.fitting import fit_recipe
from keras_sketch.training.recorder import Recorder

ALLOWED = 1.05
RATE = 1e-3


@dataclasses.dataclass(frozen=True)
class Case:
    """A network, what it is trained on and how long."""

    model: str
    side: int
    per_class: int
    batch_size: int
    epochs: int


CASES = (Case("quickdraw_cnn", 28, 1000, 128, 8), Case("mobilenet_v2", 96, 150, 32, 4))


def main() -> int:
    """Runs the comparison and prints it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=9, help="that count, of each network (default %(default)s)")
    parser.add_argument("--only", choices=[case.model for case in CASES], help="one network alone")
    parser.add_argument("--epochs", type=int, help="of a run, at least 2 (default: as many as the network's case says)")
    arguments = parser.parse_args()
    cases = [case for case in CASES if arguments.only in (None, case.model)]
    with tempfile.TemporaryDirectory() as folder:
        passed = [compare(case, arguments.pairs, arguments.epochs or case.epochs, Path(folder)) for case in cases]
    return 0 if all(passed) else 1


def compare(case: Case, pairs: int, epochs: int, folder: Path) -> bool:
    """Times one network, prints what comes out, and says whether it is little enough."""
    data = open_dataset("doodles", data_dir=folder / "prepared", per_class=case.per_class, image_size=case.side)
    train = data.splits["train"]
    print(
        f"{case.model}, {case.side} px, {len(data.info.class_names)} classes: "
        f"{epochs} epochs of {train.steps(case.batch_size)} steps of batch {case.batch_size}",
        flush=True,
    )
    times = {"ours": [], "by hand": []}
    for number in tqdm(range(pairs + 1), desc="Pairs", disable=None, leave=False):
        for way in ("ours", "by hand") if number % 2 else ("by hand", "ours"):
            run = ours if way == "ours" else by_hand
            taken = run(case, data, train, epochs, folder / f"{case.model}-{number}")
            if number:
                times[way].append(taken)
    return report(times)


def network(case: Case, data: OpenDataset) -> keras.Model:
    """Builds the network, the same each time."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    return build_classifier(case.model, len(data.info.class_names), data.info.image_shape, weights=None)


def clocks() -> np.ndarray:
    """Returns the seconds that have passed, and those of the processor."""
    return np.array([time.perf_counter(), time.process_time()])


def ours(case: Case, data: OpenDataset, train: ImageSplit, epochs: int, folder: Path) -> np.ndarray:
    """Trains as the package does; returns float `[2, 2]`: whole and steady; seconds and those of the processor."""
    model, marks = network(case, data), []
    stage = Stage(epochs=epochs, learning_rate=RATE)
    recipe = Recipe("", "", dataset="doodles", model=case.model, batch_size=case.batch_size, stages=(stage,))
    original = Recorder.on_epoch_end

    def marked(self, epoch, logs=None):
        original(self, epoch, logs)
        marks.append(clocks())

    folder.mkdir()
    begin = clocks()
    with mock.patch.object(Recorder, "on_epoch_end", marked), contextlib.redirect_stdout(io.StringIO()):
        fit_recipe(model, recipe, train, None, folder, {"class_names": list(data.info.class_names)})
    end = clocks()
    return np.stack([end - begin, marks[-1] - marks[0]])


def by_hand(case: Case, data: OpenDataset, train: ImageSplit, epochs: int, folder: Path) -> np.ndarray:
    """Trains in a loop of its own; returns what `ours` does."""
    model, optimizer = network(case, data), keras.optimizers.Adam(RATE)
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    begin = clocks()
    optimizer.build(model.trainable_variables)

    @tf.function
    def step(images, labels):
        with tf.GradientTape() as tape:
            loss = loss_of(labels, model(images, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    first = train.steps(case.batch_size)
    for number, (images, labels) in enumerate(train.training(case.batch_size, epochs), start=1):
        loss = step(images, labels)
        if number == first:
            float(loss)
            settled = clocks()
    float(loss)
    end = clocks()
    return np.stack([end - begin, end - settled])


def report(times: dict[str, list[np.ndarray]]) -> bool:
    """Prints the medians and the ratios; returns whether the median ratio of whole runs is allowed."""
    values = {way: np.stack(taken) for way, taken in times.items()}
    for way, taken in values.items():
        whole, steady = np.median(taken, axis=0)
        print(f"  {way:8} {whole[0]:6.2f} s ({whole[1]:.2f} s of processor time), steady {steady[0]:.2f} s")
    ratios = values["ours"] / values["by hand"]
    for number, name in enumerate(("whole", "steady")):
        pairs = sorted(ratios[:, number, 0])
        print(
            f"  {name}: ours / by hand {statistics.median(pairs):.3f} (pair by pair from {pairs[0]:.3f} to "
            f"{pairs[-1]:.3f}), of processor times {np.median(ratios[:, number, 1]):.3f}"
        )
    median = float(np.median(ratios[:, 0, 0]))
    print(f"  required: at most {ALLOWED} for whole runs: {'met' if median <= ALLOWED else 'not met'}", flush=True)
    return median <= ALLOWED


if __name__ == "__main__":
    sys.exit(main())
