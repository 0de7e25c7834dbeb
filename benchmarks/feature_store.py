"""How long do ten epochs of feature extraction take, beside the same ten epochs of a frozen `fit`?

    python benchmarks/feature_store.py --samples DIR --mobilenet_v2 FILE [--resnet50 FILE]

on the four quarters of each street view in DIR/geoguessr, at 224 px; without --samples on 1120 pictures of noise with a
hue of their class, without weights' files on random networks. Both train the head alone (Adam, batch 32, rate 1e-3,
dropout before it) from the same start, in the same order, with the same validation after each epoch:

- frozen: compiled as the package does, then Keras' `fit` of the whole network, frozen layers computing at each step;
- stored: `fit_recipe`, from an empty store: features of training and validation are computed once and written, then
  the head is trained on them, with history, checkpoints and logs as in every run;
- again: `fit_recipe` once more, with the store that is there, as the next trial of a search would.

Timed is everything after the network is built, tracing included. Runs are interleaved: one of each, three times.
Processor time is that of the whole process; others disturb it less. The largest difference is that of any weight after
the tenth epoch. It exits with 1 if the ratio of the medians is below 6 or a weight differs by more than 1e-4.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cv2
import keras
import numpy as np

from keras_sketch import build_classifier
from keras_sketch.data import open_dataset
from keras_sketch.data.balance import training_batches
from keras_sketch.models import train_from
from keras_sketch.recipes import Recipe, Stage
from keras_sketch.training.checkpoint import Checkpoints, restore_network
from keras_sketch.training.fitting import compile_stage, fit_recipe

REQUIRED, TOLERANCE = 6.0, 1e-4
SIDE, EPOCHS = 224, 10
STAGE = Stage(epochs=EPOCHS, learning_rate=1e-3, train_from="head")


def main() -> int:
    """Runs the comparison and prints it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--samples", default=os.environ.get("KERAS_SKETCH_SAMPLES"), help="folder with geoguessr/ in it"
    )
    parser.add_argument("--runs", type=int, default=3, help="of each (default %(default)s)")
    parser.add_argument("--models", default="mobilenet_v2", help="names, with commas (default %(default)s)")
    parser.add_argument("--mobilenet_v2", help="weights' file")
    parser.add_argument("--resnet50", help="weights' file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        images = folder / "images"
        write_images(street_views(arguments.samples) if arguments.samples else noise(), images)
        data = open_dataset("folder", data_dir=folder / "prepared", manual_dir=images, image_size=SIDE)
        counts = ", ".join(f"{count} {name}" for name, count in data.info.num_examples.items())
        print(f"{'Street views' if arguments.samples else 'Noise'}: {len(data.info.class_names)} classes, {counts}")
        enough = True
        for name in arguments.models.split(","):
            enough &= compare(name, getattr(arguments, name, None), data, arguments.runs, folder)
    return 0 if enough else 1


def write_images(images: Iterator[tuple[str, np.ndarray]], folder: Path) -> None:
    """Writes images (class, BGR) as a folder a class."""
    for number, (name, image) in enumerate(images):
        (folder / name).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / name / f"{number:05d}.jpg"), image)


def street_views(samples: str) -> Iterator[tuple[str, np.ndarray]]:
    """Gives the quarters of the sample's street views, so that there are enough images for the ratio to settle."""
    for file in sorted(Path(samples, "geoguessr", "compressed_dataset").glob("*/*.jpg")):
        for half in np.array_split(cv2.imread(str(file)), 2):
            for quarter in np.array_split(half, 2, axis=1):
                yield file.parent.name, quarter


def noise() -> Iterator[tuple[str, np.ndarray]]:
    """Gives 1120 pictures of eight classes."""
    random = np.random.default_rng(0)
    for number in range(1120):
        image = random.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        image[..., 0] = 20 * (number % 8)
        yield f"class_{number % 8}", cv2.cvtColor(image, cv2.COLOR_HSV2BGR)


