"""All trials of a random search in one picture: a line a trial, through an axis a value, to what it gave."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from keras_sketch.evaluation.figures import GREY, VERMILION, new_figure, save_figure
from keras_sketch.evaluation.search_trials import SearchTrials
from keras_sketch.evaluation.value_axis import ValueAxis

_COLOURS = colormaps["viridis_r"]
_FAILED = -0.09
_STEPS = np.linspace(0, 1, 40)
_EASE = _STEPS**2 * (3 - 2 * _STEPS)


def draw_parallel_coordinates(path: str | os.PathLike, trials: SearchTrials) -> None:
    """Draws an axis for each value and one for the score, and a line for each trial; the best one is thick.

    The lines of failed trials end below the axis.

    Args:
        path: The PNG; replaced in one step.
        trials: What was tried, and what it gave.

    Raises:
        OSError: The file cannot be written.
    """
    values, scores, finite = trials.values, trials.scores, trials.finite
    score_axis = ValueAxis(scores[finite])
    ends = np.full(len(scores), _FAILED)
    ends[finite] = score_axis.places
    heights = np.stack([*(axis.spread(0.03) for axis in values.values()), ends])
    figure = new_figure(2.2 * len(heights) + 0.8, 4.8)
    axes = figure.add_subplot()
    norm = Normalize(scores[finite].min(), scores[finite].max())
    for trial in np.argsort(np.where(finite, scores, -np.inf)):
        colour = _COLOURS(norm(scores[trial])) if finite[trial] else GREY
        style = {"color": colour, "linewidth": 1.3, "alpha": 0.85, "linestyle": "-" if finite[trial] else ":"}
        if trial == trials.best:
            style |= {"color": VERMILION, "linewidth": 3.5, "alpha": 1.0}
        axes.plot(*_curve(heights[:, trial]), **style)
    for place, column in enumerate([*values.values(), score_axis]):
        _draw_axis(axes, place, column.ticks)
    if not finite.all():
        axes.text(len(values) + 0.03, _FAILED, "failed", va="center", fontsize=9, color=GREY)
    axes.set_xticks(range(len(heights)), [*values, trials.score_name], fontsize=10)
    axes.set_xlim(-0.25, len(heights) - 0.65)
    axes.set_ylim(-0.04 if finite.all() else -0.13, 1.04)
    axes.set_yticks([])
    axes.tick_params(length=0, pad=8)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(ScalarMappable(norm, _COLOURS), ax=axes, shrink=0.75, pad=0.01)
    bar.set_label(trials.score_name)
    bar.ax.plot([], [], color=VERMILION, linewidth=3.5, label=f"best trial: {scores[trials.best]:.4g}")
    figure.legend(*bar.ax.get_legend_handles_labels(), loc="outside upper center", frameon=False)
    save_figure(figure, path)


def _curve(heights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns a line that crosses the axes at right angles, so that one can follow it through a common point."""
    across = [place + _STEPS for place in range(len(heights) - 1)]
    up = [left + (right - left) * _EASE for left, right in zip(heights[:-1], heights[1:], strict=True)]
    return np.concatenate(across), np.concatenate(up)


def _draw_axis(axes: Axes, place: int, ticks: Sequence[tuple[float, str]]) -> None:
    axes.plot([place, place], [0, 1], color="0.25", linewidth=1, zorder=3)
    for height, label in ticks:
        axes.plot([place - 0.02, place], [height, height], color="0.25", linewidth=1, zorder=3)
        axes.text(
            place - 0.03, height, label, ha="right", va="center", fontsize=8.5, zorder=4,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.6},
        )  # fmt: skip
