"""`tf.data` pipelines over one prepared split."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from keras_sketch.data.augmentation import draw, make_augment
from keras_sketch.data.balance import BalancedEpochs
from keras_sketch.data.replica_batches import WHOLE, Part, batch_size_for, check_examples
from keras_sketch.data.resizing import fit_square
from keras_sketch.errors import InvalidArgumentError
from keras_sketch.recipes import Augmentation

_SHUFFLE_BYTES = 256 * 2**20
_CACHE_BYTES = 256 * 2**20


@dataclasses.dataclass(frozen=True)
class ImageSplit:
    """One split of a prepared dataset, read as batches of square images.

    Attributes:
        builder: The prepared builder.
        name: `"train"`, `"validation"` or `"test"`.
        side: Height and width in pixels of what is read.
        resize: How other shapes become square.
    """

    builder: tfds.core.DatasetBuilder
    name: str
    side: int
    resize: str = "pad"

    @property
    def num_examples(self) -> int:
        """How many examples are stored."""
        return self.builder.info.splits[self.name].num_examples

    @property
    def channels(self) -> int:
        """1 (grey) or 3 (RGB)."""
        return self.builder.info.features["image"].shape[-1]

    @property
    def num_classes(self) -> int:
        """How many classes there are."""
        return self.builder.info.features["label"].num_classes

    def steps(self, batch_size: int) -> int:
        """Returns the training steps of an epoch: whole batches only.

        Raises:
            InvalidArgumentError: Not even one batch can be filled.
        """
        if not 0 < batch_size <= self.num_examples:
            allowed = f"between 1 and the {self.num_examples} examples of the {self.name} split"
            raise InvalidArgumentError("batch_size", allowed, batch_size)
        return self.num_examples // batch_size

    def check_replicas(self, replicas: int) -> None:
        """Checks, without reading anything, that `evaluation` can divide the examples among so many devices.

        Raises:
            InvalidArgumentError: With every batch size a device would be left without an example: 1 example on two
                devices; 1, 2, 3, 5, 6 or 9 on four.
        """
        check_examples(self.name, self.num_examples, replicas)

    def evaluation(self, batch_size: int, part: Part = WHOLE) -> tf.data.Dataset:
        """Returns every example once, in stored order: batches of (uint8 `[N, S, S, C]`, int64 `[N]`).

        In the scope of a strategy with several replicas the batch size is the nearest one that they can share: Keras
        adds up the parts of the first batch, and TensorFlow's convolutions on a CPU fail on a part with no example.

        Args:
            batch_size: Examples a batch, over all devices.
            part: What of each batch to read.

        Raises:
            InvalidArgumentError: As `check_replicas`.
        """
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        self.check_replicas(replicas)
        return self.in_order(batch_size_for(self.num_examples, batch_size, replicas), part=part)

    def in_order(
        self,
        batch_size: int,
        augmentation: Augmentation = Augmentation(),  # noqa: B008 (frozen)
        seed: int = 0,
        epoch: int = 0,
        part: Part = WHOLE,
    ) -> tf.data.Dataset:
        """Returns every example once, in stored order; augmented, as training would show it in that epoch.

        Returns:
            Batches of (uint8 `[N, S, S, C]`, int64 `[N]`), the last one as short as it is; augmented ones are float32.
        """

        def example(index, record):
            return self._image(record["image"]), record["label"], tf.constant(epoch, tf.int64), index

        examples = part.of(self._records.enumerate(), batch_size).map(example, num_parallel_calls=tf.data.AUTOTUNE)
        batches = part.divided(examples.batch(batch_size // part.count), batch_size, self.num_examples)
        if augmentation == Augmentation():
            return batches.map(lambda images, labels, *_: (images, labels)).prefetch(tf.data.AUTOTUNE)
        finish = self._finish(seed, augmentation)
        return batches.map(finish, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)

    def examples(self, names: Sequence[str], first: int = 0, every: int = 1) -> tf.data.Dataset:
        """Returns (image, value of each named feature) one by one, from a place in stored order on, each so many."""
        chosen = self._records.skip(first).shard(every, 0)
        return chosen.map(lambda e: (self._image(e["image"]), *(e[name] for name in names)), tf.data.AUTOTUNE)

    def training(
        self,
        batch_size: int,
        epochs: int,
        seed: int = 0,
        augmentation: Augmentation = Augmentation(),  # noqa: B008 (frozen)
        first_epoch: int = 0,
        first_step: int = 0,
        balanced: bool = False,
        part: Part = WHOLE,
    ) -> tf.data.Dataset:
        """Returns whole shuffled batches of the epochs from `first_epoch` to `epochs`, as one finite dataset.

        What a batch holds depends on (seed, epoch, step) alone: a stream that starts in the middle continues the one
        that started at the beginning. The examples that do not fill a batch are others in each epoch.

        Args:
            batch_size: Examples a batch, over all devices.
            epochs: The epoch before which to end.
            seed: Of the order and the augmentation.
            augmentation: Random changes of the images.
            first_epoch: The epoch to start with.
            first_step: The step of that epoch to start with.
            balanced: Whether an epoch, of the same length, shows every class equally often, as `BalancedEpochs` says;
                copies of an example are augmented differently.
            part: What of each batch to read; pictures are mixed within it.

        Returns:
            Batches of (float32 `[B, S, S, C]` in 0..255, int64 `[B]`), of known cardinality. Where the augmentation
            mixes examples, float32 `[B, K]` instead of the labels: each class's share of the picture.

        Raises:
            InvalidArgumentError: The batch size, or a value of the augmentation, cannot be used.
            UnknownNameError: There is no such augmentation policy.
        """
        numbers = tf.data.Dataset.range(first_epoch, epochs)
        total = (epochs - first_epoch) * self.steps(batch_size) - first_step
        return self._stream(numbers, batch_size, seed, augmentation, first_step, total, balanced, part)

    def one_epoch_a_pass(self, batch_size: int, seed: int = 0) -> tf.data.Dataset:
        """Returns the training batches for a `fit` of the caller's: its n-th pass is the n-th epoch."""
        passes = tf.Variable(-1, dtype=tf.int64, trainable=False)
        numbers = tf.data.Dataset.range(1).map(lambda _: passes.assign_add(1))
        return self._stream(numbers, batch_size, seed, Augmentation(), 0, self.steps(batch_size))

    def _stream(self, epochs, batch_size, seed, augmentation, first_step, total, balanced=False, part=WHOLE):
        finish = self._finish(seed, augmentation)
        examples, decode = self._undecoded()
        shuffled = self._shuffle(examples, batch_size, seed, balanced)

        def example(epoch, index, image, label):
            return decode(image), label, epoch, index

        stream = part.of(epochs.flat_map(shuffled).skip(first_step * batch_size), batch_size)
        batches = stream.map(example, tf.data.AUTOTUNE).batch(batch_size // part.count, drop_remainder=True)
        batches = batches.map(finish, tf.data.AUTOTUNE).apply(tf.data.experimental.assert_cardinality(total))
        return part.divided(batches, batch_size, total * batch_size).prefetch(tf.data.AUTOTUNE)

    def _shuffle(self, examples: tf.data.Dataset, batch_size: int, seed: int, balanced: bool) -> Callable:
        """Returns what gives an epoch's examples in its order: its number in front of (index, image, label)."""
        shown = self.steps(batch_size) * batch_size
        balance = BalancedEpochs(self.labels, shown, seed) if balanced else None
        buffer = self._shuffle_buffer(balance.mean_copies if balance else 1.0)

        def shuffled(epoch):
            # `shuffle` mixes in the global seed; this sets it for this function's graph alone. (0, 0) would mean none.
            tf.random.set_seed(seed + 1)
            chosen = balance.select(examples, epoch) if balance else examples
            order = chosen.shuffle(buffer, seed=epoch, reshuffle_each_iteration=False)
            return order.take(shown).map(lambda index, image, label: (epoch, index, image, label))

        return shuffled

    def batch_indices(
        self, batch_size: int, epoch: int, step: int, seed: int = 0, balanced: bool = False
    ) -> np.ndarray:
        """Returns which examples a batch of `training` holds: their places in the stored order, int64 `[B]`."""
        numbers = tf.data.Dataset.range(self.num_examples).map(lambda index: (index, index, index))
        epochs = tf.data.Dataset.range(epoch, epoch + 1)
        order = epochs.flat_map(self._shuffle(numbers, batch_size, seed, balanced))
        chosen = order.skip(step * batch_size).take(batch_size)
        return np.array([index % self.num_examples for _, index, *_ in chosen.as_numpy_iterator()])

    def _finish(self, seed: int, augmentation: Augmentation) -> Callable:
        """Returns what makes training batches of decoded images, labels, epochs and indices."""
        augment, changed = make_augment(augmentation, self.num_classes), augmentation != Augmentation()
        return lambda images, labels, epochs, indices: augment(
            images, labels, draw(seed, epochs, indices) if changed else {}
        )

    def _undecoded(self) -> tuple[tf.data.Dataset, Callable[[tf.Tensor], tf.Tensor]]:
        """Returns (index, image, label) in stored order, and what makes pixels of the image.

        A small split is decoded in the first epoch and kept in memory; of a large one the files' bytes are shuffled.
        """
        records = self._records.enumerate().map(lambda index, e: (index, e["image"], e["label"]))
        if not self._fits_in_memory:
            return records, self._image
        decoded = records.map(
            lambda index, image, label: (index, self._image(image), label), num_parallel_calls=tf.data.AUTOTUNE
        )
        return decoded.cache(), tf.identity

    def facts(self, names: Sequence[str] | None = None) -> dict[str, Sequence]:
        """Returns what stands beside the images, in stored order.

        Args:
            names: Of features; None: `id`, `label` and all of the dataset's own facts.

        Returns:
            A value an example: strings as `str`, the rest as NumPy arrays.
        """
        # Sorted: features that were read back from a prepared folder have another order in each process.
        kept = names or sorted(name for name in self.builder.info.features if name not in ("image", "group"))
        columns: dict[str, list] = {name: [] for name in kept}
        for batch in self._records.map(lambda e: {name: e[name] for name in kept}).batch(1024):
            for name in kept:
                columns[name].append(batch[name].numpy())
        return {name: _plain(np.concatenate(parts)) for name, parts in columns.items()}

    def images(self, indices: Sequence[int]) -> np.ndarray:
        """Returns the images at these places of the stored order, uint8 `[len(indices), S, S, C]`."""
        wanted = tf.constant(sorted(set(map(int, indices))), tf.int64)
        reached = self._records.take(wanted[-1] + 1).enumerate()
        chosen = reached.filter(lambda index, _: tf.reduce_any(index == wanted))
        found = {int(index): self._image(record["image"]).numpy() for index, record in chosen}
        return np.stack([found[int(index)] for index in indices])

    def augmented(
        self, indices: Sequence[int], augmentation: Augmentation, seed: int = 0, epoch: int = 0
    ) -> np.ndarray:
        """Returns the images at these places as training would show them in that epoch, in one batch.

        Returns:
            float32 `[len(indices), S, S, C]` in 0..255. With MixUp or CutMix they are mixed with each other.
        """
        labels = tf.zeros([len(indices)], tf.int64)
        draws = draw(seed, labels + epoch, tf.constant(indices, tf.int64))
        images = tf.constant(self.images(indices))
        return make_augment(augmentation, self.num_classes)(images, labels, draws)[0].numpy()

    @functools.cached_property
    def labels(self) -> np.ndarray:
        """The classes, int64 `[N]`, in stored order."""
        return np.asarray(self.facts(["label"])["label"], "int64")

    @functools.cached_property
    def groups(self) -> list[str]:
        """What each example may not be split from, in stored order."""
        return self.facts(["group"])["group"]

    @functools.cached_property
    def _records(self) -> tf.data.Dataset:
        return self.builder.as_dataset(
            split=self.name,
            shuffle_files=False,
            decoders={"image": tfds.decode.SkipDecoding()},
            read_config=tfds.ReadConfig(try_autocache=False),
        )

    def _image(self, contents: tf.Tensor) -> tf.Tensor:
        image = self.builder.info.features["image"].decode_example(contents)
        return fit_square(image, self.side, self.resize)

    @property
    def _fits_in_memory(self) -> bool:
        return self.num_examples * self.side**2 * self.channels <= _CACHE_BYTES

    def _shuffle_buffer(self, mean_copies: float) -> int:
        """Returns how many elements the shuffle may hold; copies of an example share their memory."""
        if self._fits_in_memory:
            # One more than there are: the cache is complete only when its end has been asked for.
            return self.num_examples + 1
        split = self.builder.info.splits[self.name]
        record_bytes = max(1, split.num_bytes // max(1, split.num_examples))
        return int(min(split.num_examples, max(1024, mean_copies * _SHUFFLE_BYTES // record_bytes)))


def _plain(values: np.ndarray) -> Sequence:
    return [value.decode() for value in values] if values.dtype == object else values
