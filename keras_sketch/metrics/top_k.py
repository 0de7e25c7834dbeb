"""Metrics over logits; targets are integer labels, or each class's share of the picture."""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_sketch")
class TopK(keras.metrics.MeanMetricWrapper):
    """The share of examples whose class is among the `k` with the largest logits.

    Of classes that tie with the last of them, all count as among them, and an example whose logits are not finite as
    missed: as in Keras' SparseTopKCategoricalAccuracy. The class of a mixed picture is the one with the largest share.

    Args:
        k: How many classes an example has to choose from.
    """

    def __init__(self, k: int, name: str = "top_k", dtype=None):
        super().__init__(_among_top, name=name, dtype=dtype, k=k)
        self.k = k

    def get_config(self):
        """Returns the arguments."""
        return {"k": self.k, "name": self.name, "dtype": self.dtype}


def _among_top(y_true, y_pred, k: int):
    """Returns float32 `[N]`, 1 or 0, for logits `[N, K]` and integers `[N]` or `[N, 1]`, or shares `[N, K]`."""
    if len(y_true.shape) == 2 and y_true.shape[-1] == y_pred.shape[-1]:
        y_true = ops.argmax(y_true, axis=-1)
    return keras.metrics.sparse_top_k_categorical_accuracy(ops.reshape(y_true, (-1,)), ops.cast(y_pred, "float32"), k=k)
