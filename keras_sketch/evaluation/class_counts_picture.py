"""How many examples each class has, split by split."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from keras_sketch.errors import BadDataError
from keras_sketch.evaluation.figures import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    display_name,
    new_figure,
    save_figure,
)

_COLOURS = {"train": BLUE, "validation": ORANGE, "test": GREEN}
_MARKERS = {"train": "o", "validation": "s", "test": "^"}
_UNSEEN = "#D00000"
_ROWS, _NAMED = 45, 180
_FAR_APART = 30


def draw_class_counts(
    path: str | os.PathLike,
    counts: Mapping[str, Sequence[int]],
    class_names: Sequence[str],
    log: bool | None = None,
) -> None:
    """Draws the examples of each class, the largest class first.

    Up to 180 classes have a row each, with name and total, in columns of at most 45; of more the sizes alone are shown,
    side by side. On a linear axis the splits are stacked; on a logarithmic one, where lengths mean nothing, each split
    has a mark. Classes without an example in any split are left out, and counted below.

    Args:
        path: `classes.png`; replaced in one step.
        counts: By the split's name K integers, the examples of each class.
        class_names: K names.
        log: Whether the axis is logarithmic; None: where the largest class has more than 30 times the examples of the
            smallest.

    Raises:
        BadDataError: There is no example, or a split has not K counts.
        OSError: The file cannot be written.
    """
    if any(len(each) != len(class_names) for each in counts.values()):
        raise BadDataError(f"The counts of a split are not of {len(class_names)} classes.")
    totals = np.sum([np.asarray(each) for each in counts.values()], axis=0)
    order = np.argsort(-totals, kind="stable")[: np.count_nonzero(totals)]
    if not len(order):
        raise BadDataError("There are no examples to count: no class has one.")
    kept = {split: np.asarray(each)[order] for split, each in counts.items()}
    names = [class_names[index] for index in order]
    log = totals[order[0]] > _FAR_APART * totals[order[-1]] if log is None else log
    figure = (_rows if len(names) <= _NAMED else _profile)(kept, names, log)
    note = _note(kept, totals)
    if len(names) <= _NAMED:
        figure.supxlabel(f"examples ({note})", fontsize=10)
    else:
        figure.supxlabel(f"classes, the largest first ({note})", fontsize=10)
        figure.supylabel("examples", fontsize=10)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4, frameon=False)
    save_figure(figure, path)


def _note(counts: Mapping[str, np.ndarray], totals: np.ndarray) -> str:
    shown = np.count_nonzero(totals)
    parts = [f"{shown:,} class{'' if shown == 1 else 'es'}"]
    if (without := int((totals == 0).sum())) > 0:
        parts.append(f"{without:,} more without any")
    if "train" in counts and (unseen := int((counts["train"] == 0).sum())) > 0:
        named = ", in red" if len(counts["train"]) <= _NAMED else ""
        parts.append(f"{unseen:,} without any in training{named}")
    return "; ".join(parts)


def _rows(counts: Mapping[str, np.ndarray], names: Sequence[str], log: bool) -> Figure:
    """Draws a row a class, in columns."""
    columns = math.ceil(len(names) / _ROWS)
    height = math.ceil(len(names) / columns)
    figure = new_figure(7.5 if columns == 1 else 4.6 * columns, 1.3 + 0.2 * max(height, 4))
    totals = np.sum(list(counts.values()), axis=0)
    for column in range(columns):
        part = slice(column * height, (column + 1) * height)
        axes = figure.add_subplot(1, columns, column + 1)
        rows = np.arange(len(names[part]))
        _draw_splits(axes, {split: each[part] for split, each in counts.items()}, rows, log)
        labels = axes.set_yticks(rows, [display_name(name) for name in names[part]], fontsize=8)
        unseen = "train" in counts and counts["train"][part] == 0
        for tick, missing in zip(labels, np.broadcast_to(unseen, len(rows)), strict=True):
            if missing:
                tick.label1.set(color=_UNSEEN, fontweight="bold")
        axes.set_ylim(height - 0.4, -0.6)
        _scale(axes, totals.max() * (1.9 if log else 1.15), log, "x")
        beside = {"textcoords": "offset points", "va": "center", "fontsize": 7, "color": GREY}
        for row, total in zip(rows, totals[part], strict=True):
            axes.annotate(f"{total:,}", (total, row), (5, 0), **beside)
    return figure


def _draw_splits(axes: Axes, counts: Mapping[str, np.ndarray], rows: np.ndarray, log: bool) -> None:
    left = np.zeros(len(rows))
    if log:
        axes.hlines(rows, 0.7, np.sum(list(counts.values()), axis=0), color="0.85", linewidth=1)
    for split, each in counts.items():
        colour = _COLOURS.get(split, GREY)
        if log:
            some = each > 0
            axes.plot(each[some], rows[some], _MARKERS.get(split, "D"), color=colour, markersize=4, label=split)
        else:
            axes.barh(rows, each, left=left, color=colour, height=0.75, label=split)
        left = left + each


def _profile(counts: Mapping[str, np.ndarray], names: Sequence[str], log: bool) -> Figure:
    """Draws the sizes alone: classes from left to right, the largest first."""
    figure = new_figure(9.6, 4.4)
    axes = figure.add_subplot()
    edges, base = np.arange(len(names) + 1), np.zeros(len(names))
    for split, each in counts.items():
        colour = _COLOURS.get(split, GREY)
        if log:
            shown = np.where(each > 0, each, np.nan)
            axes.plot(edges[1:], shown, _MARKERS.get(split, "D"), color=colour, markersize=2, label=split)
        else:
            axes.stairs(base + each, edges + 0.5, baseline=base, fill=True, color=colour, label=split)
        base = base + each
    axes.set_xlim(0.5, len(names) + 0.5)
    _scale(axes, base.max() * (1.6 if log else 1.08), log, "y")
    return figure


def _scale(axes: Axes, highest: float, log: bool, which: str) -> None:
    """Sets the axis of the counts, the grid and the frame."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    limits = axes.set_xlim if which == "x" else axes.set_ylim
    if log:
        (axes.set_xscale if which == "x" else axes.set_yscale)("log")
        axis.set_major_locator(LogLocator(numticks=12))
        axis.set_minor_formatter(NullFormatter())
    else:
        axis.set_major_locator(MaxNLocator(5, integer=True))
    limits(0.7 if log else 0, highest)
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axes.tick_params(labelsize=8)
    axes.grid(axis=which, color="0.9", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
