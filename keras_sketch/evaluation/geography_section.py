"""The report's part about distances, for datasets whose classes are countries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from keras_sketch.evaluation.geography import RADII_KM, continents
from keras_sketch.evaluation.leak import accuracy
from keras_sketch.evaluation.markdown import escape, percent, percent_range, table

_SHARES = {f"within_{radius}_km": f"within {radius:,} km" for radius in RADII_KM}
DISTANCE_NAMES = {"mean_km": "mean, km", "median_km": "median, km", **_SHARES, "geoscore": "GeoScore, 0 to 5,000"}
"""What the distance scores of `metrics.json` are called, in the order in which they are shown."""
BETWEEN = (
    "Distances are between the centroids of the true and the answered country, 0 where it is right; systems that guess "
    "a place are scored by the distance to the photo's own, so their figures are of another kind."
)


def geography_section(scores: Mapping, labels: np.ndarray, predicted: np.ndarray, class_names: Sequence[str]) -> str:
    """Returns the part "Distances"; nothing where the scores hold none.

    Args:
        scores: With those of `distance_scores`, and `same_continent` where there are errors.
        labels: Integers [N], the true countries.
        predicted: Integers [N], the most probable countries.
        class_names: K names of countries.
    """
    places = continents(class_names) if "mean_km" in scores else None
    if places is None:
        return ""
    rows = [
        [name, distance_text(key, scores[key]), distance_range(key, scores["intervals"][key])]
        for key, name in DISTANCE_NAMES.items()
    ]
    lines = [
        "## Distances",
        table(["score", "this run", "95 % interval"], rows),
        f"{BETWEEN} Were the same answers dealt out at random among the examples, the mean would be "
        f"{scores['mean_km_dealt']:,.0f} km. Intervals: Wilson's for the shares, bootstrap for the others.",
    ]
    if within := scores.get("same_continent"):
        lines.append(
            f"Of {within['num_errors']:,} errors {percent(within['share'])} (95 % interval "
            f"{percent_range(within['interval'])}) stay on the true country's continent. It would be "
            f"{percent(within['chance'])} if the same wrong answers were dealt out at random among the errors."
        )
    return "\n\n".join([*lines, _continent_table(labels, predicted, np.array(places))])


def _continent_table(labels: np.ndarray, predicted: np.ndarray, places: np.ndarray) -> str:
    rows = []
    for name in np.unique(places[labels]):
        own = places[labels] == name
        found, right = accuracy(labels[own] == predicted[own]), (places[predicted[own]] == name).mean()
        shown = [f"{len(np.unique(labels[own]))}", f"{found['num_examples']:,}", percent(found["top1"]), percent(right)]
        rows.append([escape(name), *shown])
    return table(["continent", "countries tested", "test examples", "top-1", "continent right"], rows)


def distance_text(key: str, value: float) -> str:
    """Returns one of the distance scores as text."""
    return percent(value) if key in _SHARES else f"{value:,.0f}"


def distance_range(key: str, interval: Sequence[float]) -> str:
    """Returns the interval of one of the distance scores as text."""
    return percent_range(interval) if key in _SHARES else " to ".join(f"{end:,.0f}" for end in interval)
