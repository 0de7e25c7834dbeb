"""Distances between points on the Earth, and the score that a game gives for them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from keras_sketch.curation.great_circles import EARTH_RADIUS_KM, haversine_km, haversine_radians

__all__ = ["EARTH_RADIUS_KM", "geoscore", "haversine_km", "haversine_radians"]

_LARGEST_SCORE = 5000.0
_SCORE_KM = 1492.7


def geoscore(km: npt.ArrayLike) -> np.ndarray:
    """Returns GeoGuessr's score on its map of the world, 5000 exp(-km / 1492.7), float64 in 0..5000 (Haas et al. 2024).

    Args:
        km: Distances, at least 0.
    """
    return _LARGEST_SCORE * np.exp(-np.asarray(km, float) / _SCORE_KM)
