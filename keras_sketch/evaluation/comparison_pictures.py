"""Several runs in one picture: learning curves, bars of scores, confusion matrices."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from keras_sketch.evaluation.confusion import row_shares
from keras_sketch.evaluation.curves import column, epoch_numbers
from keras_sketch.evaluation.figures import (
    BLUE,
    DPI,
    GREEN,
    GREY,
    ORANGE,
    VERMILION,
    display_name,
    largest_in_blocks,
    new_figure,
    save_figure,
)
from keras_sketch.evaluation.score_section import SCORE_NAMES

# The rest of Okabe and Ito's colours, without the yellow that is too pale for lines.
_COLOURS = (BLUE, ORANGE, GREEN, VERMILION, "#CC79A7", "#56B4E9", "black")
_MARKERS = "osD^vP*"
_NAMED_CLASSES = 30
_MATRICES_A_ROW = 3
_MATRIX = 3.3  # inches


def draw_curves_together(path: str | os.PathLike, histories: Mapping[str, Sequence[Mapping]]) -> None:
    """Draws loss and top-1 by epoch of several runs: lines for validation, dotted ones for training.

    A run without validation has one line, for training.

    Args:
        path: The picture; replaced in one step.
        histories: By the run's name the rows of its `history.csv`, at least one each.

    Raises:
        BadDataError: A value is not a number.
        OSError: The file cannot be written.
    """
    figure = new_figure(11, 4.4 + 0.22 * math.ceil(len(histories) / 3))
    handles = []
    for position, (key, title, scale) in enumerate((("loss", "loss", 1), ("top1", "top-1 (%)", 100)), start=1):
        axes = figure.add_subplot(1, 2, position)
        for run, (name, history) in enumerate(histories.items()):
            handle = _draw_run(axes, history, key, scale, run)
            if position == 1:
                handle.set_label(_run_name(name, 36))
                handles.append(handle)
        axes.set_title(title, fontsize=11)
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        axes.grid(color="0.9", linewidth=0.7)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    handles.append(Line2D([], [], color=GREY, label="validation"))
    handles.append(Line2D([], [], color=GREY, linestyle=":", linewidth=1.2, label="training"))
    figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=9, frameon=False)
    save_figure(figure, path)


def _draw_run(axes: Axes, history: Sequence[Mapping], key: str, scale: float, run: int) -> Line2D:
    """Draws one run's lines and returns what stands for it in the legend."""
    epochs, colour = epoch_numbers(history), _COLOURS[run % len(_COLOURS)]
    marker = _MARKERS[run // len(_COLOURS) % len(_MARKERS)] if len(history) <= 30 or run >= len(_COLOURS) else ""
    style = dict(color=colour, marker=marker, markersize=3.5)
    training, validation = ([scale * value for value in column(history, name)] for name in (key, f"val_{key}"))
    if all(map(math.isnan, validation)):
        axes.plot(epochs, training, **style)
    else:
        axes.plot(epochs, validation, **style)
        dash = "_" if len(history) == 1 else ""  # One epoch has no line.
        axes.plot(epochs, training, color=colour, linestyle=":", linewidth=1.2, marker=dash, markersize=12)
    return Line2D([], [], **style)


def draw_scores(
    path: str | os.PathLike,
    scores: Mapping[str, Mapping],
    published: Mapping[str, Mapping[str, float]],
    keys: Sequence[str] = ("precision", "recall", "f1"),
    title: str = "Averages over the classes",
) -> None:
    """Draws scores of several runs as bars with their 95 % intervals, published ones hatched beside them.

    Args:
        path: The picture; replaced in one step.
        scores: By the run's name what `classification_scores` returned.
        published: By the run's name figures of others, shares in 0..1; runs and figures may be missing.
        keys: Which scores, a group of bars each.
        title: What they are.

    Raises:
        OSError: The file cannot be written.
    """
    slots = [(name, theirs) for name in scores for theirs in ((False, True) if name in published else (False,))]
    figure = new_figure(max(7.0, min(14.0, 2 + 0.42 * len(keys) * (len(slots) + 1))), 4.4)
    axes = figure.add_subplot()
    width = 0.84 / len(slots)
    for place, (name, theirs) in enumerate(slots):
        colour = _COLOURS[list(scores).index(name) % len(_COLOURS)]
        for group, key in enumerate(keys):
            x = group - 0.42 + (place + 0.5) * width
            value = published[name].get(key) if theirs else scores[name].get(key)
            if value is None:
                continue
            look = dict(facecolor="white", edgecolor=colour, hatch="////") if theirs else dict(color=colour)
            axes.bar(x, 100 * value, 0.92 * width, linewidth=0.8, **look)
            top = value
            if not theirs:
                low, top = scores[name]["intervals"][key]
                ends = [[100 * max(0, value - low)], [100 * max(0, top - value)]]
                axes.errorbar(x, 100 * value, ends, color="black", linewidth=1, capsize=min(4, 60 * width))
            if len(slots) <= 8:
                axes.text(x, 100 * top + 1, f"{100 * value:.1f}", ha="center", va="bottom", fontsize=8)
    axes.set_xticks(range(len(keys)), [SCORE_NAMES.get(key, key) for key in keys], fontsize=11)
    axes.tick_params(axis="x", length=0)
    axes.set_ylim(0, 106)
    axes.set_yticks(range(0, 101, 20))
    axes.set_ylabel("%")
    axes.grid(axis="y", color="0.9", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    handles = [Patch(color=_COLOURS[i % len(_COLOURS)], label=_run_name(name, 36)) for i, name in enumerate(scores)]
    if published:
        handles.append(Patch(facecolor="white", edgecolor=GREY, hatch="////", label="published"))
    longest = max(len(handle.get_label()) for handle in handles)
    columns = max(1, min(3, int(figure.get_figwidth() / (0.5 + 0.085 * longest))))  # inches: the patch, a letter
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, fontsize=9, frameon=False)
    axes.set_title(f"{title}, with 95 % intervals", fontsize=11)
    save_figure(figure, path)


def draw_confusions(path: str | os.PathLike, matrices: Mapping[str, tuple[np.ndarray, Sequence[str]]]) -> None:
    """Draws the confusion matrices of several runs side by side, all with one scale of colours.

    Up to 30 classes are named. The classes stand in the order of the labels, so that equal places are equal classes
    where the runs have the same ones.

    Args:
        path: The picture; replaced in one step.
        matrices: By the run's name integers [K, K], true classes in rows, and K class names.

    Raises:
        OSError: The file cannot be written.
    """
    columns = min(_MATRICES_A_ROW, len(matrices))
    rows = -(-len(matrices) // columns)
    named = [len(names) for _, names in matrices.values() if len(names) <= _NAMED_CLASSES]
    margin = 1.1 if named else 0.35
    figure = new_figure(columns * (_MATRIX + margin) + 0.9, rows * (_MATRIX + margin + 0.35))
    norm, image, every = PowerNorm(0.5, 0, 1), None, []
    for position, (name, (counts, class_names)) in enumerate(matrices.items(), start=1):
        axes = figure.add_subplot(rows, columns, position)
        every.append(axes)
        picture, extent = largest_in_blocks(row_shares(counts), int(_MATRIX * DPI))
        image = axes.imshow(picture, cmap="Blues", norm=norm, interpolation="nearest", extent=extent)
        size = len(class_names)
        axes.set_xlim(0, size)
        axes.set_ylim(size, 0)
        _name_classes(axes, class_names)
        right = 100 * np.trace(counts) / max(counts.sum(), 1)
        axes.set_title(f"{_run_name(name, 34)}\n{right:.1f} % recognized", fontsize=10)
    bar = figure.colorbar(image, ax=every, shrink=0.8, aspect=30, label="share of the true class's examples")
    ticks = [0, 1, 5, 10, 25, 50, 100]
    bar.set_ticks([tick / 100 for tick in ticks], labels=[f"{tick} %" for tick in ticks])
    save_figure(figure, path)


def _name_classes(axes: Axes, class_names: Sequence[str]) -> None:
    size = len(class_names)
    axes.tick_params(length=0)
    if size > _NAMED_CLASSES:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_xlabel(f"predicted class, of {size:,}", fontsize=9)
        axes.set_ylabel("true class", fontsize=9)
        return
    names = [display_name(name, 14) for name in class_names]
    font = min(9.0, 72 * _MATRIX / size * 0.85)
    level = max(map(len, names)) * font * 0.65 / 72 < _MATRIX / size
    places = np.arange(size) + 0.5
    axes.set_xticks(places, names, rotation=0 if level else 90, fontsize=font)
    axes.set_yticks(places, names, fontsize=font)


def _run_name(name: str, limit: int) -> str:
    """Returns a run's name for a picture; of a long one the end, which tells runs apart."""
    return display_name(name if len(name) <= limit else "…" + name[1 - limit :], limit)