def compare(name: str, weights: str | None, data, runs: int, folder: Path) -> bool:
    """Times one network, prints what comes out, and says whether it is enough."""
    recipe = Recipe(name="", summary="", dataset="folder", model=name, stages=(STAGE,), batch_size=32)
    times, differences = {way: [] for way in ("frozen", "stored", "again")}, []
    start = fresh(name, weights, data).get_weights()
    for number in range(runs):
        network, taken = frozen(name, weights, data, recipe)
        times["frozen"].append(taken)
        shutil.rmtree(folder / "prepared" / "features", ignore_errors=True)
        for way in ("stored", "again"):
            other, taken = stored(name, weights, data, recipe, folder / f"{name}-{number}-{way}")
            times[way].append(taken)
            pairs = list(zip(network.get_weights(), other.get_weights(), strict=True))
            differences.append(max(float(np.abs(a - b).max()) for a, b in pairs))
    moved = max(float(np.abs(a - b).max()) for a, b in zip(start, network.get_weights(), strict=True))
    return report(name, weights, times, max(differences), moved)


def fresh(name: str, weights: str | None, data) -> keras.Model:
    """Builds the network, the same each time."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    return build_classifier(name, len(data.info.class_names), data.info.image_shape, weights)


def clocks() -> np.ndarray:
    """Returns the seconds that have passed, and those of the processor."""
    return np.array([time.perf_counter(), time.process_time()])


def frozen(name: str, weights: str | None, data, recipe: Recipe) -> tuple[keras.Model, np.ndarray]:
    """Trains the whole network with its backbone frozen."""
    network, (train, validation) = fresh(name, weights, data), (data.splits["train"], data.splits["validation"])
    begin = clocks()
    train_from(network, STAGE.train_from)
    compile_stage(network, recipe, STAGE, train, data.info.class_names)
    network.fit(
        training_batches(train, recipe, EPOCHS),
        validation_data=validation.evaluation(recipe.batch_size),
        epochs=EPOCHS,
        steps_per_epoch=train.steps(recipe.batch_size),
        shuffle=False,
        verbose=0,
    )
    return network, clocks() - begin


def stored(name: str, weights: str | None, data, recipe: Recipe, folder: Path) -> tuple[keras.Model, np.ndarray]:
    """Trains as the package does, and returns the network as it was after the last epoch, not the best one."""
    network, splits = fresh(name, weights, data), data.splits
    folder.mkdir()
    labels = {"class_names": list(data.info.class_names)}
    begin = clocks()
    with contextlib.redirect_stdout(io.StringIO()):
        fit_recipe(network, recipe, splits["train"], splits["validation"], folder, labels)
    taken = clocks() - begin
    _, _, arrays = Checkpoints(folder / "checkpoints").latest()
    restore_network(network, arrays)
    return network, taken


def report(name: str, weights: str | None, times: dict, difference: float, moved: float) -> bool:
    """Prints times, ratios and the difference of the weights."""
    print(f"{name}, {Path(weights).name if weights else 'random weights'}, {EPOCHS} epochs of the head:")
    medians = {way: np.median(measured, axis=0) for way, measured in times.items()}
    for way, (seconds, processor) in medians.items():
        each = ", ".join(f"{seconds:.1f}" for seconds, _ in times[way])
        print(f"  {way:6} {seconds:6.1f} s ({each}), {processor:6.1f} s of processor time")
    ratio, of_processor = medians["frozen"] / medians["stored"]
    pairs = [first[0] / then[0] for first, then in zip(times["frozen"], times["stored"], strict=True)]
    print(
        f"  frozen / stored: {ratio:.1f} (required: {REQUIRED:.0f}); pair by pair from {min(pairs):.1f} to "
        f"{max(pairs):.1f}; of processor times {of_processor:.1f}"
    )
    print(f"  frozen / again: {(medians['frozen'] / medians['again'])[0]:.0f}")
    print(f"  largest difference of a weight: {difference:.1e} (allowed: {TOLERANCE:.0e}); moved by up to {moved:.2g}")
    return ratio >= REQUIRED and difference <= TOLERANCE


if __name__ == "__main__":
    sys.exit(main())
