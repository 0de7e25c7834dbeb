"""Lines to a picture of a route: black on white, square, whole."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from keras_sketch.drawing.rasterization import rasterize

LINE_WIDTH = 1 / 64
"""Width of the line as a share of the picture's side."""

_CANVAS = 256.0  # units a side of what `rasterize` draws on
_MARGIN = 1 / 20  # share of the side that stays free around the line
_LEAST_WIDTH = 1.0  # pixels


def draw_lines(lines: Sequence[np.ndarray], side: int, line_width: float = LINE_WIDTH) -> np.ndarray:
    """Draws lines as large as they fit into a square, in the middle of it, their shape kept.

    Args:
        lines: float [points, 2] each, x to the right and y downwards, in any unit; at least two different points.
        side: Pixels a side, 1..8192.
        line_width: The pen's width as a share of the side; never thinner than a pixel.

    Returns:
        uint8 [side, side], anti-aliased, black on white.

    Raises:
        InvalidArgumentError: The side is out of range.
    """
    everything = np.concatenate(lines)
    low = everything.min(axis=0)
    scale = _CANVAS / (everything.max(axis=0) - low).max()
    width = min(0.5, max(line_width, _LEAST_WIDTH / max(side, 1)))
    unit = _CANVAS / (1 - 2 * _MARGIN - width)
    strokes = [tuple(((line - low) * scale).T) for line in lines]
    return 255 - rasterize([strokes], side=side, line_width=width * unit, padding=_MARGIN * unit)[0]


def frame_route(route: np.ndarray, side: int) -> np.ndarray:
    """Cuts the empty paper around a route away, so that it is as large in its square as `draw_lines` makes one.

    Args:
        route: uint8 [H, W], black on white, with ink, as `extract_route` returns it.
        side: Pixels a side of the result.

    Returns:
        uint8 [side, side]; the line grows and shrinks with the route.
    """
    ink = (route < 128).astype(np.uint8)
    left, top, across, down = cv2.boundingRect(ink)
    longer = max(across, down)
    margin = -(-longer // round(1 / _MARGIN - 2))
    square = np.full((longer + 2 * margin,) * 2, 255, np.uint8)
    row, column = margin + (longer - down) // 2, margin + (longer - across) // 2
    square[row : row + down, column : column + across] = route[top : top + down, left : left + across]
    method = cv2.INTER_AREA if side < len(square) else cv2.INTER_LINEAR
    return cv2.resize(square, (side, side), interpolation=method)
