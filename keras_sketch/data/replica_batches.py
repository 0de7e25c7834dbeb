"""Batch sizes with which several devices can share the examples of a split, each having some of every batch."""

from __future__ import annotations


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
