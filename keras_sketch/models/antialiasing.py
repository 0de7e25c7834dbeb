"""Smaller and larger images; the smaller ones by matrix products, for which every device and compiler has a kernel."""

from __future__ import annotations

import numpy as np
from keras import ops


def resized(pixels, height: int, width: int):
    """Resizes `[N, H, W, C]` bilinearly; where an axis shrinks, by averages (a triangle filter of twice the step)."""
    for axis, side in ((1, height), (2, width)):
        before = pixels.shape[axis]
        if side < before:
            filters = ops.convert_to_tensor(_triangles(before, side))
            pixels = ops.einsum("nhwc,oh->nowc" if axis == 1 else "nhwc,ow->nhoc", pixels, filters)
        elif side > before:
            size = (side, pixels.shape[2]) if axis == 1 else (pixels.shape[1], side)
            pixels = ops.image.resize(pixels, size, "bilinear", data_format="channels_last")
    return pixels


def _triangles(before: int, after: int) -> np.ndarray:
    """Returns the weights of each pixel (second axis) in each of fewer ones (first axis)."""
    step = before / after
    centres = (np.arange(after)[:, None] + 0.5) * step - 0.5
    weights = np.maximum(0.0, 1 - np.abs(np.arange(before) - centres) / step)
    return (weights / weights.sum(axis=1, keepdims=True)).astype("float32")
