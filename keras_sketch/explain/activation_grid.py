"""A picture of a layer's channels."""

from __future__ import annotations

import os
from collections.abc import Sequence

import cv2
import matplotlib
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.files import atomic_write

COLOUR_MAP = "viridis"
MOST_CHANNELS = 64
"""So many channels are drawn of a layer that has more."""

# Pixels.
_TILE = 96
_LABEL = 15
_GAP = 5
_TITLE = 26
_MARGIN = 10
_IMAGE = 2 * _TILE + _LABEL + _GAP
_BAR = 90
_COLUMNS = 8


def most_active(activations: np.ndarray, count: int = MOST_CHANNELS) -> np.ndarray:
    """Gives the numbers of the channels with the largest mean absolute value, in ascending order.

    Args:
        activations: `[N, h, w, channels]`; the mean is over all of them.
        count: At most so many.
    """
    strength = np.abs(activations).mean(axis=(0, 1, 2))
    return np.sort(np.argsort(-strength, kind="stable")[:count])


def write_activation_grid(
    path: str | os.PathLike[str], images: np.ndarray, activations: np.ndarray, titles: Sequence[str], layer: str
) -> None:
    """Writes a PNG with every image beside the channels of a layer, each with its number.

    All share one scale of colours, from 0 (or the 0.5th percentile, if that is negative) to the 99.5th percentile, so
    that strong and weak channels can be told apart. Of more than `MOST_CHANNELS` those with the largest mean absolute
    value over the images are drawn, and the picture says so.

    Args:
        path: The file to create or replace.
        images: uint8 or float `[N, H, W, C]`, pixels in 0..255; C is 1 or 3; N at least 1.
        activations: float `[N, h, w, channels]`, as `activations` gives them.
        titles: N texts.
        layer: The layer's name, for the caption.

    Raises:
        InvalidArgumentError: No images, or another number of activations or titles.
        OSError: The file cannot be written.
    """
    images, activations = np.asarray(images), np.asarray(activations, np.float32)
    if not len(images) or images.ndim != 4:
        raise InvalidArgumentError("images", "at least one image, [N, H, W, C]", images.shape)
    if activations.ndim != 4 or len(activations) != len(images):
        raise InvalidArgumentError("activations", f"of shape [{len(images)}, h, w, channels]", activations.shape)
    if len(titles) != len(images):
        raise InvalidArgumentError("titles", f"one for each of the {len(images)} images", list(titles))
    low, high = np.percentile(activations, [0.5, 99.5])
    scale = Normalize(min(0.0, float(low)), float(high) if high > min(0.0, low) else 1.0)
    channels = most_active(activations)
    figure = _figure(images, activations, channels, titles, scale)
    total = activations.shape[-1]
    which = f"all {total}" if len(channels) == total else f"the {len(channels)} most active of {total}"
    figure.text(
        _MARGIN / figure.bbox.width, 1 - 18 / figure.bbox.height, f"{layer}: {which} channels", parse_math=False
    )
    with atomic_write(path, "wb") as file:
        figure.savefig(file, format="png")


def _figure(images, activations, channels, titles, scale) -> Figure:
    columns = min(_COLUMNS, len(channels))
    rows = -(-len(channels) // columns)
    block = _TITLE + max(_LABEL + _IMAGE, rows * (_LABEL + _TILE + _GAP))
    left = _MARGIN + _IMAGE + 2 * _GAP
    width, height = left + columns * (_TILE + _GAP) + _BAR, _TITLE + len(images) * block + _MARGIN
    canvas = np.full((height, width, 3), 255, np.uint8)
    figure = Figure(figsize=(width / 100, height / 100), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    for place, (image, values, title) in enumerate(zip(images, activations, titles, strict=True)):
        top = _TITLE + place * block + _TITLE
        axes.text(_MARGIN, top - 8, title, fontsize=8, parse_math=False)
        colours = np.broadcast_to(image, (*image.shape[:2], 3)).clip(0, 255)
        _paste(canvas, _resized(colours, _IMAGE), _MARGIN, top + _LABEL)
        for position, channel in enumerate(channels):
            row, column = divmod(position, columns)
            x, y = left + column * (_TILE + _GAP), top + row * (_TILE + _LABEL + _GAP) + _LABEL
            colours = matplotlib.colormaps[COLOUR_MAP](scale(_resized(values[..., channel], _TILE)))
            _paste(canvas, 255 * colours[..., :3], x, y)
            axes.text(x, y - 3, str(channel), fontsize=6)
    axes.imshow(canvas, interpolation="none", aspect="auto", extent=(0, width, height, 0))
    bar = figure.add_axes(
        ((width - _BAR + 20) / width, 1 - (2 * _TITLE + _LABEL + _IMAGE) / height, 12 / width, _IMAGE / height)
    )
    figure.colorbar(ScalarMappable(scale, COLOUR_MAP), cax=bar).ax.tick_params(labelsize=7)
    return figure


def _resized(picture: np.ndarray, side: int) -> np.ndarray:
    """Brings the longer side to so many pixels: small pictures keep sharp pixels, large ones are averaged."""
    height, width = picture.shape[:2]
    ratio = side / max(height, width)
    size = max(1, round(width * ratio)), max(1, round(height * ratio))
    how = cv2.INTER_AREA if ratio < 1 else cv2.INTER_NEAREST
    return cv2.resize(np.ascontiguousarray(picture, np.float32), size, interpolation=how)


def _paste(canvas: np.ndarray, colours: np.ndarray, x: int, y: int) -> None:
    canvas[y : y + colours.shape[0], x : x + colours.shape[1]] = np.round(colours)
