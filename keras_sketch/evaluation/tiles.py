"""Images as tiles on a page whose units are pixels."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_sketch.errors import BadDataError
from keras_sketch.evaluation.figures import DPI, new_figure

GAP = 4
"""Pixels between images."""

_BACKGROUND = 225  # grey that sets off images on white and on black


def page(width: int, height: int) -> tuple[Figure, Axes]:
    """Returns a figure with axes of so many pixels, y downwards, with room for a title."""
    margin, title = 12, 40
    full = (width + 2 * margin, height + title + margin)
    figure = new_figure(full[0] / DPI, full[1] / DPI, layout=None)
    axes = figure.add_axes((margin / full[0], margin / full[1], width / full[0], height / full[1]))
    axes.set_axis_off()
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    return figure, axes


def paste(axes: Axes, tile: np.ndarray, left: float, top: float) -> None:
    """Shows a tile, pixel for pixel, with its top left corner at a place of the page."""
    height, width = tile.shape[:2]
    axes.imshow(tile, extent=(left, left + width, top + height, top), interpolation="nearest", aspect="auto")


def tile_maker(images: np.ndarray, cell: int) -> Callable[[np.ndarray], list[np.ndarray]]:
    """Checks the images and returns what makes uint8 RGB tiles [M, cell, cell, 3] of those with given indices."""
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or not len(images):
        raise BadDataError(
            f"Images to draw must be [N, H, W, 1 or 3] with at least one image, not {list(images.shape)}."
        )
    scale = (cell - 2) / max(images.shape[1:3])
    size = tuple(max(1, round(scale * side)) for side in images.shape[2:0:-1])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST

    def tiles_of(indices: np.ndarray) -> list[np.ndarray]:
        tiles = []
        for image in images[indices]:
            pixels = np.clip(np.round(image), 0, 255).astype(np.uint8)
            pixels = cv2.resize(pixels, size, interpolation=how).reshape(size[1], size[0], -1)
            tile = np.full((cell, cell, 3), _BACKGROUND, np.uint8)
            top, left = (cell - size[1]) // 2, (cell - size[0]) // 2
            tile[top : top + size[1], left : left + size[0]] = pixels
            tiles.append(tile)
        return tiles

    return tiles_of
