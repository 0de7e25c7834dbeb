"""Drawings as somebody would run them: one continuous line along the streets of a made-up town.

Route art is scarce. This lays any drawing, such as Quick, Draw!'s, onto a random network of streets, joins its strokes
into one way, lets a GPS receiver blur it, and draws it like `render_gpx`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import cv2
import numpy as np
from scipy.spatial import cKDTree

from keras_sketch.drawing.flattening import flatten
from keras_sketch.drawing.ndjson import Drawing
from keras_sketch.drawing.rasterization import check_pen, checked_list
from keras_sketch.drawing.route_picture import draw_lines
from keras_sketch.drawing.street_network import StreetNetwork, make_town

_BLOCKS = (18, 36)  # blocks along the longer side of a drawing
_STOPS = 1.6  # blocks, at most, between two places of a stroke that the way is bound to pass
_NEAR = 0.55  # blocks off the drawing at which a street's cost begins to double
_FARTHEST = 2.0  # blocks beyond which no street costs more
_CELLS = 6  # a block, of the map of distances
_LINK_ON_INK = 0.35  # what a metre along the drawing costs on the way from one stroke to the next
_BLUR = (0.0, 0.07)  # blocks that a receiver errs by
_FIXES = 5  # a block, of the receiver
_WIDTHS = (1 / 90, 1 / 40)


def draw_street_route(drawing: Sequence | Drawing, key: str, side: int = 256, seed: int = 0) -> np.ndarray:
    """Draws a drawing as the route of somebody who ran it through a town.

    Town, size, blur and width of the line follow from seed and key (NumPy's Philox), so equal arguments give equal
    pictures.

    Args:
        drawing: A list of strokes `(xs, ys)` or `(xs, ys, ts)`, or a `Drawing`; at least one point.
        key: Tells drawings apart, e.g. their `key_id`.
        side: Pixels a side, 1..8192.
        seed: Another one gives other towns.

    Returns:
        uint8 [side, side], black on white, as `render_gpx` draws.

    Raises:
        BadDataError: The drawing is empty or ill-formed.
        InvalidArgumentError: The side is out of range.
    """
    check_pen(side, 1, 1)
    rng = _generator(seed, key)
    return draw_lines([_street_route(drawing, rng)], side, rng.uniform(*_WIDTHS))


def street_route(drawing: Sequence | Drawing, key: str, seed: int = 0) -> np.ndarray:
    """Gives the way that `draw_street_route` draws.

    Args:
        drawing: As there.
        key: As there.
        seed: As there.

    Returns:
        float64 [points, 2], x to the right and y downwards, in blocks of the town, the drawing's middle at (0, 0).

    Raises:
        BadDataError: The drawing is empty or ill-formed.
    """
    return _street_route(drawing, _generator(seed, key))


def _generator(seed: int, key: str) -> np.random.Generator:
    digest = hashlib.blake2b(f"streets/{seed}/{key}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little")))


def _street_route(drawing: Sequence | Drawing, rng: np.random.Generator) -> np.ndarray:
    # Here, not above, so that Numba is loaded only when something is drawn.
    from keras_sketch.drawing.shortest_ways import walk

    strokes = _in_blocks(drawing, rng.uniform(*_BLOCKS))
    radius = max(float(np.linalg.norm(stroke, axis=1).max()) for stroke in strokes) + _FARTHEST
    town = make_town(rng, radius)
    stops, linking = _stops(_joined(strokes), town)
    ends, lengths, away = _street_facts(town, strokes, radius)
    order = np.argsort(ends[:, 0], kind="stable")
    first = np.searchsorted(ends[order, 0], np.arange(len(town.crossings) + 1))
    drawing_costs = lengths * (1 + np.minimum(away, _FARTHEST) ** 2 / _NEAR**2)
    linking_costs = lengths * np.where(away < _NEAR, _LINK_ON_INK, 1.0)
    nodes = walk(stops, linking, first, ends[order, 1], drawing_costs[order], linking_costs[order])
    if len(nodes) < 2:  # A dot: once along the nearest street.
        nodes = ends[np.flatnonzero(ends[:, 0] == nodes[0])[0]]
    return _received(town.crossings[nodes], rng)


def _in_blocks(drawing: Sequence | Drawing, blocks: float) -> list[np.ndarray]:
    """Scales the strokes so that the drawing's longer side has so many blocks, its middle at the origin."""
    flat = flatten(checked_list([drawing]))
    strokes, begin = [], 0
    for end in flat.stroke_ends:
        strokes.append(flat.values[2 * begin : 2 * end].reshape(2, -1).T)
        begin = end
    points = np.concatenate(strokes)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = blocks / max((high - low).max(), 1e-9)
    return [(stroke - (low + high) / 2) * scale for stroke in strokes]


def _joined(strokes: list[np.ndarray]) -> list[np.ndarray]:
    """Orders and turns the strokes so that the ways between them are short: the next end is always the nearest one."""
    ends = np.array([(stroke[0], stroke[-1]) for stroke in strokes]).reshape(-1, 2)
    distances = np.linalg.norm(ends[:, None] - ends[None], axis=2)
    best, shortest = None, np.inf
    for start in range(min(len(ends), 24)):
        left = distances.copy()
        order, total, here = [], 0.0, start
        while True:
            order.append(here)
            left[:, [here, here ^ 1]] = np.inf
            if len(order) == len(strokes):
                break
            following = int(left[here ^ 1].argmin())
            total += distances[here ^ 1, following]
            here = following
        if total < shortest:
            best, shortest = order, total
    return [strokes[end // 2][:: -1 if end % 2 else 1] for end in best]


def _stops(strokes: list[np.ndarray], town: StreetNetwork) -> tuple[np.ndarray, np.ndarray]:
    """Gives the crossings to pass, int64 [n], and which of them a stroke begins with, bool [n]."""
    passed, starts = [], []
    for stroke in strokes:
        parts = [stroke[:1]]
        for begin, end in zip(stroke[:-1], stroke[1:], strict=True):
            count = max(1, int(np.ceil(np.linalg.norm(end - begin) / _STOPS)))
            parts.append(begin + (end - begin) * (np.arange(1, count + 1) / count)[:, None])
        points = np.concatenate(parts)
        passed.append(points)
        starts.append(np.arange(len(points)) == 0)
    used = np.unique(town.streets)
    stops = used[cKDTree(town.crossings[used]).query(np.concatenate(passed))[1]]
    starts = np.concatenate(starts)
    different = np.concatenate(([True], stops[1:] != stops[:-1]))
    return stops[different], starts[different]


def _street_facts(
    town: StreetNetwork, strokes: list[np.ndarray], radius: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gives each street, both ways: its ends, its length, and how far it lies from the drawing on average."""
    side = int(2 * (radius + 2) * _CELLS)
    paper = np.full((side, side), 255, np.uint8)
    lines = [np.round((stroke + radius + 2) * _CELLS).astype(np.int32) for stroke in strokes]
    cv2.polylines(paper, lines, False, 0)
    map_of_distances = cv2.distanceTransform(paper, cv2.DIST_L2, 3) / _CELLS
    begin, end = town.crossings[town.streets[:, 0]], town.crossings[town.streets[:, 1]]
    away = np.zeros(len(begin))
    for share in (0.1, 0.5, 0.9):
        cells = np.clip(((begin + (end - begin) * share + radius + 2) * _CELLS).astype(int), 0, side - 1)
        away += map_of_distances[cells[:, 1], cells[:, 0]] / 3
    both = np.concatenate((town.streets, town.streets[:, ::-1]))
    return both, np.tile(np.linalg.norm(end - begin, axis=1), 2), np.tile(away, 2)


def _received(way: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gives what a receiver records of a way: fixes at even distances, corners cut a little, errors that drift."""
    along = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(way, axis=0), axis=1))))
    count = max(2, int(along[-1] * _FIXES))
    places = np.linspace(0, along[-1], count)
    fixes = np.stack([np.interp(places, along, way[:, axis]) for axis in (0, 1)], axis=1)
    smooth = cv2.blur(fixes, (1, 3), borderType=cv2.BORDER_REPLICATE)
    errors = cv2.GaussianBlur(rng.normal(0, 1, fixes.shape), (1, 15), 0, sigmaY=3, borderType=cv2.BORDER_REFLECT)
    return smooth + errors / max(errors.std(), 1e-9) * rng.uniform(*_BLUR)
