"""Metrics over logits and labels."""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_sketch")
class TopK(keras.metrics.MeanMetricWrapper):
    """Share of the examples whose label is among the `k` highest logits.

    Labels are integers `[N]`, or shares `[N, K]` as mixup makes them: then the largest share's class is the label.

    Args:
        k: At least 1; of fewer classes all count.
    """

    def __init__(self, k: int, name: str | None = None, dtype=None):
        super().__init__(lambda y_true, y_pred: top_k_hits(y_true, y_pred, k), name=name or f"top{k}", dtype=dtype)
        self.k = k

    def get_config(self):
        """Returns the arguments."""
        return {"k": self.k, "name": self.name, "dtype": self.dtype}


def top_k_hits(y_true, y_pred, k: int):
    """Returns float32 `[N]`: 1 where the label is among the k highest of logits `[N, K]`, else 0."""
    classes = y_pred.shape[-1]
    shares = len(y_true.shape) == 2 and y_true.shape[-1] == classes and classes > 1
    labels = ops.argmax(y_true, axis=-1) if shares else ops.reshape(y_true, (-1,))
    return ops.cast(ops.in_top_k(ops.cast(labels, "int32"), ops.cast(y_pred, "float32"), min(k, classes)), "float32")
