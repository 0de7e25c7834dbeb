"""Do two devices train what one does?

    python benchmarks/devices_equality.py [--kinds NAME,NAME] [--losses NAME,NAME] [--precisions float64,float32]

trains each kind of network with each loss for 20 steps, on one device and on two logical CPU devices, by the package's
own path (`build_network`, `fit_recipe`) from the same weights on the same batches, without dropout, and prints how far
apart the two are: the largest difference of the loss at any step, and of any weight at the end, BatchNormalization's
moving statistics included. In float64 both must be at most 1e-6; in float32, where the order of a sum decides the last
digits and the optimizer passes them on, they are printed alone. `saved` is the largest difference between the logits
that `predict` gives under the two devices and those of the saved model, loaded in a process with one, and between its
SavedModel's probabilities and those of the logits.

Networks whose normalization is trained have a rate of 1e-5. At 1e-3 a random ResNet50 at 32 px, whose last maps are one
pixel, is chaotic: on one device, weights that differ by their last digit (2e-16) at the start give losses 1e-6 apart
after five steps.

One device and two are processes of their own: TensorFlow has one strategy a process. It exits with 1 if a difference in
float64 is above the limit.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import hashlib
import io
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from tqdm import tqdm

from keras_sketch.losses.table import LOSSES
from keras_sketch.recipes import Augmentation, Recipe, Stage

LIMIT, STEPS, DEVICES = 1e-6, 20, 2
PRECISIONS = ("float64", "float32")
COUNTRIES = ("Chile", "Ghana", "Norway")
BATCH_NORMS = tuple(
    f"{block}_bn"
    for depth, number in ((3, 2), (4, 3), (6, 4), (3, 5))
    for block in [f"conv{number}_block{place}_{part}" for place in range(1, depth + 1) for part in range(4)]
    if not re.search("block([2-9]_0)$", block)
)
STAGE = Stage(epochs=STEPS, learning_rate=1e-3, schedule="cosine", warmup=0.2, weight_decay=0.01)
GENTLE = dataclasses.replace(STAGE, learning_rate=1e-5)
BASE = Recipe(
    name="equality", summary="", dataset="doodles", model="sketch_cnn", stages=(STAGE,), image_size=32, dropout=0.0,
    classes=("cat", "ladder", "sun"), per_class=12,
)  # fmt: skip
KINDS = {
    "sketch_cnn": BASE,
    "sketch_cnn, GeM": dataclasses.replace(BASE, pooling="gem"),
    "sketch_cnn, MixUp": dataclasses.replace(BASE, augmentation=Augmentation(rotation=10, mixup=0.4)),
    "sketch_cnn, weights": dataclasses.replace(BASE, balance="weights"),
    "resnet50, frozen BatchNorm": dataclasses.replace(
        BASE, model="resnet50", stages=(dataclasses.replace(STAGE, frozen=("conv1_bn", *BATCH_NORMS)),)
    ),
    "resnet50, synchronized": dataclasses.replace(BASE, model="resnet50", stages=(GENTLE,)),
    "resnet50_gem": dataclasses.replace(BASE, model="resnet50_gem", stages=(GENTLE,)),
    "two towers": dataclasses.replace(BASE, model="vgg16_places365_resnet50", stages=(GENTLE,)),
}


def main() -> int:
    """Trains every case on one device and on two, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kinds", default=";".join(KINDS), help="with semicolons (default: %(default)s)")
    parser.add_argument("--losses", default=",".join(LOSSES), help="with commas (default: %(default)s)")
    parser.add_argument("--precisions", default=",".join(PRECISIONS), help="with commas (default: %(default)s)")
    parser.add_argument("--worker", nargs=4, metavar=("DEVICES", "FOLDER", "KIND", "PRECISION"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    losses = arguments.losses.split(",")
    if arguments.worker:
        devices, folder, kind, precision = arguments.worker
        work(int(devices), Path(folder), kind, losses, precision)
        return 0
    wanted = list(itertools.product(arguments.kinds.split(";"), arguments.precisions.split(",")))
    print(f"{'network':28}{'loss':22}{'precision':11}{'loss differs':>13}{'weights':>10}{'saved':>10}")
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        images = np.concatenate([batch.numpy() for batch, _ in open_data(Path(folder)).splits["test"].evaluation(64)])
        for kind, precision in tqdm(wanted, unit="network", disable=None, leave=False):
            for devices in (1, DEVICES):
                process(devices, Path(folder), kind, losses, precision)
            failed += report(Path(folder), kind, losses, precision, images)
    print(f"{failed} in float64 above {LIMIT:g}")
    return int(failed > 0)


def process(devices: int, folder: Path, kind: str, losses: list[str], precision: str) -> None:
    """Runs this script once more, as the process of so many devices."""
    command = [sys.executable, __file__, "--losses", ",".join(losses)]
    command += ["--worker", str(devices), str(folder), kind, precision]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{done.stderr[-2000:]}\nThe process with {devices} devices ended with {done.returncode}.")


def open_data(folder: Path):
    """Opens the doodles, which are prepared in the first call."""
    from keras_sketch.data import open_dataset

    with contextlib.redirect_stdout(io.StringIO()):
        return open_dataset(
            BASE.dataset, classes=BASE.classes, per_class=BASE.per_class, image_size=BASE.image_size,
            data_dir=folder / "prepared",
        )  # fmt: skip


def work(devices: int, folder: Path, kind: str, losses: list[str], precision: str) -> None:
    """Trains one kind of network with every loss on so many devices, and stores what came of it."""
    from keras_sketch.training.distribution import make_strategy

    strategy = make_strategy(devices)
    data = open_data(folder)
    for loss in losses:
        train(kind, loss, precision, data, strategy, folder / f"{loss}-{devices}")


def train(kind: str, loss: str, precision: str, data, strategy, folder: Path) -> None:
    """Trains one case; writes its losses, weights, logits and model."""
    import keras

    from keras_sketch.models.splitting import dropout_layers
    from keras_sketch.training.distribution import scope
    from keras_sketch.training.fitting import fit_recipe
    from keras_sketch.workflows.export_run import describe, save_model
    from keras_sketch.workflows.from_recipe import build_network
    from keras_sketch.workflows.run_folder import RunFolder

    split, test = data.splits["train"], data.splits["test"]
    recipe = dataclasses.replace(KINDS[kind], loss=loss, batch_size=split.num_examples // DEVICES * DEVICES)
    info = dataclasses.replace(data.info, class_names=COUNTRIES)
    folder.mkdir()
    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    with scope(strategy):
        network = build_network(recipe, info, precision, strategy)
    for layer in dropout_layers(network):
        layer.rate = 0.0
    start = [np.array(weight) for weight in network.get_weights()]
    rows = fit_recipe(network, recipe, split, None, folder, {"class_names": COUNTRIES}, strategy)
    with scope(strategy):
        logits = network.predict(test.evaluation(recipe.batch_size), verbose=0)
        if strategy:
            save_model(network, RunFolder(folder), describe(network, {"recipe": recipe.to_dict()}, info))
    for part in ("checkpoints", "logs"):
        shutil.rmtree(folder / part)
    weights = network.get_weights()
    arrays = {f"{i:04d}": each for i, each in enumerate(weights)}
    first = hashlib.blake2b(b"".join(each.tobytes() for each in start)).digest()
    losses, moved = [row["loss"] for row in rows], largest(start, weights)
    np.savez(
        folder / "trained.npz", loss=losses, logits=logits, start=np.frombuffer(first, "u1"), moved=moved, **arrays
    )


def report(folder: Path, kind: str, losses: list[str], precision: str, images: np.ndarray) -> int:
    """Prints a line for each loss, removes the files, and returns how many are above the limit in float64."""
    failed = 0
    for loss in losses:
        one, two = (np.load(folder / f"{loss}-{devices}" / "trained.npz") for devices in (1, DEVICES))
        found = [largest([one["loss"]], [two["loss"]]), largest(weights_of(one), weights_of(two))]
        saved = saved_difference(folder / f"{loss}-{DEVICES}", images, two["logits"])
        comparable = np.array_equal(one["start"], two["start"]) and one["moved"] > LIMIT and len(one["loss"]) == STEPS
        failed += precision == "float64" and not (comparable and max(*found, saved) <= LIMIT)
        print(f"{kind:28}{loss:22}{precision:11}{found[0]:13.1e}{found[1]:10.1e}{saved:10.1e}", flush=True)
        for devices in (1, DEVICES):
            shutil.rmtree(folder / f"{loss}-{devices}")
    return failed


def weights_of(stored) -> Iterator[np.ndarray]:
    """Gives the final weights in their order."""
    return (stored[name] for name in sorted(stored.files) if name.isdigit())


def largest(one, two) -> float:
    """Returns the largest difference between arrays of the same shapes, as float64; infinity for one that is NaN."""
    differences = [np.abs(np.float64(a) - np.float64(b)).max() for a, b in zip(one, two, strict=True)]
    return float(max(each if np.isfinite(each) else np.inf for each in differences))


def saved_difference(folder: Path, images: np.ndarray, logits: np.ndarray) -> float:
    """Returns how far the saved model, and the SavedModel's probabilities, are from what `predict` gave."""
    import tensorflow as tf

    from keras_sketch.exporting import load_classifier
    from keras_sketch.losses import activation_of, probabilities

    tf.get_logger().setLevel("ERROR")
    model = load_classifier(folder)
    served = tf.saved_model.load(str(folder / "saved_model")).signatures["pixels"](images=tf.constant(images))
    expected = probabilities(logits, activation_of(model.metadata["recipe"]))
    pairs = [model.predict(images, verbose=0), served["probabilities"].numpy()], [logits, expected]
    return largest(*pairs)


if __name__ == "__main__":
    raise SystemExit(main())
