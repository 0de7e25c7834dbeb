"""Several views of one picture vote on its class."""

from __future__ import annotations

import numpy as np

from keras_sketch.errors import BadDataError

_TIED = 1e-3
_LEAST_CONTRAST = 0.25


def majority_vote(probabilities: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Gives each view's vote to its most probable class, and orders the classes by their votes.

    Of classes with equally many votes (within a thousandth of all) the one with the higher mean probability comes
    first; that also orders the classes for which no view voted, so that a top-5 can be taken.

    Args:
        probabilities: Floats [N, V, K] in 0..1, of V views of each example; of equally probable classes of one view the
            first gets the vote.
        weights: Floats [N, V], at least 0: what each vote counts, also in the mean probability. An example whose
            weights are all 0 counts every view alike. None: all alike.

    Returns:
        float64 [N, K] in 0..1, each row with the sum 1: shares of the votes, mixed with so little of the mean
        probability that it decides between tied classes only.

    Raises:
        BadDataError: Shapes that do not fit, or a weight that is negative or not finite.
    """
    probabilities = np.asarray(probabilities, np.float64)
    if probabilities.ndim != 3 or not probabilities.shape[1]:
        raise BadDataError(f"Probabilities of several views must be [N, views, K], not {list(probabilities.shape)}.")
    examples, views, num_classes = probabilities.shape
    weights = np.ones((examples, views)) if weights is None else np.asarray(weights, np.float64)
    if weights.shape != (examples, views):
        raise BadDataError(f"Weights must be {[examples, views]}, one a view, not {list(weights.shape)}.")
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise BadDataError("The weight of a view is negative or not a finite number.")
    weights = np.where(weights.sum(axis=1, keepdims=True) > 0, weights, 1.0)
    weights = weights / weights.sum(axis=1, keepdims=True)

    ballots = np.zeros((examples, num_classes))
    np.add.at(ballots, (np.arange(examples)[:, None], probabilities.argmax(axis=2)), weights)
    ballots = np.round(ballots / _TIED) * _TIED
    mean = np.einsum("nv,nvk->nk", weights, probabilities)
    # A class that is ahead by a thousandth stays ahead: with a share a of the mean, (1 - a) * 0.001 > a.
    mixed = (1 - _TIED / 2) * ballots + _TIED / 2 * mean
    return mixed / mixed.sum(axis=1, keepdims=True)


def heat_shares(heat: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Returns how much of each heat map falls into each box.

    Args:
        heat: Floats [N, H, W], at least 0, over the whole picture.
        boxes: Floats [V, 4]: top, left, bottom and right end as shares of the picture's height and width. A pixel that
            a box cuts counts with the part that lies inside.

    Returns:
        float64 [N, V] in 0..1; of a map without heat the box's share of the picture.
    """
    heat, boxes = np.asarray(heat, np.float64), np.asarray(boxes, np.float64)
    heat = np.where(heat.sum(axis=(1, 2), keepdims=True) > 0, heat, 1.0)
    rows = _covered(boxes[:, 0], boxes[:, 2], heat.shape[1])
    columns = _covered(boxes[:, 1], boxes[:, 3], heat.shape[2])
    return np.einsum("nhw,vh,vw->nv", heat, rows, columns) / heat.sum(axis=(1, 2))[:, None]


def _covered(starts: np.ndarray, ends: np.ndarray, size: int) -> np.ndarray:
    """Returns how much of each of `size` pixels lies between a start and an end, [V, size] in 0..1."""
    pixels = np.arange(size)
    return np.clip(np.minimum(ends[:, None] * size, pixels + 1) - np.maximum(starts[:, None] * size, pixels), 0, 1)


def shows_something(views: np.ndarray) -> np.ndarray:
    """Returns which views show more than bare paper: those with a quarter of the whole picture's contrast or more.

    A network has an answer for an empty sheet too, and often a sure one. Contrast is the range of the pixel values, so
    that pencil on grey paper counts like ink on white, and one stroke is enough.

    Args:
        views: uint8 or float [N, V, H, W, C]; the first view is the whole picture.

    Returns:
        Bools [N, V]; the whole picture always counts.
    """
    contrast = np.ptp(np.asarray(views).astype(np.float32, copy=False), axis=(2, 3, 4))
    shown = contrast >= _LEAST_CONTRAST * contrast[:, :1]
    shown[:, 0] = True
    return shown
