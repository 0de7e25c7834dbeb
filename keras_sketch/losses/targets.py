"""Targets of losses: integer labels, or each class's share of a picture, as shares; and their precision."""

from __future__ import annotations

import keras
from keras import ops


def as_shares(y_true, num_classes: int, dtype: str = "float32"):
    """Returns each class's share of each picture, `[N, K]`, for integers `[N]` or `[N, 1]`, or shares."""
    if len(y_true.shape) == 2 and y_true.shape[-1] == num_classes:
        return ops.cast(y_true, dtype)
    return ops.one_hot(ops.cast(ops.reshape(y_true, (-1,)), "int32"), num_classes, dtype=dtype)


def precise(logits):
    """Returns logits in float32; those in float64 stay."""
    return ops.cast(logits, keras.backend.result_type(logits.dtype, "float32"))


def default_dtype() -> str:
    """Returns what a loss computes in if nothing is said: float64 under that policy or `floatx`, else float32.

    Keras' own losses look at `floatx` alone, so that under the policy float64 they would round float64 logits.
    """
    return keras.backend.result_type(keras.config.dtype_policy().compute_dtype, keras.config.floatx(), "float32")
