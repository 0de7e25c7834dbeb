"""From lists of strokes to the flat arrays that the kernels read."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from keras_sketch.drawing.ndjson import Drawing
from keras_sketch.errors import BadDataError

# Coordinates beyond it are brought to it: a float64 there is still exact to 0.0001.
_LARGEST = 1e12
_LISTS = {list, tuple}


class FlatDrawings(NamedTuple):
    """A batch of drawings in three arrays.

    Attributes:
        values: float64 [2 * points], for each stroke its xs, then its ys.
        stroke_ends: int64 [strokes], the number of points up to the end of each stroke.
        drawing_ends: int64 [drawings], the number of strokes up to the end of each drawing.
    """

    values: np.ndarray
    stroke_ends: np.ndarray
    drawing_ends: np.ndarray


def stroke_lists(drawings: Sequence) -> list:
    """Returns the strokes of each drawing, given as such or in a `Drawing`."""
    return [drawing.strokes if type(drawing) is Drawing else drawing for drawing in drawings]


def flatten(drawings: Sequence, first: int = 0) -> FlatDrawings:
    """Lays out a batch of drawings in flat arrays.

    Args:
        drawings: Lists of strokes, each `(xs, ys)` or `(xs, ys, ts)`, lists or arrays of numbers.
        first: The index of the first one, for the messages.

    Raises:
        BadDataError: If a drawing has no strokes, a stroke no points or unequal xs and ys, or a value is no finite
            number.
    """
    strokes: list = []
    ends = []
    try:
        for drawing in drawings:
            strokes.extend(drawing)
            ends.append(len(strokes))
        parts = _coordinate_lists(strokes)
        lengths = np.fromiter(map(len, parts), np.int64, len(parts)).reshape(-1, 2)
        drawing_ends = np.array(ends, np.int64)
        sound = (lengths[:, 0] == lengths[:, 1]).all() and lengths.all() and np.diff(drawing_ends, prepend=0).all()
        values = _numbers(parts) if sound else None
    except (TypeError, ValueError, OverflowError, IndexError, KeyError):
        values = None
    if values is None:
        raise BadDataError(_reason(drawings, first))
    return FlatDrawings(values, np.cumsum(lengths[:, 0]), drawing_ends)


def _coordinate_lists(strokes: list) -> list:
    """Returns xs, ys, xs, ys, ... of the strokes, as lists."""
    if set(map(len, strokes)) == {2}:
        parts = list(chain.from_iterable(strokes))
    else:
        parts = [part for stroke in strokes for part in (stroke[0], stroke[1])]
    if set(map(type, parts)) <= _LISTS:
        return parts
    return [part if type(part) in _LISTS else _as_list(part) for part in parts]


def _as_list(part: object) -> list:
    values = np.asarray(part)
    if values.dtype.kind not in "iuf" or values.ndim != 1:
        raise TypeError(part)
    return values.tolist()


def _numbers(parts: list) -> np.ndarray | None:
    """Returns all numbers in one float64 array, `None` if one is not finite."""
    numbers: list = []
    for part in parts:
        numbers += part
    try:
        # Whole numbers in 0..255, as QuickDraw's simplified drawings have, take this path, four times as fast.
        return np.frombuffer(bytes(numbers), np.uint8).astype(np.float64)
    except (TypeError, ValueError):
        values = np.frombuffer(array("d", numbers), np.float64)
    return np.clip(values, -_LARGEST, _LARGEST) if np.isfinite(values).all() else None


def _reason(drawings: Sequence, first: int) -> str:
    for index, drawing in enumerate(drawings, start=first):
        fault = _fault(drawing)
        if fault:
            return f"Drawing {index} of the list {fault}. Leave it out or mend it."
    return "The drawings are not lists of strokes (xs, ys)."


def _fault(drawing: object) -> str | None:
    try:
        if len(drawing) == 0:
            return "has no strokes"
        for number, stroke in enumerate(drawing):
            xs, ys = (np.array(array("d", part if type(part) in _LISTS else _as_list(part))) for part in stroke[:2])
            if len(xs) != len(ys):
                return f"has {len(xs)} x and {len(ys)} y coordinates in stroke {number}"
            if len(xs) == 0:
                return f"has no points in stroke {number}"
            if not np.isfinite([xs, ys]).all():
                return f"has a coordinate in stroke {number} that is not finite"
    except (TypeError, ValueError, OverflowError, IndexError, KeyError):
        return "is not a list of strokes (xs, ys) of numbers"
    return None
