"""What each value of a random search did to the score, over all that the other values were."""

from __future__ import annotations

import os

import numpy as np
from matplotlib.axes import Axes
from scipy.stats import rankdata

from keras_sketch.evaluation.figures import BLUE, GREY, VERMILION, new_figure, save_figure
from keras_sketch.evaluation.search_trials import SearchTrials
from keras_sketch.evaluation.value_axis import ValueAxis

_GROUPS = 5


def draw_marginals(path: str | os.PathLike, trials: SearchTrials) -> None:
    """Draws the score against each value: a point a trial, medians, and the rank correlation.

    The medians are of the trials with one value, or of fifths of them where the values were drawn from a range. A trial
    that failed is a cross at the bottom.

    Args:
        path: The PNG; replaced in one step.
        trials: What was tried, and what it gave.

    Raises:
        OSError: The file cannot be written.
    """
    values, scores, finite = trials.values, trials.scores, trials.finite
    figure = new_figure(max(6.4, 3.1 * len(values)), 3.9)
    low, high = scores[finite].min(), scores[finite].max()
    room = 0.08 * (high - low) or 1.0
    for position, (name, axis) in enumerate(values.items(), start=1):
        axes = figure.add_subplot(1, len(values), position)
        _draw(axes, axis, scores, trials.best)
        correlation = rank_correlation(axis.places[finite], scores[finite])
        axes.set_title("" if correlation is None else f"ρ = {correlation:+.2f}".replace("-", "−"), fontsize=10)
        axes.set_xlabel(name)
        axes.set_xlim(-0.08, 1.08)
        axes.set_ylim(low - (1 if finite.all() else 2.2) * room, high + room)
        if not finite.all():
            axes.plot(axis.places[~finite], np.full((~finite).sum(), low - 1.5 * room), "x", color=GREY, label="failed")
        if position == 1:
            axes.set_ylabel(trials.score_name)
            figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
        else:
            axes.set_yticklabels([])
    save_figure(figure, path)


def rank_correlation(values: np.ndarray, scores: np.ndarray) -> float | None:
    """Returns Spearman's rho, -1 to 1; None where all values, or all scores, are the same."""
    ranks = rankdata(values), rankdata(scores)
    if any(np.ptp(each) == 0 for each in ranks):
        return None
    return float(np.corrcoef(*ranks)[0, 1])


def chance_correlation(trials: int) -> float:
    """Returns the size that the rho of unrelated values stays below 19 times of 20, 1.96 / sqrt(n - 1); at most 1."""
    return min(1.0, 1.96 / max(1, trials - 1) ** 0.5)


def _draw(axes: Axes, axis: ValueAxis, scores: np.ndarray, best: int) -> None:
    finite = np.isfinite(scores)
    spread = axis.spread(0.06)
    axes.plot(spread[finite], scores[finite], "o", color=BLUE, markersize=5, alpha=0.65, label="trial")
    axes.plot(*_medians(axis, scores), color=GREY, linewidth=2, marker="_", markersize=14, label="median", zorder=1)
    axes.plot(
        spread[best], scores[best], "o", markersize=12, fillstyle="none", color=VERMILION, markeredgewidth=2,
        label="best trial",
    )  # fmt: skip
    crowded = len(axis.ticks) > 5
    axes.set_xticks(*zip(*axis.ticks, strict=True), rotation=45 if crowded else 0, fontsize=8.5)
    axes.grid(color="0.9", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _medians(axis: ValueAxis, scores: np.ndarray) -> tuple[list[float], list[float]]:
    finite = np.flatnonzero(np.isfinite(scores))
    order = finite[np.argsort(axis.places[finite], kind="stable")]
    if axis.listed:
        groups = [order[axis.places[order] == place] for place in np.unique(axis.places[order])]
    else:
        groups = [group for group in np.array_split(order, max(1, min(_GROUPS, len(order) // 3)))]
    return [float(np.median(axis.places[group])) for group in groups], [float(np.median(scores[g])) for g in groups]
