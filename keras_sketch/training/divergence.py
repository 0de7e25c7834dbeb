"""What is left of a run whose loss or weights are not finite any more: the last good state, and the batch's names."""

from __future__ import annotations

import csv
from pathlib import Path

import keras

from keras_sketch.data.pipeline import ImageSplit
from keras_sketch.errors import DivergedError
from keras_sketch.files import atomic_write
from keras_sketch.recipes import Recipe
from keras_sketch.training.agreement import Workers
from keras_sketch.training.checkpoint import Checkpoints, Place, restore_network

BATCH_FILE = "diverged.csv"


def explained(
    error: DivergedError,
    network: keras.Model,
    place: Place,
    train: ImageSplit,
    recipe: Recipe,
    folder: Path,
    workers: Workers,
) -> DivergedError:
    """Puts a network back to its last checkpoint, lists the batch that it failed on, and returns the error to raise.

    The file has a row an example, in the batch's order: epoch and step (from 1), `id`, `label` (an integer).

    Args:
        error: What was noticed.
        network: The whole network.
        place: The step that failed.
        train: What it was trained on.
        recipe: Batch size, seed and balance.
        folder: The run's, with at least one checkpoint.
        workers: Who trains together; the chief alone says and does all this.
    """
    if not workers.is_chief:
        return error
    balanced = recipe.balance == "sampling"
    places = train.batch_indices(recipe.batch_size, place.epoch, place.step, recipe.seed, balanced)
    ids, labels = train.facts(["id"])["id"], train.labels
    file = folder / BATCH_FILE
    try:
        with atomic_write(file) as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(["epoch", "step", "id", "label"])
            writer.writerows([place.epoch + 1, place.step + 1, ids[each], labels[each]] for each in places)
        listed = f"The images of that batch are listed in {file}."
    except OSError as failure:
        listed = f"The images of that batch could not be listed in {file}: {failure.strerror}."
    good, _, arrays = Checkpoints(folder / "checkpoints").latest()
    restore_network(network, {name: array for name, array in arrays.items() if name.startswith("model/")})
    return DivergedError(
        f"{error} {listed} The last good state, of epoch {good.epoch + 1} after step {good.step}, is kept. Look at "
        "the images; if nothing is wrong with them, start again with a lower --learning-rate in another --output-dir."
    )
