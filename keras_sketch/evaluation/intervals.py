"""95 % intervals: Wilson's for shares, Agresti and Min's for paired differences, the bootstrap for class averages."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import sparse, stats

CONFIDENCE = 0.95
_BLOCK_VALUES = 4_000_000  # counts drawn at a time: 32 MB


def wilson_interval(successes: float, trials: float) -> tuple[float, float]:
    """Returns Wilson's score interval of a share (Wilson 1927, equation 4, without continuity correction).

    Args:
        successes: How often it happened, 0..trials.
        trials: How often it could have happened, above 0; `effective_size` need not be whole.

    Returns:
        The lower and the upper end, in 0..1, at 95 %.
    """
    share, squared = successes / trials, stats.norm.ppf(0.5 + CONFIDENCE / 2) ** 2
    centre = (share + squared / (2 * trials)) / (1 + squared / trials)
    half = np.sqrt(squared * (share * (1 - share) + squared / (4 * trials)) / trials) / (1 + squared / trials)
    return float(max(0.0, centre - half)), float(min(1.0, centre + half))


def effective_size(hits: np.ndarray, groups: np.ndarray) -> float:
    """Returns how many independent examples tell as much about a share as these, which come in groups.

    The size divided by the design effect: the variance of the share between groups (a ratio of sums, linearized)
    over that of independent examples (Kish 1965, section 8.2; Korn and Graubard 1998 put it into a binomial interval).
    Where all or none are hits nothing is known of it, and the groups count.

    Args:
        hits: Bools [N].
        groups: [N] names; examples of one group resemble each other.

    Returns:
        From the number of groups (one where there is only one) to N, or below where the groups differ in size.
    """
    hits = np.asarray(hits, float)
    _, members = np.unique(groups, return_inverse=True)
    total, count, share = len(hits), members.max() + 1, hits.mean()
    if share in (0, 1) or count == 1:
        return float(count)
    residuals = np.bincount(members, hits) - share * np.bincount(members)
    variance = count / (count - 1) * (residuals**2).sum() / total**2
    independent = share * (1 - share) / total
    return total / max(1.0, variance / independent)


@dataclasses.dataclass(frozen=True)
class PairedDifference:
    """How two predictions of the same examples differ in accuracy.

    Attributes:
        difference: Accuracy of the second minus that of the first, -1..1.
        interval: Its 95 % interval, lower and upper end.
        gained: Examples that only the second got right.
        lost: Examples that only the first got right.
    """

    difference: float
    interval: tuple[float, float]
    gained: int
    lost: int


def paired_difference(first: np.ndarray, second: np.ndarray) -> PairedDifference:
    """Compares two predictions of the same examples, with Agresti and Min's "Wald+2" interval.

    Half an example is added to each of the four cells (both right, one, the other, none) before Wald's formula is
    applied (Agresti and Min 2005, Statistics in Medicine 24:729, section 2), so that the interval has a width also
    where the two agree throughout. It takes the examples for independent, also where they come in groups.

    Args:
        first: Bools [N], whether each example was recognized, N at least 1.
        second: Bools [N], the same examples in the same order.
    """
    first, second = np.asarray(first, bool), np.asarray(second, bool)
    gained, lost, total = int((second & ~first).sum()), int((first & ~second).sum()), len(first)
    centre = (gained - lost) / (total + 2)
    deviation = np.sqrt(max(0.0, (gained + lost + 1) / (total + 2) - centre**2) / (total + 2))
    half = float(stats.norm.ppf(0.5 + CONFIDENCE / 2) * deviation)
    interval = (max(-1.0, centre - half), min(1.0, centre + half))
    return PairedDifference((gained - lost) / total, interval, gained, lost)


def unpaired_difference(
    first: float, first_interval: tuple[float, float], second: float, second_interval: tuple[float, float]
) -> tuple[float, tuple[float, float]]:
    """Compares two shares of different examples (Newcombe 1998, Statistics in Medicine 17:873, method 10).

    The interval is put together from those of the two shares. Where these allow for groups, so does it (Zou and Donner
    2008, who show that any two intervals will do).

    Args:
        first: A share in 0..1.
        first_interval: Its interval.
        second: A share of other examples.
        second_interval: Its interval.

    Returns:
        The second minus the first, -1..1, and its interval, lower and upper end.
    """
    (low, high), (other_low, other_high) = first_interval, second_interval
    difference = second - first
    below, above = np.hypot(second - other_low, high - first), np.hypot(other_high - second, first - low)
    return difference, (float(difference - below), float(difference + above))


def average_scores(hits: np.ndarray, support: np.ndarray, predicted: np.ndarray) -> dict[str, np.ndarray]:
    """Averages precision, recall and F1 over the classes that have an example: scikit-learn's, with these as `labels`.

    Args:
        hits: [..., K]: how many examples of each class were recognized.
        support: [..., K]: how many examples each class has.
        predicted: [..., K]: how many examples were taken for it.

    Returns:
        `precision`, `recall`, `f1` (macro) and the same with `_weighted` (by support), each [...]. A quotient 0/0 is 0.
    """
    occurs = np.maximum((support > 0).sum(axis=-1), 1)
    examples = support.sum(axis=-1)
    averages = {}
    for name, numerator, denominator in (
        ("precision", hits, predicted),
        ("recall", hits, support),
        ("f1", 2 * hits, support + predicted),
    ):
        by_class = numerator / np.maximum(denominator, 1)
        averages[name] = (by_class * (support > 0)).sum(axis=-1) / occurs
        averages[f"{name}_weighted"] = (by_class * support).sum(axis=-1) / examples
    return averages


def bootstrap_intervals(
    labels: np.ndarray,
    predicted: np.ndarray,
    num_classes: int,
    resamples: int = 1000,
    seed: int = 0,
    groups: np.ndarray | None = None,
) -> dict[str, tuple[float, float]]:
    """Returns bootstrap intervals of the averaged precision, recall and F1.

    The examples are drawn again with replacement (a multinomial draw over the non-empty cells of the confusion matrix;
    where they come in groups, whole groups are drawn), and the 2.5th and 97.5th percentile of the resampled scores,
    shifted so that their median is the score itself, are the interval. Without the shift the interval of the macro
    averages lies too low, because a resample misses some examples of a small class altogether: with 100 classes of 10
    examples it held the true F1 in 62 of 100 simulated test sets, and shifted in 89. Below about 5 examples a class
    both are too narrow, and where not one example is wrong the interval has no width.

    Args:
        labels: Integers [N], the true classes, N at least 1.
        predicted: Integers [N], the most probable classes.
        num_classes: K.
        resamples: How many times to draw.
        seed: Of the draws; the same seed gives the same intervals.
        groups: [N] names, where examples of one group resemble each other; None: they are independent.

    Returns:
        For every key of `average_scores` the lower and the upper end, in 0..1.
    """
    cells = labels.astype(np.int64) * num_classes + predicted
    if groups is None:
        cells, draws = np.unique(cells, return_counts=True)
        unit = np.arange(len(cells))
    else:
        unit = np.unique(groups, return_inverse=True)[1]
        draws = np.ones(unit.max() + 1, np.int64)
    true_class, predicted_class = np.divmod(cells, num_classes)

    def totals(classes: np.ndarray, values: np.ndarray) -> sparse.csr_array:
        return sparse.csr_array((values, (classes, unit)), shape=(num_classes, len(draws)))

    ones = np.ones(len(cells), np.int64)
    members = [
        totals(true_class, (true_class == predicted_class).astype(np.int64)),
        totals(true_class, ones),
        totals(predicted_class, ones),
    ]
    rng = np.random.default_rng(seed)
    block = max(1, _BLOCK_VALUES // max(len(draws), num_classes))
    drawn = []
    for start in range(0, resamples, block):
        sample = rng.multinomial(draws.sum(), draws / draws.sum(), size=min(block, resamples - start)).T
        drawn.append(average_scores(*((member @ sample).T for member in members)))
    scores = average_scores(*((member @ draws) for member in members))
    tail = 50 * (1 - CONFIDENCE)
    intervals = {}
    for name, score in scores.items():
        low, median, high = np.percentile(np.concatenate([part[name] for part in drawn]), [tail, 50, 100 - tail])
        intervals[name] = (float(max(0.0, score + low - median)), float(min(1.0, score + high - median)))
    return intervals
