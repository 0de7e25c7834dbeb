"""Grids of images: examples of each class, and the mistakes that the model was surest of."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from keras_sketch.evaluation.figures import display_name, save_figure
from keras_sketch.evaluation.gallery import draw_gallery
from keras_sketch.evaluation.tiles import GAP, page, paste, tile_maker

_NAME_WIDTH = 175  # pixels for a class name beside its row
_ROWS_A_COLUMN = 20


def draw_samples(
    path: str | os.PathLike,
    images: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
    per_class: int = 8,
    max_classes: int = 40,
) -> None:
    """Draws the first images of each class, one row a class.

    Of more classes than fit, those shown are spread evenly over the list; the caption says how many of how many.
    Classes without an image here are left out.

    Args:
        path: `samples.png`; replaced in one step.
        images: uint8 or float [N, H, W, 1 or 3], 0..255.
        labels: Integers [N] in 0..K-1.
        class_names: K names.
        per_class: At most so many images a class.
        max_classes: At most so many classes.

    Raises:
        BadDataError: No image, or images of another form.
        OSError: The file cannot be written.
    """
    cell = 64
    tiles_of = tile_maker(images, cell)
    labels = np.asarray(labels)
    present = np.unique(labels)
    shown = present[np.unique(np.linspace(0, len(present) - 1, min(len(present), max_classes)).round().astype(int))]
    rows = min(_ROWS_A_COLUMN, len(shown))
    columns = -(-len(shown) // rows)
    width = _NAME_WIDTH + per_class * (cell + GAP) + 12
    figure, axes = page(columns * width, rows * (cell + GAP))
    for position, index in enumerate(shown):
        column, row = divmod(position, rows)
        left, top = column * width + _NAME_WIDTH, row * (cell + GAP)
        chosen = np.flatnonzero(labels == index)[:per_class]
        name = display_name(class_names[index], 22)
        axes.text(left - 8, top + cell / 2, name, ha="right", va="center", fontsize=9.5)
        for place, tile in enumerate(tiles_of(chosen)):
            paste(axes, tile, left + place * (cell + GAP), top)
    total = len(class_names)
    which = f"all {total} classes" if len(shown) == total else f"{len(shown)} of {total} classes"
    axes.set_title(f"Up to {per_class} examples of {which}", fontsize=11)
    save_figure(figure, path)


def surest_mistakes(labels: np.ndarray, predicted: np.ndarray, scores: np.ndarray, count: int = 24) -> np.ndarray:
    """Returns which examples to show as the worst mistakes: those with the highest score for a wrong class.

    Args:
        labels: Integers [N], the true classes.
        predicted: Integers [N], the most probable classes.
        scores: Floats [N], their probabilities.
        count: At most so many.

    Returns:
        Indices of examples, the surest first, of equally sure ones the first example first.
    """
    wrong = np.flatnonzero(np.asarray(labels) != np.asarray(predicted))
    return wrong[np.argsort(-np.asarray(scores)[wrong], kind="stable")][:count]


def draw_mistakes(
    path: str | os.PathLike,
    images: np.ndarray,
    labels: np.ndarray,
    predicted: np.ndarray,
    scores: np.ndarray,
    class_names: Sequence[str],
    num_mistakes: int,
) -> None:
    """Draws wrongly recognized images, each with its true class, what it was taken for, and with what probability.

    Args:
        path: `mistakes.png`; replaced in one step.
        images: uint8 or float [M, H, W, 1 or 3], 0..255, M at least 1: the examples of `surest_mistakes`.
        labels: Integers [M], their true classes.
        predicted: Integers [M], what they were taken for.
        scores: Floats [M], the probabilities of that.
        class_names: K names.
        num_mistakes: How many mistakes there are in all, for the caption.

    Raises:
        BadDataError: No image, or images of another form.
        OSError: The file cannot be written.
    """
    names = [[display_name(class_names[label], 19) for label in classes] for classes in (labels, predicted)]
    captions = [
        f"{true}\n→ {taken_for}\n{100 * score:.0f} %" for true, taken_for, score in zip(*names, scores, strict=True)
    ]
    count = len(captions)
    which = f"The {count} surest of {num_mistakes:,} mistakes" if count < num_mistakes else "All mistakes"
    draw_gallery(path, images, captions, f"{which}: true class → predicted, probability")
