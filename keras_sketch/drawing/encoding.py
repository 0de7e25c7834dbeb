"""The order in which a drawing was made, as pixels: what the winners of Kaggle's Doodle Recognition fed their networks.

The pixels of a finished drawing do not say what came first. Networks for photographs take three channels, so the
competition's entries put the strokes' order and their progress into the two that a white line leaves free.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from keras_sketch.drawing.flattening import FlatDrawings, flatten
from keras_sketch.drawing.rasterization import Brush, check_pen, checked_list

ORDER_STEP = 13 / 255
"""What each stroke loses of the one before it, from the competition's public kernels: `255 - 13 * min(stroke, 10)`."""
ORDER_LAST = 10
"""The stroke, from 0, after which all look alike."""
PROGRESS_LAST = 0.5
"""Brightness of the end of the drawing in the progress channel; its start has 1."""

# Drawings that are laid out at once, and bytes of the pictures of single segments that are held at once.
_CHUNK = 512
_SEGMENT_BYTES = 2**22


def encode_strokes(drawings: Sequence, side: int = 28, line_width: float = 16, padding: float = 16) -> np.ndarray:
    """Draws strokes with their order and progress in three channels, on black.

    * Channel 0, ink: exactly what `rasterize` draws.
    * Channel 1, order: the ink times `1 - 13 / 255 * min(k, 10)` for stroke `k = 0, 1, ...` of the drawing.
    * Channel 2, progress: the ink times `1 - p / 2`, where `p` in 0..1 is the share of the drawing's line length that
      had been drawn at the middle of the segment; moves with the pen up do not count. A drawing of dots alone has 0.

    Where several segments cover a pixel, the factor is their mean, weighted by how much of it each covers. All three
    channels are brightest where the drawing began, and 0 where there is no ink.

    Args:
        drawings: As for `rasterize`.
        side: Pixels a side, 1..8192.
        line_width: The pen's width in the drawing's units, above 0.
        padding: Units to leave free around the canvas beside half a line, 0 or more.

    Returns:
        uint8 [N, side, side, 3].

    Raises:
        InvalidArgumentError: If an argument is out of its range.
        BadDataError: If a drawing is empty or ill-formed; the message says which.
    """
    check_pen(side, line_width, padding)
    drawings = checked_list(drawings)
    channels = np.zeros((len(drawings), side * side, 3), np.uint8)
    brush = Brush(side, line_width, padding)
    for first in range(0, len(drawings), _CHUNK):
        flat = flatten(drawings[first : first + _CHUNK], first)
        px, py, stroke_ends, drawing_ends = brush.place(flat)
        inks = np.zeros((len(drawing_ends), side * side), np.uint8)
        brush.draw(px, py, stroke_ends, drawing_ends, inks)
        channels[first : first + len(inks), :, 0] = inks
        starts, stops, levels = _segments(flat)
        bounds = np.searchsorted(starts, flat.stroke_ends[drawing_ends - 1])
        for index, (begin, end) in enumerate(zip([0, *bounds[:-1]], bounds, strict=True)):
            pairs = np.stack((starts[begin:end], stops[begin:end]), axis=1).ravel()
            factors = _mean_levels(brush, px[pairs], py[pairs], levels[begin:end], side * side)
            channels[first + index, :, 1:] = np.round(inks[index, :, None] * factors)
    return channels.reshape(-1, side, side, 3)


def _mean_levels(brush: Brush, px: np.ndarray, py: np.ndarray, levels: np.ndarray, pixels: int) -> np.ndarray:
    """Returns float32 [pixels, 2]: the mean level of the segments over each pixel, weighted by what each covers.

    Args:
        brush: The pen.
        px: float64 [2 * segments], the two ends of each.
        py: float64 [2 * segments].
        levels: float32 [segments, 2].
        pixels: Of a picture.
    """
    sums, weights = np.zeros((2, pixels), np.float32), np.zeros(pixels, np.float32)
    step = max(1, _SEGMENT_BYTES // pixels)
    for first in range(0, len(levels), step):
        count = min(step, len(levels) - first)
        images = np.zeros((count, pixels), np.uint8)
        ends = np.arange(1, count + 1)
        part = slice(2 * first, 2 * (first + count))
        brush.draw(px[part], py[part], 2 * ends, ends, images)
        covered = images.astype(np.float32)
        sums += levels[first : first + count].T @ covered
        weights += covered.sum(axis=0)
    return (sums / np.maximum(weights, 1)).T


def _segments(flat: FlatDrawings) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the segments' first and last points (a dot is one of no length), and their levels.

    The levels are float32 [segments, 2], brightness by order and by progress.
    """
    points = np.diff(flat.stroke_ends, prepend=0)
    strokes = np.diff(flat.drawing_ends, prepend=0)
    is_last = np.zeros(points.sum(), bool)
    is_last[flat.stroke_ends - 1] = True
    starts = np.flatnonzero(~is_last | np.repeat(points == 1, points))
    stops = np.where(is_last[starts], starts, starts + 1)
    begins = np.repeat(flat.stroke_ends - points, points)
    index = np.arange(len(begins))
    xs, ys = flat.values[begins + index], flat.values[begins + index + np.repeat(points, points)]
    lengths = np.hypot(xs[stops] - xs[starts], ys[stops] - ys[starts])
    stroke = np.repeat(np.arange(len(points)), points)[starts]
    drawing = np.repeat(np.arange(len(strokes)), strokes)[stroke]
    order = stroke - (flat.drawing_ends - strokes)[drawing]
    total = np.bincount(drawing, lengths)
    done = np.cumsum(lengths) - lengths / 2 - (np.cumsum(total) - total)[drawing]
    progress = np.divide(done, total[drawing], out=np.zeros_like(done), where=total[drawing] > 0)
    levels = (1 - ORDER_STEP * np.minimum(order, ORDER_LAST), 1 - (1 - PROGRESS_LAST) * np.clip(progress, 0, 1))
    return starts, stops, np.stack(levels, axis=1).astype(np.float32)
