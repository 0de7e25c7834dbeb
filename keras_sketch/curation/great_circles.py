"""Distances between points on the Earth, taken as a sphere."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from keras_sketch.errors import InvalidArgumentError

EARTH_RADIUS_KM = 6371.0088
"""Mean radius of the WGS 84 ellipsoid (IUGG)."""


def haversine_radians(a_degrees: npt.ArrayLike, b_degrees: npt.ArrayLike) -> np.ndarray:
    """Returns the angle between points on a sphere, float64 `[...]` in 0..pi; NaN where a coordinate is NaN.

    The arithmetic is scikit-learn's: at antipodes, where the arcsine is steep, the last digits are lost alike.

    Args:
        a_degrees: `[..., 2]`: latitude, longitude.
        b_degrees: `[..., 2]`, broadcast against the former.
    """
    a, b = np.radians(_points(a_degrees)), np.radians(_points(b_degrees))
    north, east = np.sin((a[..., 0] - b[..., 0]) / 2), np.sin((a[..., 1] - b[..., 1]) / 2)
    squared = north**2 + np.cos(a[..., 0]) * np.cos(b[..., 0]) * east**2
    return 2 * np.arcsin(np.sqrt(np.minimum(squared, 1)))


def haversine_km(a_degrees: npt.ArrayLike, b_degrees: npt.ArrayLike) -> np.ndarray:
    """Returns the great-circle distance in km, float64 `[...]`.

    Args:
        a_degrees: `[..., 2]`: latitude, longitude.
        b_degrees: `[..., 2]`, broadcast against the former.
    """
    return EARTH_RADIUS_KM * haversine_radians(a_degrees, b_degrees)


def check_centroids(centroids: npt.ArrayLike) -> np.ndarray:
    """Returns the classes' places as float64 `[K, 2]`, latitude and longitude in degrees.

    Raises:
        InvalidArgumentError: Another shape, a latitude beyond 90 or a longitude beyond 360 degrees, or no numbers.
    """
    try:
        points = np.asarray(centroids, float)
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError("centroids", "numbers, latitude and longitude a class", centroids) from error
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise InvalidArgumentError("centroids", "of shape [K, 2], latitude and longitude a class", points.shape)
    wrong = ~((np.abs(points[:, 0]) <= 90) & (np.abs(points[:, 1]) <= 360))
    if wrong.any():
        row = int(wrong.argmax())
        allowed = "latitudes in -90..90 and longitudes in -360..360, in degrees"
        raise InvalidArgumentError(f"centroids[{row}]", allowed, points[row].tolist())
    return points


def _points(degrees: npt.ArrayLike) -> np.ndarray:
    points = np.asarray(degrees, float)
    if not points.ndim or points.shape[-1] != 2:
        raise InvalidArgumentError("degrees", "of shape [..., 2], latitude and longitude", points.shape)
    return points
