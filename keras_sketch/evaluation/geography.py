"""How far off guesses of a country are: distances between the countries' centroids, and the continents."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from keras_sketch.evaluation.intervals import CONFIDENCE, effective_size, wilson_interval

RADII_KM = (750, 2500)
"""Within how many km a guess of a place is said to have found the country, and the continent (Vo et al. 2017)."""
_BLOCK_VALUES = 4_000_000  # counts drawn at a time: 32 MB


def distance_scores(
    labels: np.ndarray,
    predicted: np.ndarray,
    centroids: np.ndarray,
    groups: Sequence[str] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> dict:
    """Scores how far the guessed countries are from the true ones; 0 km where the country is right.

    Args:
        labels: Integers [N] in 0..K-1, the true countries, N at least 1.
        predicted: Integers [N] in 0..K-1, the most probable countries.
        centroids: Floats [K, 2]: degrees of latitude, longitude.
        groups: N names; examples of one group resemble each other, which widens the intervals. None: each is its own.
        resamples: Bootstrap resamples.
        seed: Of the bootstrap.

    Returns:
        `mean_km`, `median_km`, `geoscore` (the mean of 5000 exp(-km / 1492.7)); `within_750_km` and `within_2500_km`,
        shares in 0..1; `mean_km_dealt`, what the mean would be if the same answers were dealt out at random among the
        examples; and under `intervals` the 95 % interval `[low, high]` of each but the last: Wilson's of shares, with
        the effective size where there are groups, and the bootstrap's percentiles of the others, groups being drawn
        whole. Where not one answer is wrong, or there is but one group, those have no width.
    """
    from keras_sketch.metrics import haversine_km

    centroids = np.asarray(centroids, float)
    km = haversine_km(centroids[labels], centroids[predicted])
    units = np.arange(len(km)) if groups is None else np.unique(groups, return_inverse=True)[1]
    scores, intervals = _averages(np.sort(km), np.ones((len(km), 1), np.int64)), {}
    scores = {name: float(value[0]) for name, value in scores.items()}
    tails = [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)]
    for name, values in _resampled(km, units, resamples, seed).items():
        intervals[name] = np.percentile(values, tails).tolist()
    for radius in RADII_KM:
        near = km <= radius
        size = len(km) if groups is None else effective_size(near, groups)
        scores[f"within_{radius}_km"] = float(near.mean())
        intervals[f"within_{radius}_km"] = list(wilson_interval(near.mean() * size, size))
    true, answered = (np.bincount(classes, minlength=len(centroids)) / len(km) for classes in (labels, predicted))
    between = haversine_km(centroids[:, None], centroids[None])
    return {**scores, "mean_km_dealt": float(true @ between @ answered), "intervals": intervals}


def _resampled(km: np.ndarray, units: np.ndarray, resamples: int, seed: int) -> dict[str, np.ndarray]:
    """Returns each average [resamples], the units drawn with replacement."""
    values, places = np.unique(km, return_inverse=True)
    count = units.max() + 1
    members = sparse.csr_array((np.ones(len(km), np.int64), (places, units)), shape=(len(values), count))
    rng, block = np.random.default_rng(seed), max(1, _BLOCK_VALUES // max(count, len(values)))
    drawn = []
    for start in range(0, resamples, block):
        sample = rng.multinomial(count, np.full(count, 1 / count), size=min(block, resamples - start)).T
        drawn.append(_averages(values, members @ sample))
    return {name: np.concatenate([part[name] for part in drawn]) for name in drawn[0]}


def _averages(values: np.ndarray, counts: np.ndarray) -> dict[str, np.ndarray]:
    """Averages rising distances [D] in km that occur so many times, integers [D, R]; each average is [R]."""
    from keras_sketch.metrics import geoscore

    below, total = counts.cumsum(axis=0), counts.sum(axis=0)
    middle = [values[(below > half).argmax(axis=0)] for half in ((total - 1) // 2, total // 2)]
    return {
        "mean_km": values @ counts / total,
        "median_km": np.mean(middle, axis=0),
        "geoscore": geoscore(values) @ counts / total,
    }


def continents(class_names: Sequence[str]) -> list[str] | None:
    """Returns the continent of each class; None where one is no country's name."""
    from keras_sketch.curation.countries import country_centroids, find_country

    if country_centroids(class_names) is None:
        return None
    return [find_country(name).continent for name in class_names]
