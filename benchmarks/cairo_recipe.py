"""Quick, Draw!'s bitmaps as cairo draws them, one drawing after the other: what our code is compared to.

The geometry is that of Google's `vector_to_raster` (googlecreativelab/quickdraw-dataset, issue 19); nothing here is
shared with `keras_sketch`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Sequence
from types import ModuleType

import numpy as np

CANVAS = 256


def google_recipe(binding: str = "cairocffi") -> Callable[..., list[np.ndarray]] | None:
    """Returns the function that draws a list of drawings, each uint8 `[side * side]`; None without that binding.

    Args:
        binding: `"cairocffi"`, the one that Google's recipe uses, or `"cairo"` (pycairo), which is faster.
    """
    try:
        cairo = importlib.import_module(binding)
    except (ImportError, OSError):
        return None

    def draw_all(drawings: Iterable[Sequence], side: int = 28, line_width: int = 16, padding: int = 16):
        surface, context = _canvas(cairo, side, line_width, padding)
        pictures = []
        for drawing in drawings:
            _draw(context, drawing)
            surface.flush()
            first_channel = np.frombuffer(surface.get_data(), np.uint8)[::4]
            pictures.append(first_channel.copy())
        return pictures

    return draw_all


def _canvas(cairo: ModuleType, side: int, line_width: int, padding: int):
    surface = cairo.ImageSurface(cairo.FORMAT_ARGB32, side, side)
    context = cairo.Context(surface)
    context.set_antialias(cairo.ANTIALIAS_BEST)
    context.set_line_cap(cairo.LINE_CAP_ROUND)
    context.set_line_join(cairo.LINE_JOIN_ROUND)
    context.set_line_width(line_width)
    border = 2 * padding + line_width
    context.scale(side / (CANVAS + border), side / (CANVAS + border))
    context.translate(border / 2, border / 2)
    return surface, context


def _draw(context, drawing: Sequence) -> None:
    """Clears the canvas and draws the strokes, centred by their largest coordinates."""
    right, bottom = (max(max(stroke[axis]) for stroke in drawing) for axis in (0, 1))
    across, down = (CANVAS - right) / 2, (CANVAS - bottom) / 2
    context.set_source_rgb(0, 0, 0)
    context.paint()
    context.set_source_rgb(1, 1, 1)
    for xs, ys in drawing:
        context.move_to(xs[0] + across, ys[0] + down)
        for x, y in zip(xs, ys, strict=True):
            context.line_to(x + across, y + down)
        context.stroke()
