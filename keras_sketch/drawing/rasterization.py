"""Strokes to pixels, as Google made QuickDraw's bitmaps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np

from keras_sketch.drawing.flattening import FlatDrawings, flatten, stroke_lists
from keras_sketch.errors import InvalidArgumentError, UnknownNameError

ENGINES = ("auto", "numba", "cairo")
# Drawings that are laid out at once: it bounds the memory beside the result to some 10 MiB.
_CHUNK = 2048
_MAX_SIDE = 8192


def rasterize(
    drawings: Sequence,
    side: int = 28,
    line_width: float = 16,
    padding: float = 16,
    engine: str = "auto",
) -> np.ndarray:
    """Draws strokes into square pictures, white on black, as QuickDraw's 28 x 28 bitmaps were made.

    The canvas is 256 units a side with a margin of `padding + line_width / 2` around it; each drawing is centred in it
    by its greatest coordinates, and drawn with a round pen, each stroke over those before it (Google's
    `vector_to_raster`, googlecreativelab/quickdraw-dataset, issue 19). A stroke of one point is a dot, and what lies
    outside the canvas is cut off.

    Args:
        drawings: Drawings, as lists of strokes `(xs, ys)` or `(xs, ys, ts)`, or as `Drawing` records.
        side: Pixels a side, 1..8192.
        line_width: The pen's width in the drawing's units, above 0.
        padding: Units to leave free around the canvas beside half a line, 0 or more.
        engine: `"numba"` (which `"auto"` means): compiled on the first call, no system library, within 0.1 of 255 of
            Google's bitmaps on average. `"cairo"`: equal to them bit for bit, about a tenth as fast.

    Returns:
        uint8 [N, side, side], 0 where there is no ink, 255 where a pixel is covered.

    Raises:
        InvalidArgumentError: If an argument is out of its range.
        UnknownNameError: If there is no such engine.
        BadDataError: If a drawing is empty or ill-formed; the message says which.
        MissingDataError: If the engine is `"cairo"` and cairo is not installed.
    """
    if engine not in ENGINES:
        raise UnknownNameError("engine", engine, ENGINES)
    check_pen(side, line_width, padding)
    drawings = checked_list(drawings)
    if engine == "cairo":
        from keras_sketch.drawing.cairo import draw_with_cairo

        return draw_with_cairo(drawings, side, line_width, padding)
    images = np.zeros((len(drawings), side * side), np.uint8)
    brush = Brush(side, line_width, padding)
    for first in range(0, len(drawings), _CHUNK):
        flat = flatten(drawings[first : first + _CHUNK], first)
        brush.draw(*brush.place(flat), images[first : first + _CHUNK])
    return images.reshape(-1, side, side)


class Brush:
    """The kernels with a pen of one size on a canvas of one size."""

    def __init__(self, side: int, line_width: float, padding: float):
        """Prepares the pen; arguments as of `rasterize`."""
        # Here, not above, so that Numba is loaded only when something is drawn.
        from keras_sketch.drawing import pen, spans

        self._total_padding = padding * 2 + line_width
        self._scale = side / (pen.CANVAS + self._total_padding)
        self._radius = line_width / 2 * self._scale
        self._lines, self._edges = pen.scan_lines(side), pen.pen_edges(self._radius)
        self._place, self._draw = pen.place_points, spans.draw

    def place(self, flat: FlatDrawings) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Returns the points in pixels, x and y, and the ends of strokes and drawings."""
        points = self._place(*flat, self._scale, self._total_padding / 2 * self._scale)
        return *points, flat.stroke_ends, flat.drawing_ends

    def draw(self, px, py, stroke_ends, drawing_ends, images) -> None:
        """Draws into uint8 [N, side * side], which must be zeros; the rest as `place` returns it."""
        self._draw(px, py, stroke_ends, drawing_ends, self._lines, self._edges, self._radius, images)


def checked_list(drawings: Sequence) -> list:
    """Returns the strokes of each drawing in one list.

    Raises:
        InvalidArgumentError: If `drawings` cannot be gone through.
    """
    try:
        return stroke_lists(drawings)
    except TypeError:
        raise InvalidArgumentError("drawings", "a list of drawings", drawings) from None


def check_pen(side: int, line_width: float, padding: float) -> None:
    """Checks the arguments that `rasterize` and `encode_strokes` share.

    Raises:
        InvalidArgumentError: If one is out of its range.
    """
    if not isinstance(side, Integral) or isinstance(side, bool) or not 1 <= side <= _MAX_SIDE:
        raise InvalidArgumentError("side", f"a whole number of pixels, 1 to {_MAX_SIDE}", side)
    if not isinstance(line_width, Real) or not 0 < line_width < math.inf:
        raise InvalidArgumentError("line_width", "a number above 0", line_width)
    if not isinstance(padding, Real) or not 0 <= padding < math.inf:
        raise InvalidArgumentError("padding", "a number, 0 or more", padding)
