"""How sparse a drawing is, and whether sparse ones are harder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from keras_sketch.evaluation.intervals import effective_size, wilson_interval

INK_CONTRAST = 32
"""A pixel is ink where a channel differs by more than this, of 255, from the paper."""

_SAMPLED_SIDE = 64  # The median of a thinned-out picture is as good, and quick.


def ink_shares(images: np.ndarray) -> np.ndarray:
    """Returns the share of each image's pixels that are ink.

    Paper is the median colour, whether light or dark, so that the figure is wrong where ink covers more than half.

    Args:
        images: uint8 [N, H, W, C], as the network gets them.

    Returns:
        float64 [N] in 0..1.
    """
    step = [max(1, side // _SAMPLED_SIDE) for side in images.shape[1:3]]
    paper = np.median(images[:, :: step[0], :: step[1]], axis=(1, 2), keepdims=True)
    return (np.abs(images - paper.astype(np.float32)) > INK_CONTRAST).any(axis=-1).mean(axis=(1, 2))


def accuracy_by_ink(
    ink: np.ndarray, labels: np.ndarray, predicted: np.ndarray, groups: Sequence[str] | None = None
) -> list[dict]:
    """Returns the accuracy of each quarter of the examples, the sparsest drawings first.

    Args:
        ink: Floats [N] of `ink_shares`.
        labels: Integers [N], the true classes.
        predicted: Integers [N], the most probable classes.
        groups: N names; examples of one group resemble each other, which widens the intervals. None: each is its own.

    Returns:
        `low` and `high`, the smallest and the largest share in it, `num_examples`, `top1` and its 95 % `interval`.
        Equal shares are in one quarter, so that there may be fewer than four. Nothing where the median share is above
        one half, as of photos: they have no paper.
    """
    ink, hits = np.asarray(ink), np.asarray(labels) == np.asarray(predicted)
    if np.median(ink) > 0.5:
        return []
    quarters = np.searchsorted(np.quantile(ink, [0.25, 0.5, 0.75]), ink)
    rows = []
    for quarter in np.unique(quarters):
        members = quarters == quarter
        count, top1 = int(members.sum()), float(hits[members].mean())
        size = count if groups is None else effective_size(hits[members], np.asarray(groups)[members])
        interval = list(wilson_interval(top1 * size, size))
        low, high = float(ink[members].min()), float(ink[members].max())
        rows.append({"low": low, "high": high, "num_examples": count, "top1": top1, "interval": interval})
    return rows
