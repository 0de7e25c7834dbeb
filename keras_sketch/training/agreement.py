"""What the workers of a training tell each other between two steps, so that all of them do the same."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from keras_sketch.training.cluster import read_cluster
from keras_sketch.training.multi_worker_model import several_workers


class Workers:
    """The processes that train together; every one calls the same methods in the same order.

    Args:
        strategy: What they train with. Where it is not for several machines, this process is the only one.

    Attributes:
        is_chief: Whether this process is the one that writes.
        is_alone: Whether it is the only one.
    """

    def __init__(self, strategy: tf.distribute.Strategy | None = None):
        self.is_alone = not several_workers(strategy)
        self.is_chief = True
        if not self.is_alone:
            cluster = read_cluster()
            self.is_chief = cluster.is_chief
            self._strategy, self._sum = strategy, _summation(strategy, cluster.size)

    def any(self, *flags: bool) -> list[bool]:
        """Returns for each flag whether any worker raised it; all wait for each other here."""
        if self.is_alone:
            return list(flags)
        return [count > 0 for count in self._total(np.array(flags, "int32"))]

    def from_chief(self, contents: bytes) -> bytes:
        """Returns what the chief called this with, whatever this worker did; all wait for each other here."""
        if self.is_alone:
            return contents
        [length] = self._total(np.array([len(contents) if self.is_chief else 0], "int32"))
        words = np.zeros(-(-int(length) // 4), "int32")
        if self.is_chief:
            words = np.frombuffer(contents.ljust(4 * len(words), b"\0"), "int32")
        return self._total(words).tobytes()[:length] if length else b""

    def _total(self, numbers: np.ndarray) -> np.ndarray:
        """Returns the sums over the workers of int32 `[N]`."""
        with self._strategy.scope():
            return self._sum(tf.constant(numbers)).numpy()


def _summation(strategy: tf.distribute.Strategy, workers: int):
    devices = strategy.num_replicas_in_sync // workers

    def one(numbers):
        context = tf.distribute.get_replica_context()
        # A worker with several GPUs has as many replicas: the first of them speaks.
        speaks = context.replica_id_in_sync_group % devices == 0
        return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.where(speaks, numbers, tf.zeros_like(numbers)))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)], autograph=False)
    def total(numbers):
        return strategy.experimental_local_results(strategy.run(one, args=(numbers,)))[0]

    return total
