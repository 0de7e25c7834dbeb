"""A stage's frozen layers run once: what they make of every image is stored, and the rest is trained on that."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from keras_sketch.data.features import FeatureSplit, changes, identity, prepared_root
from keras_sketch.data.pipeline import ImageSplit
from keras_sketch.errors import KerasSketchError
from keras_sketch.models.splitting import split_network
from keras_sketch.recipes import Augmentation, Recipe, Stage
from keras_sketch.training.feature_store import FeatureStore, StoredArrays, WantedArrays

LEAST_SHARE = 0.1
"""Of the network's multiplications, below which frozen layers compute at every step: a shallow cut hands over large
maps, which cost more room and reading than they save. Before `conv5` of ResNet50 are 0.81 of them, before `block_14` of
MobileNetV2 0.77, before a head nearly all; before `conv2` of ResNet50 0.03, before `block1` of EfficientNetB0 0.03."""

EXACT_BYTES = 1e9
"""Up to which all features of a stage together are float32; above, maps are float16."""

_BATCH = 64
_SOURCES = ("data/*.py", "models/*.py", "curation/decode.py", "training/frozen_features.py")
_NAMING = ("name", "keras_history", "input_layers", "output_layers")


def divide(
    network: keras.Model,
    recipe: Recipe,
    stage: Stage,
    epochs: range,
    train: ImageSplit,
    validation: ImageSplit | None,
    poll: Callable[[], None],
) -> tuple[keras.Model, ImageSplit, ImageSplit | None]:
    """Returns what a stage trains, and on what.

    Where the stage freezes layers that do `LEAST_SHARE` of the multiplications, and trains no normalization in them,
    and the images are either not augmented or taken in a number of views, that is the rest of the network, on stored
    features; else the network itself, on images, and that too, with a word about it, where there is no room for
    features or no right to write them.

    Features are computed in inference mode, on several devices by the first. They are float32 where there is one row of
    numbers an image, such as behind the pooling, and where there are few (`EXACT_BYTES`), else float16, if no number is
    lost. They lie in `features/` beside the prepared datasets, under a key of all that they depend on.

    Args:
        network: The classifier, with its frozen layers frozen.
        recipe: Batch size, augmentation and seed.
        stage: The stage.
        epochs: The stage's, counted from the first one of the run.
        train: The training split.
        validation: The validation split, if there is one.
        poll: Called between two batches; it may raise.

    Raises:
        BadDataError: A split has another number of examples than it says.
        Exception: What `poll` raises.
    """
    whole = network, train, validation
    augmented = changes(recipe.augmentation)
    if stage.train_norm or (augmented and not stage.feature_views):
        return whole
    parts = split_network(network)
    if parts is None or parts.share < LEAST_SHARE:
        return whole
    wanted = [Shown(train)]
    if augmented:
        views = _views(stage, epochs, recipe)
        wanted = [Shown(train, recipe.augmentation, recipe.seed, view) for view in views]
    frozen = FrozenFeatures(parts.frozen, FeatureStore(prepared_root(train) / "features", poll), poll)
    try:
        stored = frozen.of([*wanted, Shown(validation)] if validation else wanted)
    except OSError as error:
        if isinstance(error, KerasSketchError):
            raise
        reason = f"{error.strerror or error}: {error.filename or frozen.store.root}"
        print(f"Frozen layers compute at every step; their features cannot be stored. {reason}.", flush=True)
        return whole
    frozen.say(" and ".join(parts.layers), stored)
    shown, held_out = stored[: len(wanted)], stored[len(wanted) :]
    return parts.rest, _split(train, shown, epochs.start), validation and _split(validation, held_out)


def _views(stage: Stage, epochs: range, recipe: Recipe) -> list[int]:
    """Returns the views that a stage's epochs show, those of the first epochs first: epoch e has view e modulo n."""
    # Of an example that an epoch shows several times, any view may be shown.
    count = stage.feature_views if recipe.balance == "sampling" else min(stage.feature_views, len(epochs))
    return [epoch % stage.feature_views for epoch in range(epochs.start, epochs.start + count)]


@dataclasses.dataclass(frozen=True)
class Shown:
    """The images of a split, as training shows them in the epoch `view`."""

    split: ImageSplit
    augmentation: Augmentation = Augmentation()
    seed: int = 0
    view: int = 0

    @property
    def source(self) -> dict[str, object]:
        """What decides the images."""
        drawn = {"augmentation": repr(self.augmentation), "seed": self.seed, "view": self.view}
        return {**identity(self.split), **(drawn if self.augmentation != Augmentation() else {})}


