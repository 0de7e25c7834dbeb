"""The two pictures of a sweep: learning curves by optimizer, and loss by learning rate."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from keras_sketch.errors import BadDataError
from keras_sketch.evaluation.figures import BLUE, GREEN, GREY, ORANGE, VERMILION, new_figure, save_figure

_COLOURS = (BLUE, ORANGE, GREEN, VERMILION, "#CC79A7", "#56B4E9", GREY)
_MARKERS = "osD^vPX"


def draw_optimizers(path: str | os.PathLike, histories: Mapping[str, Sequence[Mapping]]) -> None:
    """Draws loss and top-1 by epoch for each optimizer: training as a thin, validation as a thick line.

    Args:
        path: The PNG; replaced in one step.
        histories: By the name to show, a row an epoch: `loss`, `val_loss`, `top1`, `val_top1`. One without rows, whose
            training failed, is named and has no line.

    Raises:
        BadDataError: There is nothing to draw.
        OSError: The file cannot be written.
    """
    if not any(histories.values()):
        raise BadDataError("There are no learning curves to draw: no history has an epoch.")
    figure = new_figure(9.6, 4)
    for position, (key, title, scale) in enumerate([("loss", "loss", 1), ("top1", "top-1 (%)", 100)], start=1):
        axes = figure.add_subplot(1, 2, position)
        for index, (name, rows) in enumerate(histories.items()):
            colour, epochs = _COLOURS[index % len(_COLOURS)], range(1, len(rows) + 1)
            label = f"{name}, validation" if rows else f"{name}: failed"
            training, validation = ([scale * row[each] for row in rows] for each in (key, f"val_{key}"))
            dash = "_" if len(rows) == 1 else ""  # One epoch has no line.
            axes.plot(epochs, training, color=colour, linewidth=1, linestyle="--", marker=dash, markersize=12)
            axes.plot(
                epochs, validation, color=colour, linewidth=2, marker=_MARKERS[index % 7], markersize=5, label=label
            )
        axes.plot([], [], color=GREY, linewidth=1, linestyle="--", label="training")
        axes.set_title(title, fontsize=11)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        _tidy(axes, [row[each] for rows in histories.values() for row in rows for each in (key, f"val_{key}")])
        if position == 1:
            figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    save_figure(figure, path)


def draw_learning_rates(
    path: str | os.PathLike, losses: Mapping[tuple[float, float], float], best: tuple[float, float]
) -> None:
    """Draws validation loss by learning rate, on a logarithmic axis, a line for each decay.

    Args:
        path: The PNG; replaced in one step.
        losses: By learning rate and decay; infinite where training failed, which is a cross at the top.
        best: The learning rate and decay to put a ring around.

    Raises:
        BadDataError: No loss is finite.
        OSError: The file cannot be written.
    """
    finite = [loss for loss in losses.values() if math.isfinite(loss)]
    if not finite:
        raise BadDataError("There are no losses to draw: every trial failed.")
    figure = new_figure(6.4, 4.4)
    axes = figure.add_subplot()
    decays = sorted({decay for _, decay in losses})
    for index, decay in enumerate(decays):
        points = sorted((rate, loss) for (rate, each), loss in losses.items() if each == decay)
        failed = [rate for rate, loss in points if not math.isfinite(loss)]
        rates, values = zip(*[(r, v if math.isfinite(v) else math.nan) for r, v in points], strict=True)
        style = {"color": _COLOURS[index % len(_COLOURS)], "marker": _MARKERS[index % 7]}
        under = min(3, len(decays) - 1 - index)  # Lines that coincide stay visible: the ones below are thicker.
        axes.plot(rates, values, **style, markersize=5 + 3 * under, linewidth=1.5 + 2 * under, label=f"decay {decay:g}")
        height = [0.96 - 0.06 * index] * len(failed)
        axes.plot(failed, height, "x", color=style["color"], markersize=8, transform=axes.get_xaxis_transform())
    label = f"best: rate {best[0]:g}, decay {best[1]:g}, loss {losses[best]:.4g}"
    axes.plot(best[0], losses[best], "o", markersize=18, fillstyle="none", color="black", linestyle="", label=label)
    axes.set_xscale("log")
    _tidy(axes, finite)
    if len(finite) < len(losses):
        axes.plot([], [], "x", color="black", markersize=8, label="failed")
        room = axes.transScale + axes.transLimits
        axes.set_ylim(top=room.inverted().transform((0, 1 + 0.08 * len(decays)))[1])
    axes.set_xlabel("learning rate")
    axes.set_ylabel("validation loss")
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    save_figure(figure, path)


def _tidy(axes: Axes, values: Sequence[float]) -> None:
    """Sets grid and frame, and a logarithmic axis where a few large values would flatten all others."""
    if min(values) > 0 and max(values) > 20 * sorted(values)[len(values) // 2]:
        axes.set_yscale("log")
    axes.grid(color="0.9", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
