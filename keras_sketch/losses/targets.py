"""Targets of losses: integer labels, or each class's share of a picture, as shares."""

from __future__ import annotations

from keras import ops


def as_shares(y_true, num_classes: int):
    """Returns each class's share of each picture, float32 `[N, K]`, for integers `[N]` or `[N, 1]`, or shares."""
    if len(y_true.shape) == 2 and y_true.shape[-1] == num_classes:
        return ops.cast(y_true, "float32")
    return ops.one_hot(ops.cast(ops.reshape(y_true, (-1,)), "int32"), num_classes, dtype="float32")
