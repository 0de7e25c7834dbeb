"""Classes of unequal size: weights for the loss, or a stream that shows every class equally often."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from keras_sketch.data.replica_batches import WHOLE, Part
from keras_sketch.recipes import Recipe

if TYPE_CHECKING:
    from keras_sketch.data.pipeline import ImageSplit


def training_batches(
    split: ImageSplit,
    recipe: Recipe,
    epochs: int,
    first_epoch: int = 0,
    first_step: int = 0,
    part: Part = WHOLE,
) -> tf.data.Dataset:
    """Returns the batches on which a recipe trains, its classes balanced as it says.

    Args:
        split: The training split, of images or of their features.
        recipe: Batch size, seed, augmentation and balance.
        epochs: The epoch before which to end.
        first_epoch: The epoch to start with.
        first_step: The step of that epoch to start with.
        part: What of each batch to read.

    Returns:
        What `split.training` returns; with `balance="weights"` each batch has a third part, the weights of its
        examples, float32 `[B]`.

    Raises:
        KerasSketchError: As `split.training`.
    """
    stream = split.training(
        recipe.batch_size,
        epochs,
        recipe.seed,
        recipe.augmentation,
        first_epoch=first_epoch,
        first_step=first_step,
        balanced=recipe.balance == "sampling",
        part=part,
    )
    if recipe.balance != "weights":
        return stream
    weights = tf.constant(class_weights(split.labels, split.num_classes), tf.float32)

    def weighted(inputs, labels):
        # Mixed examples have shares of the classes, and the same shares of their weights.
        mixed = labels.dtype.is_floating
        return inputs, labels, tf.linalg.matvec(labels, weights) if mixed else tf.gather(weights, labels)

    return stream.map(weighted, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def class_weights(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Returns weights with which every class counts the same, and an example 1 on average: scikit-learn's "balanced".

    Args:
        labels: Integers `[N]`, N > 0.
        num_classes: K. A class without an example has the weight 0, and no share in the others'.

    Returns:
        float64 `[K]`.
    """
    counts = np.bincount(labels, minlength=num_classes)
    return np.divide(len(labels), np.count_nonzero(counts) * counts, out=np.zeros(num_classes), where=counts > 0)


class BalancedEpochs:
    """How often each example is shown in each epoch, so that all classes that have one are shown equally often.

    The epochs, one after another, are dealt out to the classes in turn, and a class's share to its examples in turn, in
    an order that the seed decides. So in an epoch the classes differ by at most one, over any number of epochs the
    examples of a class differ by at most one, and each epoch has exactly the length asked for.
    """

    def __init__(self, labels: np.ndarray, length: int, seed: int):
        """Deals out the turns.

        Args:
            labels: Integers `[N]`, N > 0, in stored order.
            length: Examples in an epoch.
            seed: Of the order in which a class's examples have their turns.
        """
        counts = np.bincount(labels)
        present = np.flatnonzero(counts)
        order = tf.random.experimental.stateless_shuffle(tf.range(len(labels)), seed=[seed, 1]).numpy()
        by_class = order[np.argsort(labels[order], kind="stable")]
        first = np.cumsum(counts) - counts
        turns = np.empty(len(labels), "int32")
        turns[by_class] = np.arange(len(labels)) - first[labels[by_class]]
        self._turns, self._labels = tf.constant(turns), tf.constant(labels, tf.int32)
        self._class_sizes = tf.constant(counts, tf.int64)
        self._class_turns = tf.constant(np.searchsorted(present, np.arange(len(counts))), tf.int64)
        self._length, self._num_present, self._num_examples = length, len(present), len(labels)
        distinct = np.minimum(counts, length / len(present)).sum()
        self.mean_copies = length / distinct

    def copies(self, epoch: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
        """Returns how often the epoch (int64) shows the examples at these places of the stored order, int64 alike."""
        labels = tf.gather(self._labels, indices)
        turn = tf.cast(tf.gather(self._turns, indices), tf.int64)
        class_turn, class_size = tf.gather(self._class_turns, labels), tf.gather(self._class_sizes, labels)

        def shown_before(epoch):
            return _turns_taken(_turns_taken(epoch * self._length, class_turn, self._num_present), turn, class_size)

        return shown_before(epoch + 1) - shown_before(epoch)

    def select(self, examples: tf.data.Dataset, epoch: tf.Tensor) -> tf.data.Dataset:
        """Returns the examples that the epoch shows, copies beside each other.

        Args:
            examples: All of them, once each: (index, ...), index int64, the place in the stored order.
            epoch: int64.

        Returns:
            (index + copy * N, ...), where copy counts from 0: what is drawn from the index alone differs by copy.
        """
        counts = self.copies(epoch, tf.range(self._num_examples, dtype=tf.int64))

        def copied(index, *contents):
            numbers = tf.data.Dataset.range(tf.gather(counts, index))
            return numbers.map(lambda copy: (index + copy * self._num_examples, *contents))

        return examples.flat_map(copied)


def _turns_taken(turns: tf.Tensor, place: tf.Tensor, takers: tf.Tensor) -> tf.Tensor:
    """Returns how many of so many turns have come to the one in that place of so many takers."""
    return (turns - place + takers - 1) // takers
