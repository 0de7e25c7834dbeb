"""Global average precision of a split, with its interval, and with images of no landmark among the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from tqdm import tqdm

from keras_sketch.evaluation.intervals import CONFIDENCE
from keras_sketch.evaluation.predictions import Predictions, RankedPredictions
from keras_sketch.metrics import global_average_precision

_BLOCK_VALUES = 2_000_000  # numbers of examples drawn at a time: 16 MB an array


def gap_interval(
    labels: np.ndarray,
    predicted: np.ndarray,
    scores: np.ndarray,
    groups: np.ndarray | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Returns the bootstrap interval of GAP at 95 %.

    The examples are drawn again with replacement (whole groups, where they come in groups) and stand in the ranking as
    often as they were drawn, copies one behind the other; the 2.5th and 97.5th percentile, shifted so that the median
    is the GAP itself, are the interval, as in `bootstrap_intervals`.

    Args:
        labels: Integers [N], N at least 1; -1: no landmark.
        predicted: Integers [N], the best guesses.
        scores: Finite numbers [N], how sure they are.
        groups: [N] names, where examples of one group resemble each other; None: they are independent.
        resamples: How many times to draw.
        seed: Of the draws; the same seed gives the same interval.
    """
    order = np.argsort(-np.asarray(scores, float), kind="stable")
    labels, predicted = np.asarray(labels)[order], np.asarray(predicted)[order]
    units = np.arange(len(order)) if groups is None else np.unique(groups, return_inverse=True)[1][order]
    right, known = np.flatnonzero(labels == predicted), labels >= 0
    rng, block = np.random.default_rng(seed), max(1, _BLOCK_VALUES // len(order))
    blocks = tqdm(range(0, resamples, block), desc="Bootstrap", delay=2, leave=False, disable=None)
    drawn = [
        _resampled(_draws(rng, units.max() + 1, min(block, resamples - start))[:, units], right, known)
        for start in blocks
    ]
    found = global_average_precision(labels, predicted, np.asarray(scores)[order])
    tail = 50 * (1 - CONFIDENCE)
    low, median, high = np.percentile(np.concatenate(drawn), [tail, 50, 100 - tail])
    return float(np.clip(found + low - median, 0, 1)), float(np.clip(found + high - median, 0, 1))


def add_distractors(
    scores: Mapping, test: Predictions, groups: Sequence[str], distractors: RankedPredictions, **bootstrap: int
) -> dict:
    """Returns scores whose GAP has images of no landmark in its ranking, with the guesses for them.

    Args:
        scores: What `classification_scores` returned for the test split.
        test: Its predictions.
        groups: The group of each of its examples.
        distractors: The guesses for images of no landmark, with their `group` among the facts.
        **bootstrap: `resamples` and `seed` of the interval.

    Returns:
        The scores with another `gap` and its interval, the former ones under `gap_without_distractors`, and
        `num_distractors`.
    """
    labels = np.concatenate([test.labels, np.full(len(distractors.ids), -1)])
    predicted = np.concatenate([test.predicted, distractors.predicted])
    best = np.concatenate([test.probabilities.max(axis=1), distractors.scores[:, 0]])
    names = np.array([*groups, *distractors.facts["group"]])
    alone = len(np.unique(names)) == len(names)
    interval = gap_interval(labels, predicted, best, None if alone else names, **bootstrap)
    own = {"gap": list(interval), "gap_without_distractors": scores["intervals"]["gap"]}
    return {
        **scores,
        "gap": global_average_precision(labels, predicted, best),
        "gap_without_distractors": scores["gap"],
        "num_distractors": len(distractors.ids),
        "intervals": {**scores["intervals"], **own},
    }


def _draws(rng: np.random.Generator, units: int, resamples: int) -> np.ndarray:
    """Returns how often each of the units is drawn in as many draws, integers [resamples, units]."""
    drawn = rng.integers(0, units, (resamples, units)) + units * np.arange(resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=resamples * units).reshape(resamples, units)


def _resampled(copies: np.ndarray, right: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Returns GAP of each resample, float64 [R].

    Of a right example with c copies, behind r others of which h are right, the precisions at its ranks are
    (h + i) / (r + i) = 1 - (r - h) / (r + i), i = 1..c; their sum is c less r - h times a difference of harmonic
    numbers.

    Args:
        copies: Integers [R, N], in the order of the ranking: how often each example was drawn.
        right: Places of the right guesses in the ranking.
        known: Bools [N]: which examples have a landmark.
    """
    ranked = np.cumsum(copies, axis=1)
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, ranked[:, -1].max() + 1))])
    own, behind = copies[:, right], ranked[:, right]
    hits, before = np.cumsum(own, axis=1) - own, behind - own
    precisions = own - (before - hits) * (harmonic[behind] - harmonic[before])
    return precisions.sum(axis=1) / np.maximum(copies[:, known].sum(axis=1), 1)
