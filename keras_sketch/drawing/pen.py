"""What the rasterizer's kernels are given: points in pixels, the pen's outline and the scan lines."""

from __future__ import annotations

import math

import numpy as np

from keras_sketch.drawing.compiled import compiled
from keras_sketch.drawing.spans import LANES, SCAN_LINES

CANVAS = 256.0
"""Side of QuickDraw's canvas, in the drawing's units."""


def scan_lines(side: int) -> np.ndarray:
    """Returns the height of every lane, float32 [side * LANES]; the unused lanes lie far outside."""
    lines = np.full((side, LANES), -1e9, np.float32)
    lines[:, :SCAN_LINES] = np.arange(side)[:, None] + (np.arange(SCAN_LINES) + 0.5) / SCAN_LINES
    return lines.ravel()


def pen_edges(radius: float) -> np.ndarray:
    """Returns the pen's outline: at height d its half width is the least of `a - b * d` over the edges.

    Cairo takes as many corners as keep the polygon within 0.1 pixels of the circle (cairo-pen.c,
    `_cairo_pen_vertices_needed`): 12 for Google's 28 x 28 bitmaps.

    Args:
        radius: In pixels.

    Returns:
        float32 [3, 2], the edges of a quarter as (a, b); all zero for a pen of more corners, which is drawn as a
        circle: that is within 0.1 pixels of it by cairo's own tolerance.
    """
    tolerance = 0.1
    corners = 4 if tolerance >= radius else math.ceil(2 * math.pi / math.acos(1 - tolerance / radius))
    if corners > 12:
        return np.zeros((3, 2), np.float32)
    quarter = -(-corners // 4)
    angles = np.pi / 2 * np.minimum(np.arange(4), quarter) / quarter
    x, y = radius * np.cos(angles), radius * np.sin(angles)
    edges = [((x[i] * y[i + 1] - x[i + 1] * y[i]), x[i] - x[i + 1]) / (y[i + 1] - y[i]) for i in range(quarter)]
    return np.array(edges + edges[-1:] * (3 - quarter), np.float32)


@compiled()
def place_points(values, stroke_ends, drawing_ends, scale, margin):
    """Returns all points in pixels, centred as Google does, rounded to 1/256 pixel as cairo does.

    Each axis of a drawing is moved by (256 - max) / 2, whatever its least value is (`vector_to_raster`).

    Args:
        values: float64 [2 * points], as in `FlatDrawings`, with its ends.
        stroke_ends: int64 [strokes].
        drawing_ends: int64 [N].
        scale: Pixels a unit of the drawing.
        margin: Pixels to the left of and above the canvas.

    Returns:
        Two float64 [points], x and y.
    """
    px, py = np.empty(values.size // 2), np.empty(values.size // 2)
    first_stroke, first_point = 0, 0
    for drawing in range(drawing_ends.shape[0]):
        x_max, y_max = -np.inf, -np.inf
        begin = first_point
        for stroke in range(first_stroke, drawing_ends[drawing]):
            end = stroke_ends[stroke]
            for i in range(begin, end):
                px[i] = values[begin + i]
                py[i] = values[end + i]
                x_max = max(x_max, px[i])
                y_max = max(y_max, py[i])
            begin = end
        x_shift, y_shift = (CANVAS - x_max) / 2, (CANVAS - y_max) / 2
        for i in range(first_point, begin):
            px[i] = np.floor(((px[i] + x_shift) * scale + margin) * 256 + 0.5) / 256
            py[i] = np.floor(((py[i] + y_shift) * scale + margin) * 256 + 0.5) / 256
        first_stroke, first_point = drawing_ends[drawing], begin
    return px, py
