"""Which views are of one place, and so may not be on two sides of a split.

The Earth is cut into rows of 1 km from the south pole on, and each row into cells of about 1 km, a whole number of
them, so that none is cut by the date line. Views in one cell are of one place, and so are views within 100 m of each
other, whatever their cells. Where a view has no coordinates, its near copies are of its place.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from keras_sketch.curation.great_circles import EARTH_RADIUS_KM
from keras_sketch.curation.near_duplicates import group_near_duplicates

_CELL_KM = 1.0
_NEAR_KM = 0.1
_KM_A_DEGREE = np.pi / 180 * EARTH_RADIUS_KM


def cell_names(points: np.ndarray) -> list[str]:
    """Names the cell of each point.

    Args:
        points: float64 `[N, 2]`, latitude in -90..90 and longitude in -180..180, degrees.

    Returns:
        `cell-<row>-<column>`; -180 and 180 degrees are the same.
    """
    rows, columns, _ = _cells(points)
    return [f"cell-{row:.0f}-{column:.0f}" for row, column in zip(rows, columns, strict=True)]


def group_views(names: Sequence[str], points: np.ndarray, signatures: np.ndarray) -> list[str]:
    """Groups views by place.

    Args:
        names: The views' ids, all different.
        points: float64 `[N, 2]`, latitude and longitude in degrees; NaN where unknown.
        signatures: int8 `[N, 16, 16]`, from `near_duplicates`; looked at only if a point is unknown.

    Returns:
        The name of each view's group: the first cell in it by name, or, without coordinates, the first id.
    """
    located = np.flatnonzero(np.isfinite(points).all(axis=1))
    cells = dict(zip(located.tolist(), cell_names(points[located]), strict=True))
    links = [_with_first(list(cells.values()), located), located[_near_pairs(points[located])]]
    if len(located) < len(names):
        links.append(_with_first(group_near_duplicates(signatures, names), np.arange(len(names))))
    first, second = np.concatenate(links).T
    graph = coo_array((np.ones(len(first), bool), (first, second)), shape=(len(names), len(names)))
    _, components = connected_components(graph, directed=False)
    smallest: dict[int, tuple[bool, str]] = {}
    for index, component in enumerate(components.tolist()):
        candidate = (False, cells[index]) if index in cells else (True, names[index])
        smallest[component] = min(smallest.get(component, candidate), candidate)
    return [smallest[component][1] for component in components.tolist()]


def _with_first(labels: Sequence[str], indices: np.ndarray) -> np.ndarray:
    """Pairs each index with the first one that has the same label, int64 `[n, 2]`."""
    first: dict[str, int] = {}
    pairs = [(first.setdefault(label, index), index) for label, index in zip(labels, indices.tolist(), strict=True)]
    return np.array(pairs, np.int64).reshape(-1, 2)


def _cells(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gives each point's row and column, and how many columns the row has."""
    rows = np.floor((points[:, 0] + 90) * _KM_A_DEGREE / _CELL_KM)
    middle = np.radians(np.minimum((rows + 0.5) * _CELL_KM / _KM_A_DEGREE - 90, 90))
    around = np.maximum(np.floor(360 * _KM_A_DEGREE * np.cos(middle) / _CELL_KM), 1)
    return rows, np.floor((points[:, 1] + 180) / 360 * around) % around, around


def _near_pairs(points: np.ndarray) -> np.ndarray:
    """Gives, for all cells of which two points are within 100 m of each other, such points, as indices `[n, 2]`.

    The cells get six colours so that none borders on one of its own colour, also where a row closes on itself. Cells of
    one colour are then so far apart that all points of that colour within 100 m of a point are of one cell, and the
    nearest of them will do: the work does not grow with the square of how dense the points are.
    """
    latitude, longitude = np.radians(points).T
    level = np.cos(latitude)
    vectors = np.stack([level * np.cos(longitude), level * np.sin(longitude), np.sin(latitude)], axis=1)
    chord = 2 * np.sin(_NEAR_KM / EARTH_RADIUS_KM / 2)
    rows, columns, around = _cells(points)
    colours = rows % 2 * 3 + np.where(columns == around - 1, 2, columns % 2)
    pairs = [np.empty((0, 2), np.int64)]
    for colour in np.unique(colours):
        own, others = np.flatnonzero(colours == colour), np.flatnonzero(colours != colour)
        distance, nearest = KDTree(vectors[own]).query(vectors[others], distance_upper_bound=np.nextafter(chord, 1))
        found = np.isfinite(distance)
        pairs.append(np.stack([own[nearest[found]], others[found]], axis=1))
    return np.concatenate(pairs)
