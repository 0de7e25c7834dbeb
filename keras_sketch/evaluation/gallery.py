"""Images in rows, each with lines of text below it."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from keras_sketch.evaluation.figures import save_figure
from keras_sketch.evaluation.tiles import page, paste, tile_maker

_A_ROW = 6
_CELL, _SIDE_GAP = 128, 44
_LINE = 19  # pixels


def draw_gallery(path: str | os.PathLike, images: np.ndarray, captions: Sequence[str], title: str) -> None:
    """Draws images with captions.

    Args:
        path: The PNG; replaced in one step.
        images: uint8 or float [M, H, W, 1 or 3], 0..255, M at least 1.
        captions: M texts of a few short lines.
        title: What stands above them.

    Raises:
        BadDataError: No image, or images of another form.
        OSError: The file cannot be written.
    """
    tiles = tile_maker(images, _CELL)(np.arange(len(images)))
    columns = min(_A_ROW, len(tiles))
    rows = -(-len(tiles) // columns)
    height = _CELL + _LINE * max(caption.count("\n") + 1 for caption in captions) + 7
    figure, axes = page(max(columns, 3) * (_CELL + _SIDE_GAP), rows * height)
    for position, (tile, caption) in enumerate(zip(tiles, captions, strict=True)):
        row, column = divmod(position, columns)
        left, top = column * (_CELL + _SIDE_GAP) + _SIDE_GAP / 2, row * height
        paste(axes, tile, left, top)
        axes.text(left + _CELL / 2, top + _CELL + 3, caption, ha="center", va="top", fontsize=9, linespacing=1.15)
    axes.set_title(title, fontsize=11)
    save_figure(figure, path)
