"""The world map of errors: which country's views are taken for which, and how often a country is recognized."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch, Polygon, Rectangle
from matplotlib.path import Path as Outline
from matplotlib.patheffects import withStroke

from keras_sketch.evaluation.confusion import ConfusedPair, confusion_counts, most_confused_pairs
from keras_sketch.evaluation.figures import GREY, VERMILION, display_name, new_figure, save_figure
from keras_sketch.evaluation.globe import equal_earth, great_circle, land_outlines, split_at_date_line

_MAX_ARCS = 80
_WIDTH, _EUROPE_WIDTH = 12.0, 8.4  # inches
_LAND, _SEA, _EDGE, _COLOURS = "0.88", "#EEF4F8", "0.72", "viridis"
_ARC_POINTS, _NARROWEST = 7.0, 0.15  # the widest arc's start, in points; the narrowest one's share of that
_END = 0.15  # an arc's end, as a share of its start
_FEW = 20  # mistakes below which not even the most frequent pair has the widest arc
_LARGEST_CIRCLE = 17.0  # points
# Degrees of latitude and longitude: south, north, west, east.
_WORLD, _WITH_ANTARCTICA = (-57, 90, -180, 180), (-90, 90, -180, 180)
_EUROPE = (34, 71, -25, 46)
_FONT = 7.5
_CROWDED = 6  # so many countries in Europe are not told apart on a map of the world


@dataclasses.dataclass(frozen=True, eq=False)
class _Guesses:
    """What is drawn: names [K], centroids [K, 2], the examples and the accuracy of each class [K], and the arcs."""

    names: Sequence[str]
    centroids: np.ndarray
    examples: np.ndarray
    accuracy: np.ndarray
    arcs: Sequence[ConfusedPair]


def draw_world_map(
    path: str | os.PathLike,
    labels: np.ndarray,
    predicted: np.ndarray,
    class_names: Sequence[str],
    centroids: np.ndarray,
) -> None:
    """Draws the countries as circles, and an arc along the great circle for each frequent mistake.

    A circle's area is the country's test examples, its colour how many of them were recognized; a country that was
    only ever answered has a small empty one. An arc is wide at the true country and runs thin towards the one that was
    answered; of more than 80 pairs of countries those with the most mistakes have one, of equally many all or none.
    Where six countries or more are in Europe, it has a map of its own below.

    Args:
        path: `world_map.png`; replaced in one step.
        labels: Integers [N] in 0..K-1, the true countries.
        predicted: Integers [N] in 0..K-1, the most probable countries.
        class_names: K names of countries.
        centroids: Floats [K, 2]: degrees of latitude, longitude.

    Raises:
        OSError: The file cannot be written.
    """
    counts = confusion_counts(labels, predicted, len(class_names))
    examples = counts.sum(axis=1)
    guesses = _Guesses(
        class_names, np.asarray(centroids, float), examples, np.diag(counts) / np.maximum(examples, 1),
        _frequent(counts),
    )  # fmt: skip
    occurs = guesses.centroids[counts.any(axis=0) | counts.any(axis=1)]
    boxes = {_box(_WITH_ANTARCTICA if occurs[:, 0].min() < _WORLD[0] else _WORLD): _WIDTH}
    if _inside(occurs, _EUROPE).sum() >= _CROWDED:
        boxes[_box(_EUROPE)] = _EUROPE_WIDTH
    heights = [width * (top - bottom) / (right - left) for (left, right, bottom, top), width in boxes.items()]
    figure = new_figure(_WIDTH, sum(heights) + 1.3)
    grid = figure.add_gridspec(len(boxes), 1, height_ratios=heights)
    europe = list(boxes)[1] if len(boxes) > 1 else None
    for row, (box, width) in enumerate(boxes.items()):
        axes = figure.add_subplot(grid[row])
        _draw_area(axes, guesses, box)
        _name_countries(axes, guesses, box, width, None if row else europe)
    figure.axes[0].set_title(_title(counts, guesses.arcs), fontsize=11)
    _legend(figure, guesses)
    save_figure(figure, path)


def _title(counts: np.ndarray, arcs: Sequence[ConfusedPair]) -> str:
    total, wrong, drawn = int(counts.sum()), int(counts.sum() - np.trace(counts)), sum(arc.count for arc in arcs)
    title = f"{total - wrong:,} of {total:,} recognized"
    if not wrong:
        return title
    which = f"All {wrong:,} mistakes"
    if drawn < wrong:
        which = f"Of {wrong:,} mistakes {drawn:,}, those of the {len(arcs)} most frequent pairs,"
    return f"{title}. {which} as arcs, from the true country (wide) to the answer (thin)"


def _frequent(counts: np.ndarray) -> list[ConfusedPair]:
    """Returns the pairs that have an arc."""
    pairs = most_confused_pairs(counts, _MAX_ARCS + 1)
    above = [pair for pair in pairs if pair.count > pairs[-1].count]
    return pairs if len(pairs) <= _MAX_ARCS else above or pairs[:_MAX_ARCS]


def _inside(places: np.ndarray, area: tuple[float, float, float, float]) -> np.ndarray:
    south, north, west, east = area
    return (places >= (south, west)).all(axis=-1) & (places <= (north, east)).all(axis=-1)


def _box(area: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """Returns left, right, bottom, top of an area on the map."""
    south, north, west, east = area
    latitudes = np.linspace(south, north, 50)
    edges = equal_earth([[latitude, longitude] for latitude in latitudes for longitude in (west, east)])
    (left, bottom), (right, top) = edges.min(axis=0), edges.max(axis=0)
    return left, right, bottom, top


def _draw_area(axes: Axes, guesses: _Guesses, box: tuple[float, float, float, float]) -> None:
    left, right, bottom, top = box
    rim = np.linspace(-90, 90, 181)
    globe = np.vstack([[(latitude, side) for latitude in rim[:: int(side / 180)]] for side in (180, -180)])
    axes.add_patch(Polygon(equal_earth(globe), facecolor=_SEA, edgecolor=_EDGE, linewidth=0.8))
    outlines = (Outline(equal_earth(outline), closed=True) for outline in land_outlines())
    land = Outline.make_compound_path(*outlines)
    axes.add_patch(PathPatch(land, facecolor=_LAND, edgecolor=_EDGE, linewidth=0.5))
    _draw_arcs(axes, guesses)
    _draw_circles(axes, guesses)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color(_EDGE)


def _draw_arcs(axes: Axes, guesses: _Guesses) -> None:
    most = max((arc.count for arc in guesses.arcs), default=1)
    for arc in reversed(guesses.arcs):
        way = great_circle(guesses.centroids[arc.true], guesses.centroids[arc.predicted], points=80)
        width = _arc_width(arc.count, most)
        done = 0
        for part in split_at_date_line(way):
            points = equal_earth(part)
            segments = np.stack([points[:-1], points[1:]], axis=1)
            along = (done + np.arange(len(segments))) / len(way)
            done += len(segments) - 1
            widths = width * (1 - (1 - _END) * along)
            lines = LineCollection(segments, linewidths=widths, colors=VERMILION, alpha=0.55, capstyle="butt", zorder=2)
            axes.add_collection(lines, autolim=False)


def _arc_width(count: float, most: int) -> float:
    return _ARC_POINTS * max(_NARROWEST, (count / max(most, _FEW)) ** 0.5)


def _draw_circles(axes: Axes, guesses: _Guesses) -> None:
    tested, answered = np.flatnonzero(guesses.examples), _answered(guesses)
    x, y = equal_earth(guesses.centroids).T
    order = tested[np.argsort(-guesses.examples[tested], kind="stable")]
    axes.scatter(
        x[order], y[order], _circle_area(guesses.examples[order], guesses.examples.max()), guesses.accuracy[order],
        cmap=_COLOURS, vmin=0, vmax=1, edgecolors="black", linewidths=0.7, zorder=3,
    )  # fmt: skip
    axes.scatter(x[answered], y[answered], 12, "white", edgecolors="black", linewidths=0.7, zorder=3)


def _circle_area(examples: np.ndarray, most: int) -> np.ndarray:
    """Returns the area in points squared, as Matplotlib takes it."""
    return np.maximum(_LARGEST_CIRCLE**2 * examples / most, 12)


def _name_countries(
    axes: Axes, guesses: _Guesses, box: tuple[float, float, float, float], width: float, apart: tuple | None
) -> None:
    """Names the countries, those with the most examples first, wherever there is room beside a circle.

    Args:
        axes: With a map of the box.
        guesses: What is drawn.
        box: Left, right, bottom, top.
        width: Of the map, in inches.
        apart: A box that is drawn round, and in which the countries are named on a map of its own.
    """
    point = (box[1] - box[0]) / width / 72
    if apart is not None:
        size = (apart[1] - apart[0], apart[3] - apart[2])
        axes.add_patch(Rectangle((apart[0], apart[2]), *size, fill=False, edgecolor=GREY, linewidth=0.8))
    places = equal_earth(guesses.centroids)
    drawn = _drawn(guesses)
    radius = np.sqrt(_circle_area(guesses.examples, guesses.examples.max())) / 2 * point
    taken = [(x - r, y - r, x + r, y + r) for (x, y), r in zip(places[drawn], radius[drawn], strict=True)]
    for country in drawn[np.argsort(-guesses.examples[drawn], kind="stable")]:
        (x, y), gap = places[country], radius[country] + 1.5 * point
        if not _within((x, y, x, y), box) or (apart is not None and _within((x, y, x, y), apart)):
            continue
        name = display_name(guesses.names[country], 20)
        wide, tall = 0.54 * _FONT * len(name) * point, _FONT * point
        for across, up, align in ((1, 0, "left"), (-1, 0, "right"), (0, 1, "center"), (0, -1, "center")):
            middle, height = x + across * (gap + wide / 2), y + up * (gap + tall / 2)
            own = (middle - wide / 2, height - tall / 2, middle + wide / 2, height + tall / 2)
            if _within(own, box) and not any(_overlap(own, other) for other in taken):
                place = (x + across * gap, height)
                text = axes.text(*place, name, fontsize=_FONT, ha=align, va="center_baseline", zorder=4)
                text.set_path_effects([withStroke(linewidth=2, foreground="white", alpha=0.8)])
                taken.append(own)
                break


def _drawn(guesses: _Guesses) -> np.ndarray:
    """Returns the countries that have a circle: those that are tested, and those that arcs lead to."""
    return np.unique([*np.flatnonzero(guesses.examples), *(arc.predicted for arc in guesses.arcs)]).astype(int)


def _answered(guesses: _Guesses) -> np.ndarray:
    """Returns the countries that have a circle and no test example."""
    return np.setdiff1d(_drawn(guesses), np.flatnonzero(guesses.examples))


def _within(own: tuple, box: tuple) -> bool:
    return box[0] < own[0] and own[2] < box[1] and box[2] < own[1] and own[3] < box[3]


def _overlap(one: tuple, other: tuple) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _legend(figure: Figure, guesses: _Guesses) -> None:
    """Says what the smallest and the largest area and width stand for, and what colours do."""
    tested = guesses.examples[guesses.examples > 0]
    least, most = int(tested.min()), int(tested.max())
    circles = [(GREY, count, _counted(count, "test example")) for count in dict.fromkeys((least, most))]
    circles += [("white", 0, "answered only")] if len(_answered(guesses)) else []
    handles = []
    for colour, count, label in circles:
        size = float(_circle_area(np.array(count), most)) ** 0.5
        look = dict(marker="o", markersize=size, markerfacecolor=colour, markeredgecolor="black", linestyle="")
        handles.append(Line2D([], [], **look, label=label))
    if guesses.arcs:
        largest = guesses.arcs[0].count
        for count in dict.fromkeys((guesses.arcs[-1].count, largest)):
            width = _arc_width(count, largest)
            look = dict(color=VERMILION, alpha=0.55, linewidth=width)
            handles.append(Line2D([], [], **look, label=_counted(count, "mistake")))
    bar = figure.colorbar(
        ScalarMappable(Normalize(0, 100), _COLOURS), ax=figure.axes, location="bottom", shrink=0.4, aspect=40, pad=0.01
    )
    bar.set_label("recognized (%)")
    figure.legend(handles=handles, loc="outside lower center", ncols=5, fontsize=9, frameon=False, borderpad=0.8)


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")
