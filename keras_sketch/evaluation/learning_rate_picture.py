"""The picture of a learning-rate sweep: loss by rate, with the suggested rates."""

from __future__ import annotations

import os

import numpy as np

from keras_sketch.errors import BadDataError
from keras_sketch.evaluation.figures import BLUE, GREEN, GREY, VERMILION, new_figure, save_figure

_HEADROOM = 0.25


def draw_learning_rate_curve(
    path: str | os.PathLike,
    rates: np.ndarray,
    losses: np.ndarray,
    smoothed: np.ndarray,
    suggestions: dict[str, float],
) -> None:
    """Draws the smoothed loss by learning rate over the single batches', and a line at each suggested rate.

    The axis of the loss ends a little above where the smoothed loss begins: where it explodes, the curve leaves the
    picture.

    Args:
        path: The PNG; replaced in one step.
        rates: Float [T], positive and rising.
        losses: Float [T], finite, of single batches.
        smoothed: Float [T], finite.
        suggestions: Rates by name, at most three; may be empty.

    Raises:
        BadDataError: There is no point to draw.
        OSError: The file cannot be written.
    """
    if not len(rates):
        raise BadDataError("There is no curve to draw: the sweep took no step.")
    figure = new_figure(7.2, 4.4)
    axes = figure.add_subplot()
    axes.plot(rates, losses, "o", color=GREY, alpha=0.3, markersize=3.5, markeredgewidth=0, label="one batch")
    axes.plot(rates, smoothed, color=BLUE, linewidth=2, marker="o" if len(rates) == 1 else "", label="smoothed loss")
    styles = zip((VERMILION, GREEN, "black"), ("-", "--", ":"), "oDs", strict=True)
    for (name, rate), (colour, dash, marker) in zip(suggestions.items(), styles, strict=False):
        height = np.interp(np.log(rate), np.log(rates), smoothed)
        axes.axvline(rate, color=colour, linestyle=dash, linewidth=1.2)
        style = {"color": colour, "linestyle": dash, "linewidth": 1.2, "marker": marker, "markersize": 7}
        axes.plot([rate], [height], **style, label=f"{name}: {rate:.2g}")
    axes.set_xscale("log")
    axes.set_ylim(*_limits(losses, smoothed))
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss")
    axes.grid(color="0.9", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    save_figure(figure, path)


def _limits(losses: np.ndarray, smoothed: np.ndarray) -> tuple[float, float]:
    """Returns the ends of the loss's axis: everything but what comes after the least."""
    least = int(np.argmin(smoothed))
    seen = np.concatenate([losses[: least + 1], smoothed[: least + 1]])
    bottom, top = float(min(seen.min(), losses.min())), float(seen.max())
    room = (top - bottom) or abs(top) or 1.0
    return bottom - 0.06 * room, top + _HEADROOM * room
