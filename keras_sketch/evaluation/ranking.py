"""Classes in order of probability; of equal ones the class that comes first in the list goes first."""

from __future__ import annotations

import numpy as np

from keras_sketch.errors import BadDataError

_CHUNK_VALUES = 4_000_000  # 16 MB of float32 at a time, whatever the number of examples


def check_predictions(labels: np.ndarray, probabilities: np.ndarray) -> None:
    """Checks that labels and probabilities belong together and can be scored.

    Args:
        labels: Integers [N], the true classes.
        probabilities: Floats [N, K].

    Raises:
        BadDataError: No example, shapes that do not fit, a label outside 0..K-1, or a value that is not finite.
    """
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1]:
        raise BadDataError(
            f"Labels [N] and probabilities [N, K] do not fit: {list(labels.shape)} and {list(probabilities.shape)}."
        )
    if not len(labels):
        raise BadDataError("There is no example to score; check that the split is not empty.")
    if not np.issubdtype(labels.dtype, np.integer):
        raise BadDataError(f"Labels must be integers, not {labels.dtype}.")
    outside = np.flatnonzero((labels < 0) | (labels >= probabilities.shape[1]))
    if len(outside):
        raise BadDataError(
            f"{len(outside)} of {len(labels)} labels are outside 0..{probabilities.shape[1] - 1}; the first is "
            f"{labels[outside[0]]}, of example {outside[0]}."
        )
    bad = [
        start + np.flatnonzero(~np.isfinite(chunk).all(axis=1))
        for start, chunk in zip(*_chunks(probabilities), strict=True)
    ]
    bad = np.concatenate(bad)
    if len(bad):
        raise BadDataError(
            f"The model gave {len(bad)} of {len(labels)} examples a probability that is not a finite number, the first "
            f"one example {bad[0]}; its weights or its input are broken."
        )


def top_k(probabilities: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the k most probable classes of every example, best first.

    Args:
        probabilities: Finite floats [N, K].
        k: How many; at most K are returned.

    Returns:
        Class indices, int64 [N, min(k, K)], and their probabilities in the dtype received.
    """
    k = min(k, probabilities.shape[1])
    indices = np.empty((len(probabilities), k), np.int64)
    for start, chunk in zip(*_chunks(probabilities), strict=True):
        indices[start : start + len(chunk)] = _top_k_of_chunk(chunk, k)
    return indices, np.take_along_axis(probabilities, indices, axis=1)


def _top_k_of_chunk(chunk: np.ndarray, k: int) -> np.ndarray:
    if k == 1:
        return chunk.argmax(axis=1)[:, None]
    chosen = np.sort(np.argpartition(chunk, chunk.shape[1] - k, axis=1)[:, -k:], axis=1)
    order = np.argsort(-np.take_along_axis(chunk, chosen, axis=1), axis=1, kind="stable")
    ranked = np.take_along_axis(chosen, order, axis=1)
    # Where the k-th value occurs again outside the chosen k, argpartition has picked any of the equal ones.
    threshold = np.take_along_axis(chunk, ranked[:, -1:], axis=1)
    tied = np.flatnonzero((chunk >= threshold).sum(axis=1) > k)
    ranked[tied] = np.argsort(-chunk[tied], axis=1, kind="stable")[:, :k]
    return ranked


def true_class_ranks(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Returns the place of the true class in each example's order, 0 for the most probable one.

    Args:
        labels: Integers [N] in 0..K-1.
        probabilities: Finite floats [N, K].

    Returns:
        int64 [N] in 0..K-1. The rank is 0 exactly where `argmax` gives the true class.
    """
    ranks = np.empty(len(labels), np.int64)
    for start, chunk in zip(*_chunks(probabilities), strict=True):
        truth = labels[start : start + len(chunk), None]
        value = np.take_along_axis(chunk, truth, axis=1)
        before = np.arange(chunk.shape[1]) < truth
        ranks[start : start + len(chunk)] = ((chunk > value) | ((chunk == value) & before)).sum(axis=1)
    return ranks


def _chunks(probabilities: np.ndarray) -> tuple[range, list[np.ndarray]]:
    """Returns the first rows and the views of consecutive blocks of rows."""
    rows = max(1, _CHUNK_VALUES // max(1, probabilities.shape[1]))
    starts = range(0, len(probabilities), rows)
    return starts, [probabilities[start : start + rows] for start in starts]
