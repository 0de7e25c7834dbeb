"""What was made of which picture, on one sheet, since people would rather look than read."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

_CELL = 180
_GAP = 6
_CAPTION = 18
_PAIRS_A_ROW = 4
_GROUND, _INK = 225, 40


def contact_sheet(pairs: Sequence[tuple[str, np.ndarray | None, np.ndarray]]) -> np.ndarray:
    """Sets pictures from before and after beside each other, four pairs a row, each with its name.

    Args:
        pairs: Name, the picture before (None where there was none) and the one after; uint8 `[H, W, 3 or 1]` in RGB.

    Returns:
        uint8 `[height, width, 3]`, RGB.
    """
    tiles = [_pair(*pair) for pair in pairs]
    blank = np.full_like(tiles[0], _GROUND)
    columns = min(_PAIRS_A_ROW, len(tiles))
    tiles += [blank] * (-len(tiles) % columns)
    rows = [cv2.hconcat(tiles[first : first + columns]) for first in range(0, len(tiles), columns)]
    return cv2.vconcat(rows)


def thumbnail(image: np.ndarray) -> np.ndarray:
    """Gives a picture small enough to be kept: uint8 `[h, w, 3]` of at most 180 pixels a side."""
    image = np.broadcast_to(image.reshape(*image.shape[:2], -1), (*image.shape[:2], 3))
    scale = _CELL / max(image.shape[:2])
    size = tuple(max(1, round(side * scale)) for side in image.shape[1::-1])
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _pair(name: str, before: np.ndarray | None, after: np.ndarray) -> np.ndarray:
    tile = np.full((_CELL + _CAPTION + _GAP, 2 * (_CELL + _GAP) + _GAP, 3), _GROUND, np.uint8)
    for place, image in enumerate((before, after)):
        if image is not None:
            small = thumbnail(image)
            top = _GAP + (_CELL - small.shape[0]) // 2
            left = _GAP + place * (_CELL + _GAP) + (_CELL - small.shape[1]) // 2
            tile[top : top + small.shape[0], left : left + small.shape[1]] = small
    caption = name.encode("ascii", "replace").decode()[-48:]
    cv2.putText(tile, caption, (_GAP, _CELL + _CAPTION), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (_INK,) * 3, 1, cv2.LINE_AA)
    return tile
