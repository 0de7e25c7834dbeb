"""Google's own recipe, `vector_to_raster`, on cairo: slower than the kernels, and equal to the published bitmaps."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

import numpy as np

from keras_sketch.drawing.flattening import flatten
from keras_sketch.drawing.pen import CANVAS
from keras_sketch.errors import MissingDataError

# Cairo's whole-number arithmetic overflows on lines some 10,000 pixels long; strokes that go further than this from the
# canvas, in pixels, are cut off outside the picture.
_FARTHEST = 2048


def draw_with_cairo(drawings: Sequence, side: int, line_width: float, padding: float) -> np.ndarray:
    """Draws as `rasterize` does, with cairo.

    Args:
        drawings: Lists of strokes.
        side: Pixels a side.
        line_width: In the drawing's units.
        padding: In the drawing's units.

    Returns:
        uint8 [N, side, side], white on black.

    Raises:
        MissingDataError: If cairocffi or the system's cairo is not installed.
        BadDataError: If a drawing is empty or ill-formed.
    """
    cairo = _load_cairo()
    surface = cairo.ImageSurface(cairo.FORMAT_ARGB32, side, side)
    context = cairo.Context(surface)
    context.set_antialias(cairo.ANTIALIAS_BEST)
    context.set_line_cap(cairo.LINE_CAP_ROUND)
    context.set_line_join(cairo.LINE_JOIN_ROUND)
    context.set_line_width(line_width)
    total_padding = padding * 2 + line_width
    scale = side / (CANVAS + total_padding)
    context.scale(scale, scale)
    context.translate(total_padding / 2, total_padding / 2)
    images = np.empty((len(drawings), side, side), np.uint8)
    for index, drawing in enumerate(drawings):
        context.set_source_rgb(0, 0, 0)
        context.paint()
        context.set_source_rgb(1, 1, 1)
        for xs, ys in _centred(drawing, index):
            _trace(context, xs, ys, total_padding + line_width, _FARTHEST / scale)
            context.stroke()
        surface.flush()
        pixels = np.frombuffer(surface.get_data(), np.uint8)
        images[index] = pixels.reshape(side, surface.get_stride() // 4, 4)[:, :side, 0]
    return images


def _load_cairo() -> ModuleType:
    try:
        import cairocffi
    except (ImportError, OSError) as error:
        raise MissingDataError(
            "engine='cairo' needs cairocffi and the system's cairo library, and one of them is not installed. Run "
            "`pip install keras_sketch[cairo]` (on Debian and Ubuntu also `apt install libcairo2`), or use "
            "engine='numba', which needs neither."
        ) from error
    return cairocffi


def _centred(drawing: Sequence, index: int) -> list[np.ndarray]:
    values, ends, _ = flatten([drawing], index)
    begins = [0, *ends[:-1].tolist()]
    strokes = [values[2 * begin : 2 * end].reshape(2, -1) for begin, end in zip(begins, ends.tolist(), strict=True)]
    offset = (CANVAS - np.max([stroke.max(axis=1) for stroke in strokes], axis=0)) / 2
    return [stroke + offset[:, None] for stroke in strokes]


def _trace(context, xs: np.ndarray, ys: np.ndarray, margin: float, farthest: float) -> None:
    """Adds a stroke to the path; one that goes too far is cut outside the picture, further off than a pen is wide."""
    points = list(zip(xs.tolist(), ys.tolist(), strict=True))
    if max(-xs.min(), xs.max(), -ys.min(), ys.max()) <= CANVAS + farthest:
        context.move_to(*points[0])
        for point in points:
            context.line_to(*point)
        return
    for start, end in zip(points, points[1:] or points, strict=False):
        cut = _cut(start, end, -margin, CANVAS + margin)
        if cut:
            context.move_to(*cut[0])
            context.line_to(*cut[1])


def _cut(start: tuple, end: tuple, low: float, high: float) -> tuple | None:
    """Returns the part of a segment that is in low..high on both axes (Liang and Barsky, 1984), `None` if none is."""
    delta = (end[0] - start[0], end[1] - start[1])
    enter, leave = 0.0, 1.0
    for origin, step in zip(start, delta, strict=True):
        if step == 0:
            if not low <= origin <= high:
                return None
            continue
        bounds = sorted(((low - origin) / step, (high - origin) / step))
        enter, leave = max(enter, bounds[0]), min(leave, bounds[1])
    if enter > leave:
        return None
    return tuple(tuple(o + t * d for o, d in zip(start, delta, strict=True)) for t in (enter, leave))
