"""Learning curves."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from keras_sketch.errors import BadDataError
from keras_sketch.evaluation.figures import BLUE, GREEN, GREY, ORANGE, display_name, new_figure, save_figure


def draw_curves(path: str | os.PathLike, history: Sequence[Mapping], best_epoch: int | None = None) -> None:
    """Draws loss, accuracy, distance and learning rate by epoch; marks the best epoch and, if several, the stages.

    Args:
        path: `curves.png`; replaced in one step.
        history: One row an epoch, as in `history.csv`, numbers or their text: `loss`, `top1`, `distance_km`,
            these with `val_` in front, `learning_rate`, `epoch`, `stage`. What is missing or empty is not drawn; rows
            whose `epoch` is missing or does not rise are numbered from 1.
        best_epoch: The epoch whose weights were kept; None: the one with the lowest validation loss, and none without
            validation.

    Raises:
        BadDataError: There is no row, or a value is not a number.
        OSError: The file cannot be written.
    """
    if not history:
        raise BadDataError("There are no learning curves to draw: the history has no epoch.")
    epochs = epoch_numbers(history)
    best = best_row(history) if best_epoch is None else epochs.index(best_epoch) if best_epoch in epochs else None
    panels = [("loss", "loss", 1), ("top1", "top-1 (%)", 100), ("distance_km", "distance of the best guess (km)", 1)]
    panels += [("learning_rate", "learning rate", 1)]
    panels = [panel for panel in panels if not all(map(math.isnan, column(history, panel[0])))]
    figure = new_figure(4.2 * max(len(panels), 1), 4)
    stages = stage_rows(history)
    for position, (key, title, scale) in enumerate(panels, start=1):
        axes = figure.add_subplot(1, len(panels), position)
        _shade(axes, epochs, stages)
        _draw_lines(axes, history, epochs, key, scale, best)
        axes.set_title(title, fontsize=11)
        axes.set_xlabel("epoch")
        axes.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
        if len(epochs) <= 10:
            axes.set_xticks(epochs)
        axes.grid(color="0.9", linewidth=0.7)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    save_figure(figure, path)


def _draw_lines(
    axes: Axes, history: Sequence[Mapping], epochs: list[int], key: str, scale: float, best: int | None
) -> None:
    marker = "o" if len(epochs) <= 30 else None
    if key == "learning_rate":
        rates = column(history, key)
        axes.plot(epochs, rates, color=GREEN, marker=marker, markersize=4)
        known = [rate for rate in rates if not math.isnan(rate)]
        if min(known) > 0 and max(known) > 10 * min(known):
            axes.set_yscale("log")
        else:
            axes.set_ylim(bottom=0)
        return
    axes.plot(
        epochs, [scale * v for v in column(history, key)], color=BLUE, marker=marker, markersize=4, label="training"
    )
    validation = [scale * value for value in column(history, f"val_{key}")]
    if not all(map(math.isnan, validation)):
        axes.plot(
            epochs, validation, color=ORANGE, marker=marker or "", markersize=4, linestyle="--", label="validation"
        )
    if best is not None:
        value = validation[best] if not math.isnan(validation[best]) else scale * column(history, key)[best]
        axes.axvline(epochs[best], color=GREY, linewidth=0.8, linestyle=":")
        text = f"best: epoch {epochs[best]}, {value:.4g}"
        axes.plot(epochs[best], value, "o", markersize=12, fillstyle="none", color="black", label=text)
    axes.legend(fontsize=9, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3, columnspacing=1, frameon=False)


def _shade(axes: Axes, epochs: list[int], stages: list[tuple[str, int, int]]) -> None:
    if len(stages) < 2:
        return
    for position, (name, first, last) in enumerate(stages):
        start, end = epochs[first] - 0.5, epochs[last] + 0.5
        axes.axvspan(start, end, color=GREY, alpha=0.06 if position % 2 else 0.16, linewidth=0)
        axes.text(
            (start + end) / 2,
            0.01,
            display_name(name, 16),
            transform=axes.get_xaxis_transform(),
            ha="center",
            va="bottom",
            fontsize=8,
            color="0.35",
            rotation=90 if (end - start) * 8 < epochs[-1] - epochs[0] else 0,
        )


def stage_rows(history: Sequence[Mapping]) -> list[tuple[str, int, int]]:
    """Returns name, first and last row of each run of rows with one stage."""
    stages: list[tuple[str, int, int]] = []
    for index, row in enumerate(history):
        name = str(row.get("stage") or "")
        if stages and stages[-1][0] == name:
            stages[-1] = (name, stages[-1][1], index)
        else:
            stages.append((name, index, index))
    return stages


def best_row(history: Sequence[Mapping]) -> int | None:
    """Returns the row with the lowest validation loss, of those with the last one's frozen blocks; None without one."""
    losses = column(history, "val_loss")
    frozen = [row.get("frozen") or "" for row in history]
    known = [index for index, loss in enumerate(losses) if not math.isnan(loss) and frozen[index] == frozen[-1]]
    return min(known, key=losses.__getitem__) if known else None


def epoch_numbers(history: Sequence[Mapping]) -> list[int]:
    """Returns the `epoch` of each row; numbers from 1 where it is missing or does not rise."""
    epochs = column(history, "epoch")
    if all(after > before for before, after in zip([-math.inf, *epochs], epochs, strict=False)):
        return [int(epoch) for epoch in epochs]
    return list(range(1, len(history) + 1))


def column(history: Sequence[Mapping], key: str) -> list[float]:
    """Returns a column of the history, NaN where it is missing or empty.

    Raises:
        BadDataError: A value is not a number.
    """
    try:
        return [math.nan if row.get(key) in (None, "") else float(row[key]) for row in history]
    except ValueError as error:
        raise BadDataError(f"The history's column `{key}` holds something that is not a number.") from error
