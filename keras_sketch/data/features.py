"""A split that gives what frozen layers made of its images, computed once and stored, instead of the images."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_sketch.data.pipeline import ImageSplit
from keras_sketch.data.replica_batches import WHOLE, Part
from keras_sketch.recipes import Augmentation


@dataclasses.dataclass(frozen=True, eq=False)
class FeatureSplit(ImageSplit):
    """The features of a split's images, in the order, the batches and the epochs of the images.

    Where `ImageSplit` gives an image, this gives float32 features of it, or a tuple of them where there are several.
    With several views of an image, each augmented in its own way, the epochs have one after another, and then again;
    of an example that an epoch shows twice, it has the next view too.

    Attributes:
        views: For each view its arrays `[N, ...]`, which may lie on a disk, one array a feature.
        stored_labels: int64 `[N]`, in stored order.
        first_epoch: The epoch, or one of those, that has the first view.
    """

    views: tuple[Sequence[np.ndarray], ...] = ()
    stored_labels: np.ndarray | None = None
    first_epoch: int = 0

    @property
    def labels(self) -> np.ndarray:
        """The classes, int64 `[N]`, in stored order."""
        return self.stored_labels

    def in_order(
        self,
        batch_size: int,
        augmentation: Augmentation = Augmentation(),  # noqa: B008 (frozen)
        seed: int = 0,
        epoch: int = 0,
        part: Part = WHOLE,
    ) -> tf.data.Dataset:
        """Returns every example once, in stored order, in the view of that epoch; augmentation and seed were chosen."""
        batches = part.of(self._numbers(), batch_size).batch(batch_size // part.count)
        batches = part.divided(batches, batch_size, self.num_examples)
        return batches.map(lambda indices, labels: (self._read(indices * 0 + epoch, indices), labels)).prefetch(
            tf.data.AUTOTUNE
        )

    def _undecoded(self) -> tuple[tf.data.Dataset, Callable[[tf.Tensor], tf.Tensor]]:
        return self._numbers().map(lambda index, label: (index, index, label)), tf.identity

    def _finish(self, seed: int, augmentation: Augmentation) -> Callable:
        # A copy of an example has the number of examples added to its index.
        count = self.num_examples
        return lambda stored, labels, epochs, indices: (self._read(epochs + indices // count, stored), labels)

    def _numbers(self) -> tf.data.Dataset:
        labels = tf.data.Dataset.from_tensor_slices(self.stored_labels)
        return tf.data.Dataset.zip(tf.data.Dataset.range(self.num_examples), labels)

    def _read(self, epochs: tf.Tensor, indices: tf.Tensor) -> tf.Tensor | tuple[tf.Tensor, ...]:
        arrays = self.views[0]
        # With the batch size where it is known: without it the last digits of what is computed are others.
        features = tf.numpy_function(self._gather, [epochs, indices], [tf.float32] * len(arrays))
        shaped = [
            tf.ensure_shape(each, [indices.shape[0], *array.shape[1:]])
            for each, array in zip(features, arrays, strict=True)
        ]
        return shaped[0] if len(shaped) == 1 else tuple(shaped)

    def _gather(self, epochs: np.ndarray, indices: np.ndarray) -> list[np.ndarray]:
        batches = [np.empty((len(indices), *array.shape[1:]), "float32") for array in self.views[0]]
        chosen = (epochs - self.first_epoch) % len(self.views)
        for view in np.unique(chosen):
            for batch, array in zip(batches, self.views[view], strict=True):
                batch[chosen == view] = array[indices[chosen == view]]
        return batches


def changes(augmentation: Augmentation) -> bool:
    """Whether any picture is changed: paper alone, which others would lay around it, changes none."""
    return dataclasses.replace(augmentation, fill=Augmentation.fill) != Augmentation()


def prepared_root(split: ImageSplit) -> Path:
    """Returns the folder in which prepared datasets are kept: that above the split's dataset, config and version."""
    builder = split.builder
    return Path(builder.data_dir).parents[2 if builder.builder_config else 1]


def identity(split: ImageSplit) -> dict[str, object]:
    """Returns what decides the images of a split: its dataset, the files it is stored in, and how they are resized."""
    builder = split.builder
    files = [Path(os.fspath(file)) for file in builder.info.splits[split.name].filepaths]
    return {
        "dataset": builder.name,
        "config": builder.builder_config.name if builder.builder_config else None,
        "version": str(builder.version),
        "files": [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files],
        "side": split.side,
        "resize": split.resize,
        "channels": split.channels,
    }
