"""The confusion matrix as a picture that stays readable at any number of classes."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from keras_sketch.evaluation.confusion import cluster_classes, most_confused_pairs, row_shares
from keras_sketch.evaluation.figures import (
    BLUE,
    DPI,
    GREY,
    VERMILION,
    display_name,
    largest_in_blocks,
    new_figure,
    save_figure,
)

MAX_MATRIX_CLASSES = 40
_MAX_COUNTED_CLASSES = 25
_MAX_PAIRS = 20
_MAX_CLUSTERS = 60
_MAX_CLUSTER_LABELS = 30
_WIDTH, _SIDE = 11.0, 7.2  # inches, of the overview and of the square in it


def draw_confusion(
    path: str | os.PathLike, counts: np.ndarray, class_names: Sequence[str], continents: Sequence[str] | None = None
) -> None:
    """Draws a confusion matrix.

    Up to 40 classes: the matrix with every class named; colours are shares of the true class, on a scale that shows
    small ones; up to 25 classes the counts stand in the cells. Beyond: the pairs with the most mistakes by name, and
    below them all mistakes, with classes that get mixed up side by side and the groups with the most mistakes named.
    Of more than 40 classes those that have no example and were never predicted are left out first; if a matrix is
    enough then, classes without an example have no row in it. Countries are ordered by continent, and the continents
    are named in place of the groups.

    Args:
        path: `confusion.png`; replaced in one step.
        counts: Integers [K, K], true classes in rows.
        class_names: K names.
        continents: Where the classes are countries, the continent of each.

    Raises:
        OSError: The file cannot be written.
    """
    occurs = np.flatnonzero(counts.any(axis=0) | counts.any(axis=1))
    left_out = len(class_names) > MAX_MATRIX_CLASSES and len(occurs)
    kept = occurs if left_out else np.arange(len(class_names))
    if continents is not None:
        kept = kept[np.argsort([continents[i] for i in kept], kind="stable")]
        continents = [continents[i] for i in kept]
    counts, class_names = counts[np.ix_(kept, kept)], [class_names[i] for i in kept]
    tested = np.flatnonzero(counts.any(axis=1)) if left_out else np.arange(len(kept))
    draw = _overview if len(class_names) > MAX_MATRIX_CLASSES else functools.partial(_matrix, tested=tested)
    save_figure(draw(counts, class_names, continents), path)


def _matrix(
    counts: np.ndarray, class_names: Sequence[str], continents: Sequence[str] | None, tested: np.ndarray
) -> Figure:
    """Draws the matrix with a row for each tested class."""
    size, rows = len(class_names), len(tested)
    names = [display_name(name) for name in class_names]
    correct, total = int(np.trace(counts)), int(counts.sum())
    counts = counts[tested]
    names_wide = 0.0 if continents is None else 1.0
    cell = max(0.42, 2.4 / size) if size <= _MAX_COUNTED_CLASSES else 0.23
    figure = new_figure(2.4 + cell * size + 1.2 + names_wide, 2.4 + cell * rows, "compressed")
    axes = figure.add_subplot()
    shares = row_shares(counts)
    norm = PowerNorm(0.5, 0, 1)
    image = axes.imshow(shares, cmap="Blues", norm=norm)
    font = 10 if size <= _MAX_COUNTED_CLASSES else 8
    level = max(map(len, names)) * font / 110 < cell  # inches; a letter is about 0.65 of the font size wide
    axes.set_xticks(range(size), names, rotation=0 if level else 90, fontsize=font)
    axes.set_yticks(range(rows), [names[index] for index in tested], fontsize=font)
    axes.set_xticks(np.arange(size + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(rows + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=0.8)
    axes.tick_params(which="both", length=0)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    axes.set_title(f"{correct:,} of {total:,} recognized ({100 * correct / max(total, 1):.1f} %)", fontsize=11)
    if continents is not None:
        _divide_continents(axes, continents, tested)
    if size <= _MAX_COUNTED_CLASSES:
        _write_counts(axes, counts, norm(shares), min(10, 100 * cell / len(str(counts.max()))))
    bar = figure.colorbar(image, ax=axes, shrink=0.8, label="share of the true class's examples")
    ticks = [0, 1, 5, 10, 25, 50, 100]
    bar.set_ticks([tick / 100 for tick in ticks], labels=[f"{tick} %" for tick in ticks])
    return figure


def _divide_continents(axes: Axes, continents: Sequence[str], tested: np.ndarray) -> None:
    """Draws lines between the continents, and names them on the right."""
    size, rows = len(continents), [continents[index] for index in tested]
    for place in np.flatnonzero(np.array(continents[1:]) != continents[:-1]):
        axes.axvline(place + 0.5, color=VERMILION, linewidth=1)
    for place in np.flatnonzero(np.array(rows[1:]) != rows[:-1]):
        axes.axhline(place + 0.5, color=VERMILION, linewidth=1)
    axes.set_xlim(-0.5, size - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    for name in dict.fromkeys(rows):
        middle = np.mean([row for row, own in enumerate(rows) if own == name])
        axes.text(size - 0.3, middle, name, color=VERMILION, fontsize=8, va="center")


def _write_counts(axes: Axes, counts: np.ndarray, darkness: np.ndarray, font: float) -> None:
    for row, column in zip(*np.nonzero(counts), strict=True):
        colour = "white" if darkness[row, column] > 0.55 else "black"
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=colour, fontsize=font)


def _overview(counts: np.ndarray, class_names: Sequence[str], continents: Sequence[str] | None) -> Figure:
    pairs = most_confused_pairs(counts, _MAX_PAIRS)
    if not pairs:
        figure = new_figure(_WIDTH, 1.5)
        figure.text(
            0.5,
            0.5,
            f"All {counts.sum():,} examples of {len(class_names)} classes recognized",
            ha="center",
            fontsize=11,
        )
        return figure
    bars = 0.25 * len(pairs)
    height = 0.5 + bars + 1.3 + _SIDE + 1.1
    figure = new_figure(_WIDTH, height, layout=None)

    def place(left: float, top: float, width: float, tall: float) -> Axes:
        """Adds axes at a place given in inches from the top left corner."""
        return figure.add_axes((left / _WIDTH, 1 - (top + tall) / height, width / _WIDTH, tall / height))

    _draw_pairs(place(3.6, 0.5, _WIDTH - 4.0, bars), counts, class_names)
    square = place(0.4, 0.5 + bars + 1.3, _SIDE, _SIDE)
    _draw_clusters(square, place(1.4, height - 0.7, _SIDE - 2, 0.16), counts, class_names, continents)
    return figure


def _draw_pairs(axes: Axes, counts: np.ndarray, class_names: Sequence[str]) -> None:
    pairs = most_confused_pairs(counts, _MAX_PAIRS)
    totals = counts.sum(axis=1)
    names = [f"{display_name(class_names[pair.true])} → {display_name(class_names[pair.predicted])}" for pair in pairs]
    rows = range(len(pairs))
    axes.barh(rows, [pair.count for pair in pairs], color=BLUE, height=0.7)
    axes.set_yticks(rows, names, fontsize=9.5)
    axes.set_ylim(len(pairs) - 0.4, -0.6)
    for row, pair in enumerate(pairs):
        text = f" {pair.count} of {totals[pair.true]} ({100 * pair.share:.0f} %)"
        axes.text(pair.count, row, text, va="center", fontsize=9.5)
    axes.set_xlim(0, 1.25 * pairs[0].count)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("examples of the first class that were taken for the second")
    axes.spines[["top", "right"]].set_visible(False)
    mistakes = int(counts.sum() - np.trace(counts))
    axes.set_title(f"The most confused pairs, of {mistakes:,} mistakes in {counts.sum():,} examples", fontsize=11)


def _draw_clusters(
    axes: Axes, bar_axes: Axes, counts: np.ndarray, class_names: Sequence[str], continents: Sequence[str] | None
) -> None:
    size, by = len(class_names), ""
    order, groups = cluster_classes(counts, min(_MAX_CLUSTERS, size // 8))
    if continents is not None:
        names, numbers = np.unique(continents, return_inverse=True)
        order = order[np.argsort(numbers[order], kind="stable")]
        groups, by = numbers[order], " by continent"
    shares = row_shares(counts)[np.ix_(order, order)]
    np.fill_diagonal(shares, 0)
    norm = PowerNorm(0.5, 0, np.quantile(shares[shares > 0], 0.99))
    picture, extent = largest_in_blocks(shares, int(_SIDE * DPI))
    image = axes.imshow(
        np.ma.masked_equal(picture, 0), cmap="viridis_r", norm=norm, interpolation="nearest", extent=extent
    )
    axes.plot([0, size], [0, size], color="0.8", linewidth=0.6)
    title = f"All mistakes between {size} classes{by}; those that get mixed up stand side by side"
    axes.set_title(title, fontsize=11)
    axes.set_xlabel("predicted class, in the same order")
    axes.set_ylabel("true class")
    axes.set_xticks([])
    axes.set_yticks([])
    _name_clusters(axes, counts, order, groups, class_names, None if continents is None else names)
    bar = axes.figure.colorbar(image, cax=bar_axes, orientation="horizontal", extend="max")
    bar.set_label("share of the true class's examples; blank: none")
    bar_axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")


def _name_clusters(
    axes: Axes,
    counts: np.ndarray,
    order: np.ndarray,
    groups: np.ndarray,
    class_names: Sequence[str],
    names: Sequence[str] | None,
) -> None:
    """Outlines the groups and names those with the most mistakes inside, or all by `names`, right of the matrix."""
    size = len(class_names)
    mistakes = counts - np.diag(np.diag(counts))
    blocks = [order[groups == group] for group in range(groups[-1] + 1)]
    starts = np.concatenate([[0], np.cumsum([len(block) for block in blocks])])
    for start, block in zip(starts[:-1], blocks, strict=True):
        if len(block) > 1:
            outline = Rectangle((start, start), len(block), len(block), fill=False, color=VERMILION, linewidth=0.6)
            axes.add_patch(outline)
    inside = np.array([mistakes[np.ix_(block, block)].sum() for block in blocks])
    if names is None:
        chosen = np.sort(np.argsort(-inside, kind="stable")[:_MAX_CLUSTER_LABELS])
        chosen = chosen[inside[chosen] > 0]
    else:
        chosen = np.arange(len(blocks))
    centres = (starts[chosen] + starts[chosen + 1]) / 2
    for group, centre, place in zip(chosen, centres, _spread(centres, size / 40, size), strict=True):
        if names is None:
            text = _leading(blocks[group], mistakes, class_names)
        else:
            text = f"{names[group]}, {len(blocks[group])}"
        line = [starts[group + 1], size, 1.03 * size], [centre, centre, place]
        axes.plot(*line, color=GREY, linewidth=0.4, clip_on=False)
        axes.text(1.035 * size, place, text, va="center", fontsize=8.5)
    axes.set_xlim(0, size)
    axes.set_ylim(size, 0)


def _leading(block: np.ndarray, mistakes: np.ndarray, class_names: Sequence[str]) -> str:
    """Returns the names of a group's three classes with the most mistakes inside it, and how many more there are."""
    both = mistakes[np.ix_(block, block)]
    first = block[np.argsort(-(both.sum(axis=0) + both.sum(axis=1)), kind="stable")][:3]
    text = ", ".join(display_name(class_names[index], 16) for index in first)
    return text + (f" +{len(block) - 3}" if len(block) > 3 else "")


def _spread(centres: np.ndarray, gap: float, size: float) -> np.ndarray:
    """Returns places near the rising `centres`, at least `gap` apart and within 0..size."""
    places = centres.copy()
    for i in range(1, len(places)):
        places[i] = max(places[i], places[i - 1] + gap)
    limit = size
    for i in reversed(range(len(places))):
        places[i] = min(places[i], limit)
        limit = places[i] - gap
    return places
