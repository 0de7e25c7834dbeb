"""What augmentation, and the network's own first layer, make of training images."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import numpy as np

from keras_sketch.evaluation.figures import display_name, save_figure
from keras_sketch.evaluation.tiles import GAP, page, paste, tile_maker

_NAME_WIDTH = 175
_CELL = 116
_HEAD = 22


def draw_augmentation(path: str | os.PathLike, columns: Mapping[str, np.ndarray], row_names: Sequence[str]) -> None:
    """Draws the same images in several forms: a row an image, a column a form.

    Args:
        path: `augmentation.png`; replaced in one step.
        columns: By title, uint8 or float [M, H, W, 1 or 3], 0..255: the same M images as stored, inverted, warped.
        row_names: M names, such as the images' classes.

    Raises:
        BadDataError: No image, or images of another form.
        OSError: The file cannot be written.
    """
    tiles = {title: tile_maker(images, _CELL)(np.arange(len(images))) for title, images in columns.items()}
    width = _NAME_WIDTH + len(columns) * (_CELL + GAP)
    figure, axes = page(width, _HEAD + len(row_names) * (_CELL + GAP))
    for column, (title, images) in enumerate(tiles.items()):
        left = _NAME_WIDTH + column * (_CELL + GAP)
        axes.text(left + _CELL / 2, _HEAD - 8, display_name(title, 16), ha="center", va="baseline", fontsize=9.5)
        for row, tile in enumerate(images):
            paste(axes, tile, left, _HEAD + row * (_CELL + GAP))
    for row, name in enumerate(row_names):
        top = _HEAD + row * (_CELL + GAP)
        axes.text(_NAME_WIDTH - 8, top + _CELL / 2, display_name(name, 20), ha="right", va="center", fontsize=9.5)
    axes.set_title("Training images: as stored, and as the network sees them", fontsize=11)
    save_figure(figure, path)
