"""The globe on paper: land, the Equal Earth projection, great circles, and where they cross the date line."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

# Points of the land's outlines, int16 [N, 3]: longitude and latitude in hundredths of a degree, and 1 where an outline
# begins. Outlines are closed; those of land go round it counter-clockwise, that of the Caspian Sea clockwise. Made from
# Natural Earth's countries at 1:110 million (public domain, https://www.naturalearthdata.com/about/terms-of-use/), as
# geopandas 0.14.4 carries them: joined to land without borders, and rounded.
_COASTLINE = Path(__file__).with_name("coastline.npy")
# Šavrič, Patterson and Jenny 2018, "The Equal Earth map projection", equation 9.
_A1, _A2, _A3, _A4 = 1.340264, -0.081106, 0.000893, 0.003796


def land_outlines() -> list[np.ndarray]:
    """Returns the outlines of land and of the Caspian Sea, each float64 [n, 2]: degrees of latitude, longitude."""
    table = np.load(_COASTLINE)
    starts = np.flatnonzero(table[:, 2])
    return np.split(table[:, 1::-1] / 100, starts[1:])


def equal_earth(points: np.ndarray) -> np.ndarray:
    """Projects places so that equal areas of the globe are equal areas of the map, Greenwich in the middle.

    Args:
        points: Floats [..., 2]: degrees of latitude, -90 to 90, and longitude, -180 to 180.

    Returns:
        float64 [..., 2]: x, -2.71 to 2.71, and y, -1.32 to 1.32, in radii of the globe.
    """
    latitude, longitude = np.moveaxis(np.radians(np.asarray(points, float)), -1, 0)
    t = np.arcsin(math.sqrt(3) / 2 * np.sin(latitude))
    stretch = 9 * _A4 * t**8 + 7 * _A3 * t**6 + 3 * _A2 * t**2 + _A1
    x = 2 * math.sqrt(3) / 3 * longitude * np.cos(t) / stretch
    y = _A4 * t**9 + _A3 * t**7 + _A2 * t**3 + _A1 * t
    return np.stack([x, y], axis=-1)


def great_circle(start: np.ndarray, end: np.ndarray, points: int = 64) -> np.ndarray:
    """Returns places on the shortest way between two, evenly spread; between antipodes on one of the shortest.

    Args:
        start: Degrees of latitude, longitude, [2].
        end: The same.
        points: How many, at least 2.

    Returns:
        float64 [points, 2]: degrees of latitude, -90 to 90, and longitude, -180 to 180; the first is the start.
    """
    first, last = _unit(start), _unit(end)
    sideways = last - (first @ last) * first
    if np.linalg.norm(sideways) < 1e-9:
        sideways = np.cross(first, np.eye(3)[np.abs(first).argmin()])
    sideways /= np.linalg.norm(sideways)
    angles = np.linspace(0, math.atan2(last @ sideways, last @ first), points)[:, None]
    x, y, z = (np.cos(angles) * first + np.sin(angles) * sideways).T
    return np.degrees(np.stack([np.arctan2(z, np.hypot(x, y)), np.arctan2(y, x)], axis=-1))


def _unit(place: np.ndarray) -> np.ndarray:
    latitude, longitude = np.radians(np.asarray(place, float))
    return np.array(
        [math.cos(latitude) * math.cos(longitude), math.cos(latitude) * math.sin(longitude), math.sin(latitude)]
    )


def split_at_date_line(line: np.ndarray) -> list[np.ndarray]:
    """Cuts a line where it crosses the 180th meridian; each part ends on it, and the next begins on its other side.

    Args:
        line: Floats [N, 2], degrees of latitude, longitude; two neighbours are less than 180 degrees apart.

    Returns:
        One part more than there are crossings, each float64 [n, 2].
    """
    line = np.asarray(line, float)
    parts, rest = [], line
    while len(crossings := np.flatnonzero(np.abs(np.diff(rest[:, 1])) > 180)):
        before, after = rest[crossings[0]], rest[crossings[0] + 1]
        side = math.copysign(180, before[1])
        step = after[1] + 2 * side - before[1]
        share = (side - before[1]) / step if step else 0.0
        latitude = before[0] + share * (after[0] - before[0])
        parts.append(np.vstack([rest[: crossings[0] + 1], [latitude, side]]))
        rest = np.vstack([[latitude, -side], rest[crossings[0] + 1 :]])
    return [*parts, rest]