class FrozenFeatures:
    """The features that one frozen network makes of splits.

    Args:
        network: The frozen part, from images to features.
        store: Where they are kept.
        poll: Called between two batches; it may raise.
    """

    def __init__(self, network: keras.Model, store: FeatureStore, poll: Callable[[], None]):
        self.store, self._network, self._poll = store, network, poll
        self._state = _state(network)
        self._computed = 0

        # Of one type, so that it is traced once for all splits.
        pixels = tf.TensorSpec([None, *network.input_shape[1:]], tf.float32)

        @tf.function(input_signature=[pixels], autograph=False)
        def run(images):
            return [tf.cast(each, tf.float32) for each in keras.tree.flatten(network(images, training=False))]

        self._run = run

    def key(self, shown: Shown, dtypes: Sequence[str] = ("float32",)) -> str:
        """Returns a digest of all that the features depend on."""
        source = json.dumps([shown.source, list(dtypes), _code(), keras.__version__, tf.__version__])
        return hashlib.blake2b(self._state + source.encode(), digest_size=16).hexdigest()

    def of(self, shown: Sequence[Shown]) -> list[StoredArrays]:
        """Returns the features of images, of each split and view a set; those that are not there are computed."""
        exact = [self._wanted(each, "float32") for each in shown]
        small = sum(each.num_bytes for each in exact) <= EXACT_BYTES
        return self.store.read_or_fill(exact if small else [self._wanted(each, "float16") for each in shown])

    def _wanted(self, shown: Shown, maps: str) -> WantedArrays:
        shapes = [(shown.split.num_examples, *tensor.shape[1:]) for tensor in self._network.outputs]
        dtypes = ["float32" if len(shape) == 2 else maps for shape in shapes]
        about = {"network": self._network.name, "split": shown.split.name, **shown.source}
        return WantedArrays(self.key(shown, dtypes), shapes, dtypes, functools.partial(self._batches, shown), about)

    def say(self, layers: str, stored: list[StoredArrays]) -> None:
        """Says what was stored, where, and how large it is."""
        size = sum(each.num_bytes for each in stored) / 1e6
        count = sum(len(each.labels) for each in stored)
        how = f"{self._computed:,} computed now" if self._computed else "all from before"
        where = f"{self.store.root} ({size:,.1f} MB)"
        print(f"Frozen layers run once: features of {count:,} images at {layers} in {where}, {how}.", flush=True)

    def _batches(self, shown: Shown) -> Iterator[tuple[list[np.ndarray], np.ndarray]]:
        split, augmentation = shown.split, shown.augmentation
        what = f"Features of {split.name}" + (f", view {shown.view + 1}" if augmentation != Augmentation() else "")
        with tqdm(total=split.num_examples, desc=what, unit="image", disable=None, leave=False) as progress:
            for images, labels in split.in_order(_BATCH, augmentation, shown.seed, shown.view):
                self._poll()
                yield [each.numpy() for each in self._run(tf.cast(images, tf.float32))], labels.numpy()
                progress.update(len(labels))
        self._computed += split.num_examples


def _split(split: ImageSplit, stored: list[StoredArrays], first_epoch: int = 0) -> FeatureSplit:
    views = tuple(each.arrays for each in stored)
    return FeatureSplit(split.builder, split.name, split.side, split.resize, views, stored[0].labels, first_epoch)


@functools.cache
def _code(package: Path = Path(__file__).parents[1]) -> str:
    """Returns a digest of the sources that decide what features are; a version may stay while they change."""
    digest = hashlib.blake2b(digest_size=16)
    for pattern in _SOURCES:
        for file in sorted(package.glob(pattern)):
            digest.update(file.relative_to(package).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _state(network: keras.Model) -> bytes:
    """Returns a digest of a network's layers, precision and weights; the names of layers have no part in it."""
    places = {each.name: f"#{place}" for place, each in enumerate(network.operations)} | {network.name: "#"}
    digest = hashlib.blake2b(json.dumps(_renamed(network.get_config(), places), default=str).encode())
    for weight in network.weights:
        array = keras.ops.convert_to_numpy(weight)
        digest.update(f"{array.dtype} {array.shape}".encode() + array.tobytes())
    return digest.digest()


def _renamed(config: object, places: dict[str, str], named: bool = False) -> object:
    """Replaces the names of layers, which Keras numbers anew in every network of a process, by their places."""
    if isinstance(config, dict):
        return {key: _renamed(value, places, key in _NAMING) for key, value in config.items()}
    if isinstance(config, list | tuple):
        return [_renamed(each, places, named) for each in config]
    return places.get(config, config) if named and isinstance(config, str) else config
