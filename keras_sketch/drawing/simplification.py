"""Raw strokes to the simplified form in which QuickDraw is published."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from keras_sketch.drawing.compiled import compiled
from keras_sketch.drawing.flattening import flatten
from keras_sketch.drawing.ndjson import Drawing

SIZE = 255.0
"""The greatest coordinate of a simplified drawing."""
EPSILON = 2.0
"""How far the simplified line may lie from the drawn one, in units of the simplified drawing."""


def simplify(raw_strokes: Sequence) -> list[list[list[int]]]:
    """Simplifies a raw drawing as Google did (googlecreativelab/quickdraw-dataset, "Simplified Drawing files").

    The drawing is moved so that its least coordinates are 0 and scaled uniformly so that its greatest is 255; each
    stroke is resampled at a spacing of 1 along its length, keeps its last point, is thinned by Ramer, Douglas and
    Peucker's algorithm with an epsilon of 2.0, and is rounded to whole numbers (halves to even). Of 268 official pairs
    of raw and simplified drawings 95 % come out identical, 96 % with every point within 1 unit on both axes, and 98 %
    with no point of either line further than 1 unit from the other line.

    Args:
        raw_strokes: A list of strokes, each `(xs, ys)` or `(xs, ys, ts)` in any unit, or a `Drawing`.

    Returns:
        A list of strokes `[xs, ys]` of whole numbers in 0..255; a dot has two equal points, as in the official files.

    Raises:
        BadDataError: If the drawing has no strokes, a stroke no points or unequal xs and ys, or a number is not finite.
    """
    strokes = raw_strokes.strokes if isinstance(raw_strokes, Drawing) else raw_strokes
    flat = flatten([strokes])
    bounds = [0, *flat.stroke_ends.tolist()]
    _fit(flat.values, flat.stroke_ends)
    return [
        _simplify_stroke(flat.values[2 * begin : 2 * end].reshape(2, -1)).tolist()
        for begin, end in zip(bounds, bounds[1:], strict=False)
    ]


@compiled()
def _fit(values, stroke_ends):
    """Moves and scales the points of a `FlatDrawings`, in place, so that they span 0..`SIZE`."""
    least = np.full(2, np.inf)
    greatest = np.full(2, -np.inf)
    begin = 0
    for end in stroke_ends:
        for i in range(2 * begin, 2 * end):
            axis = 0 if i < begin + end else 1
            least[axis] = min(least[axis], values[i])
            greatest[axis] = max(greatest[axis], values[i])
        begin = end
    extent = max(greatest[0] - least[0], greatest[1] - least[1])
    scale = SIZE / extent if extent > 0 else 1.0
    begin = 0
    for end in stroke_ends:
        for i in range(2 * begin, 2 * end):
            values[i] = (values[i] - least[0 if i < begin + end else 1]) * scale
        begin = end


@compiled()
def _simplify_stroke(points):
    """Resamples and thins one stroke, float64 [2, n]; returns int64 [2, m]."""
    x, y = points[0], points[1]
    along = np.zeros(x.size)
    for i in range(1, x.size):
        along[i] = along[i - 1] + math.hypot(x[i] - x[i - 1], y[i] - y[i - 1])
    # One point a unit from the start on, below the whole length, and the last point.
    count = max(math.ceil(along[-1]), 1)
    qx, qy = np.empty(count + 1), np.empty(count + 1)
    segment = 0
    for i in range(count):
        while segment + 2 < x.size and along[segment + 1] <= i:
            segment += 1
        qx[i], qy[i] = x[segment], y[segment]
        if along[-1] > 0:
            step = along[segment + 1] - along[segment]
            qx[i] += (x[segment + 1] - x[segment]) / step * (i - along[segment])
            qy[i] += (y[segment + 1] - y[segment]) / step * (i - along[segment])
    qx[count], qy[count] = x[-1], y[-1]

    # Ramer, Douglas and Peucker, with a stack of open pieces; a piece is cut at the first of its farthest points.
    keep = np.zeros(count + 1, np.bool_)
    keep[0] = keep[count] = True
    stack = [(0, count)]
    while len(stack) > 0:
        first, last = stack.pop()
        dx, dy = qx[last] - qx[first], qy[last] - qy[first]
        chord = math.hypot(dx, dy)
        farthest, split = EPSILON, -1
        for i in range(first + 1, last):
            px, py = qx[i] - qx[first], qy[i] - qy[first]
            distance = abs(dx * py - dy * px) / chord if chord > 0 else math.hypot(px, py)
            if distance > farthest:
                farthest, split = distance, i
        if split >= 0:
            keep[split] = True
            stack.append((first, split))
            stack.append((split, last))
    return np.stack((np.round(qx[keep]), np.round(qy[keep]))).astype(np.int64)
