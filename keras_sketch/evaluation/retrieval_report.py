"""The report of recognition by retrieval: figures, and queries beside the images that were found for them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import numpy as np

from keras_sketch.evaluation.figures import GREEN, VERMILION, display_name, save_figure
from keras_sketch.evaluation.markdown import escape, percent, percent_range, table
from keras_sketch.evaluation.tiles import GAP, page, paste, tile_maker
from keras_sketch.files import atomic_write

_CELL, _A_ROW, _BETWEEN, _TEXT = 144, 3, 28, 44  # pixels


def draw_retrieved(
    path: str | os.PathLike, queries: np.ndarray, found: np.ndarray, captions: Sequence[str], right: Sequence[bool]
) -> None:
    """Draws queries, each beside the image that was found for it.

    Args:
        path: The PNG; replaced in one step.
        queries: uint8 [M, H, W, 1 or 3], M at least 1.
        found: uint8 [M, H, W, 1 or 3].
        captions: M texts of two short lines.
        right: Whether the landmark is the right one: the text is green, or red.

    Raises:
        OSError: The file cannot be written.
    """
    places = np.arange(len(queries))
    tiles = [tile_maker(images, _CELL)(places) for images in (queries, found)]
    columns, wide, high = min(_A_ROW, len(places)), 2 * _CELL + GAP + _BETWEEN, _CELL + _TEXT
    figure, axes = page(max(columns, 2) * wide, -(-len(places) // columns) * high)
    for place, (query, match, caption, is_right) in enumerate(zip(*tiles, captions, right, strict=True)):
        row, column = divmod(place, columns)
        left, top = column * wide + _BETWEEN / 2, row * high
        paste(axes, query, left, top)
        paste(axes, match, left + _CELL + GAP, top)
        colour = GREEN if is_right else VERMILION
        middle = left + _CELL + GAP / 2
        axes.text(middle, top + _CELL + 4, caption, ha="center", va="top", fontsize=8.5, color=colour)
    axes.set_title("Queries (left) and the images found for them (right), surest first", fontsize=11)
    save_figure(figure, path)


def caption(true: str, found: str, inliers: int) -> str:
    """Returns what stands below a query and the image found for it: two lines."""
    matches = "1 match" if inliers == 1 else f"{inliers} matches"
    return f"{display_name(true)}\nfound {display_name(found)} ({matches})"


def write_retrieval_report(path: str | os.PathLike, title: str, metrics: Mapping, picture: str, missing: str) -> None:
    """Writes `report.md`.

    Args:
        path: The file; replaced in one step.
        title: Plain text.
        metrics: What `metrics.json` holds.
        picture: The file name of the picture; empty: there is none.
        missing: Why there is no picture.

    Raises:
        OSError: The file cannot be written.
    """
    rows = [
        [name, percent(metrics[key]), percent_range(metrics["intervals"][key])]
        for key, name in (("top1", "Top-1"), ("gap", "GAP"))
        if key in metrics
    ]
    lines = [f"# {escape(title)}", ""]
    counts = f"{metrics['num_indexed']:,} images of {metrics['num_landmarks']:,} landmarks were searched"
    lines += [f"{counts} for {metrics['num_queries']:,} queries, {metrics['num_distractors']:,} of no landmark.", ""]
    if rows:
        lines += [table(["figure", "value", "95 % interval"], rows), ""]
        lines += [
            "Top-1 is of the queries with a landmark (interval: Wilson). GAP ranks the answers to all queries by score "
            "(interval: bootstrap). A score is the number of matches that agree on one transform, and after the point "
            "the image's share of the votes.",
            "",
        ]
    lines += ["## Queries and what was found", ""]
    lines += [f"![Queries and the images found for them]({picture})" if picture else escape(missing), ""]
    lines += ["Every query is in `retrieval.csv`.", ""]
    with atomic_write(path) as file:
        file.write("\n".join(lines))
