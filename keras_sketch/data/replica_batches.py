"""How several devices and machines share the examples of a split, each having some of every batch."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from keras_sketch.errors import InvalidArgumentError


@dataclasses.dataclass(frozen=True)
class Part:
    """The part of every batch that one machine reads.

    Attributes:
        index: Which part, from 0.
        count: Of how many equal ones.
        devices: Among how many devices of its own the machine divides it.
    """

    index: int = 0
    count: int = 1
    devices: int = 1

    def of(self, examples: tf.data.Dataset, batch_size: int) -> tf.data.Dataset:
        """Returns those of the examples, all of them in order, that are in this part of their batch."""
        if self == WHOLE:
            return examples
        size = batch_size // self.count
        numbered = examples.enumerate()
        chosen = numbered.filter(lambda number, *_: number % batch_size // size == self.index)
        return chosen.map(lambda number, contents: contents)

    def divided(self, batches: tf.data.Dataset, batch_size: int, examples: int) -> tf.data.Dataset:
        """Returns the batches of this part as those of the machine's devices, one after another.

        Args:
            batches: What was made of this part's examples.
            batch_size: Examples in a whole batch.
            examples: How many there are in all the whole batches.
        """
        if self == WHOLE:
            return batches
        if self.devices > 1:
            batches = batches.rebatch(batch_size // self.count // self.devices)
        return batches.apply(tf.data.experimental.assert_cardinality(-(-examples // batch_size) * self.devices))


WHOLE = Part()


def check_examples(split: str, examples: int, replicas: int) -> None:
    """Raises `InvalidArgumentError` where so many devices cannot share a split's examples, whatever the batch size."""
    if replicas > 1 and not batch_sizes_for(examples, replicas):
        most = max(n for n in range(1, replicas) if n == 1 or batch_sizes_for(examples, n))
        reason = f"its examples, {examples}, leave a device without one whatever the batch size"
        allowed = f"at most {most}, or the {split} split larger: {reason}"
        raise InvalidArgumentError("devices", allowed, replicas)


def batch_size_for(examples: int, batch_size: int, replicas: int) -> int:
    """Returns the size nearest to `batch_size` of `batch_sizes_for`; on one device, `batch_size`."""
    if replicas == 1:
        return batch_size
    return min(batch_sizes_for(examples, replicas), key=lambda size: abs(size - batch_size))


def batch_sizes_for(examples: int, replicas: int) -> list[int]:
    """Returns the batch sizes that are shared evenly, whose first batch is whole, and whose last reaches all replicas.

    Of a last batch that is not whole, TensorFlow 2.21 gives the replicas equal parts, rounded up, in turn until nothing
    is left; `Dataset.rebatch` gives them the parts of a whole batch. These sizes suit both. A first batch that is not
    whole has unequal parts, which Keras' `evaluate` cannot add up.
    """
    sizes = range(replicas, examples + 1, replicas)
    return [size for size in sizes if examples % size == 0 or examples % size > size - size // replicas]
