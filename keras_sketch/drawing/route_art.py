"""A map screenshot to route art: the route in black on white, and nothing else."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from numbers import Integral

import cv2
import numpy as np

from keras_sketch.drawing.route_colour import colour_name, find_candidates, parse_colour, runs_along
from keras_sketch.drawing.route_mask import route_mask
from keras_sketch.errors import BadDataError, InvalidArgumentError

MAX_ROUTE_PIXELS = 50 << 20
"""Screenshots with more are refused, as every image of this package is; check a file's header before decoding it."""

_WORKING_PIXELS = 8 << 20
_MAX_SIDE = 8192
_RIVAL = 0.5  # share of the best score from which on another colour could be the route's as well
_LEAST_WIDTH = 1.5  # pixels, of a line in a picture that was scaled


class SeveralRoutesWarning(UserWarning):
    """Two colours on the map could be the route's; the larger was taken."""


def extract_route(image: np.ndarray, colour: str | Sequence[int] | None = None, side: int | None = None) -> np.ndarray:
    """Finds the route on a map screenshot and draws it in black on white.

    Args:
        image: uint8 RGB `[H, W, 3]`, at most `MAX_ROUTE_PIXELS`; above 8 million pixels, or
            8192 a side, it is scaled down first.
        colour: The route's: a name (`"red"`, `"orange"`, `"blue"`, ...), `"#RRGGBB"`, or red, green and blue in 0..255;
            colours within some 20 degrees of its hue are taken for it. None: found, as the vivid colour that draws the
            longest line.
        side: Pixels a side of the result, 1..8192; None leaves the scale as it is.

    Returns:
        uint8 `[S, S]`, 0 on the route and 255 elsewhere; greys between them only where it was scaled to `side`. S is
        `side`, or the longer of H and W. The picture stands in the middle, `(S - H) // 2` rows and `(S - W) // 2`
        columns from the square's corner, and nothing is cut off. Scaled down, a line keeps at least 1.5 pixels.

    Raises:
        BadDataError: If there is no route to be found, or the image has too many pixels.
        InvalidArgumentError: If an argument is out of its range.
        UnknownNameError: If the colour's name is unknown.

    Warns:
        SeveralRoutesWarning: If another colour could be the route's as well; the larger was taken.
    """
    image = _checked(image)
    if side is not None and (not isinstance(side, Integral) or isinstance(side, bool) or not 1 <= side <= _MAX_SIDE):
        raise InvalidArgumentError("side", f"None or a whole number of pixels, 1 to {_MAX_SIDE}", side)
    wanted = None if colour is None else parse_colour(colour)
    candidates = find_candidates(image, wanted)
    if not candidates:
        named = "" if wanted is None else f"{colour_name(wanted)} "
        raise BadDataError(f"no {named}route: no line of one vivid colour stands out from the map")
    best, *others = candidates
    rivals = [other for other in others if other.score >= _RIVAL * best.score and not runs_along(other, best)]
    if rivals:
        warnings.warn(
            f"both {colour_name(best.rgb)} and {colour_name(rivals[0].rgb)} could be the route's colour; took the "
            "first, which draws more; `colour` chooses",
            SeveralRoutesWarning,
            stacklevel=2,
        )
    mask, width = route_mask(image, best)
    return _square(mask, width, side)


def _checked(image: np.ndarray) -> np.ndarray:
    """Returns the image, scaled down if it is large."""
    allowed = "a uint8 RGB array [height, width, 3]"
    if not isinstance(image, np.ndarray):
        raise InvalidArgumentError("image", allowed, type(image).__name__)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise InvalidArgumentError("image", allowed, f"{image.dtype} {list(image.shape)}")
    height, width = image.shape[:2]
    if height * width > MAX_ROUTE_PIXELS:
        raise BadDataError(f"{width} x {height} pixels are more than {MAX_ROUTE_PIXELS // 1_000_000} million")
    scale = min((_WORKING_PIXELS / (height * width)) ** 0.5, _MAX_SIDE / max(height, width))
    if scale < 1:
        size = (max(1, int(width * scale)), max(1, int(height * scale)))
        return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(image)


def _square(mask: np.ndarray, width: float, side: int | None) -> np.ndarray:
    """Draws the mask black on a white square, scaled to `side`; the line stays wide enough to be seen."""
    height, across = mask.shape
    longer = max(height, across)
    square = np.full((longer, longer), 255, np.uint8)
    top, left = (longer - height) // 2, (longer - across) // 2
    square[top : top + height, left : left + across][mask] = 0
    if side is None or side == longer:
        return square
    missing = (_LEAST_WIDTH * longer / side - width) / 2
    if missing > 0:
        away = cv2.distanceTransform(square, cv2.DIST_L2, 5)
        square = np.where(away <= missing, np.uint8(0), np.uint8(255))
    method = cv2.INTER_AREA if side < longer else cv2.INTER_LINEAR
    return cv2.resize(square, (side, side), interpolation=method)
