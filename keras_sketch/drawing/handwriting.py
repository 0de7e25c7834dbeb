"""Lines as a hand draws them: the strokes that the doodles are made of, and what a hand does to them.

Lengths are in units of half a doodle: a doodle lies about in -1..1 on both axes, y downwards.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np

Stroke = np.ndarray
"""float64 [n, 2], n >= 2: points along a line."""

_SPACING = 0.06


def line(*points: Sequence[float]) -> Stroke:
    """A line through the given corners."""
    corners = np.asarray(points, np.float64)
    steps = np.hypot(*(corners[1:] - corners[:-1]).T)
    along = np.concatenate(([0.0], np.cumsum(steps)))
    at = np.arange(max(2, math.ceil(along[-1] / _SPACING))) * _SPACING
    at[-1] = along[-1]
    if len(corners) > 2:
        # Corners are kept: a hand rounds them little.
        at = np.sort(np.concatenate((at, along[1:-1])))
    return np.stack((np.interp(at, along, corners[:, 0]), np.interp(at, along, corners[:, 1])), axis=1)


def arc(
    x: float, y: float, width: float, height: float | None = None, start: float = 0.0, turn: float = 360.0
) -> Stroke:
    """A part of an ellipse around (x, y).

    Args:
        x: Its middle.
        y: Its middle.
        width: Half its width.
        height: Half its height; the width when left out.
        start: Where it begins, in degrees clockwise from the right.
        turn: How far it goes, in degrees clockwise.
    """
    height = width if height is None else height
    count = max(4, math.ceil(math.radians(abs(turn)) * max(width, height) / _SPACING))
    angle = np.radians(np.linspace(start, start + turn, count))
    return np.stack((x + width * np.cos(angle), y + height * np.sin(angle)), axis=1)


def ring(rng: np.random.Generator, x: float, y: float, width: float, height: float | None = None) -> Stroke:
    """A whole ellipse as a hand closes it: begun anywhere, a little open or drawn past its beginning."""
    turn = rng.uniform(335, 385) * (1 if rng.random() < 0.5 else -1)
    return arc(x, y, width, height, rng.uniform(0, 360), turn)


def curve(*points: Sequence[float]) -> Stroke:
    """A smooth line (Catmull and Rom, 1974) through the given points."""
    p = np.asarray(points, np.float64)
    p = np.concatenate((2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]))
    t = np.linspace(0, 1, 8, endpoint=False)[None, :, None]
    a, b, c, d = (p[i : len(p) - 3 + i, None] for i in range(4))
    pieces = b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return np.concatenate((pieces.reshape(-1, 2), p[-2:-1]))


def outline(rng: np.random.Generator, *points: Sequence[float], split: float = 0.3) -> list[Stroke]:
    """A closed outline through corners: in one stroke from any corner, or (with probability `split`) edge by edge."""
    first = int(rng.integers(len(points)))
    corners = [*points[first:], *points[:first], points[first]]
    if rng.random() < split:
        return [line(start, end) for start, end in zip(corners, corners[1:], strict=False)]
    return [line(*corners)]


def draw_by_hand(rng: np.random.Generator, strokes: list[Stroke], turn: float = 7.0) -> list[Stroke]:
    """Does to a doodle's strokes what a hurried hand does.

    Each stroke shakes, is moved, tilted, and at times begun late, ended early or drawn backwards; now and then one
    changes places with the next or is forgotten (never the first, which carries the shape). The whole is turned,
    slanted, stretched and at times mirrored.

    Args:
        rng: Where all of it comes from.
        strokes: The strokes in the order of drawing.
        turn: Standard deviation of the whole's rotation, in degrees.

    Returns:
        New strokes, at least one.
    """
    haste = 0.035 * math.exp(rng.normal(0, 0.35))
    strokes = [_shake(rng, _cut(rng, stroke), haste) for stroke in strokes]
    kept = [stroke for i, stroke in enumerate(strokes) if i == 0 or rng.random() > 0.06]
    for i in range(len(kept) - 1):
        if rng.random() < 0.15:
            kept[i], kept[i + 1] = kept[i + 1], kept[i]
    angle = math.radians(rng.normal(0, turn))
    stretch = math.exp(rng.normal(0, 0.12))
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    rotation = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    whole = np.array([[mirror * stretch, 0.0], [rng.normal(0, 0.08), 1 / stretch]]) @ rotation
    return [stroke @ whole for stroke in kept]


def _cut(rng: np.random.Generator, stroke: Stroke) -> Stroke:
    if rng.random() < 0.3:
        stroke = stroke[int(len(stroke) * rng.uniform(0, 0.15)) :]
    if rng.random() < 0.3:
        stroke = stroke[: max(2, math.ceil(len(stroke) * rng.uniform(0.85, 1)))]
    return stroke[::-1] if rng.random() < 0.35 else stroke


def _shake(rng: np.random.Generator, stroke: Stroke, haste: float) -> Stroke:
    """Adds a slow drift (a few random waves along the stroke) and a small misplacement, both growing with size."""
    span = stroke.max(axis=0) - stroke.min(axis=0)
    size = 0.25 + 0.75 * min(1.0, math.hypot(*span) / 2)
    phases = rng.uniform(0, 2 * math.pi, (3, 2))
    heights = rng.normal(0, haste * size, (3, 2)) / np.sqrt([[1], [2], [3]])
    drift = _waves(len(stroke)) @ np.concatenate((heights * np.cos(phases), heights * np.sin(phases)))
    scale = 1 + rng.normal(0, haste, 2)
    middle = stroke.mean(axis=0)
    return (stroke - middle) * scale + middle + drift + rng.normal(0, haste * 0.8, 2)


@functools.lru_cache(maxsize=512)
def _waves(count: int) -> np.ndarray:
    """Sine and cosine of three waves (0.75, 1.5 and 2.25 turns) along a stroke, float64 [count, 6]."""
    angles = 2 * math.pi * 0.75 * np.linspace(0, 1, count)[:, None] * [[1, 2, 3]]
    return np.concatenate((np.sin(angles), np.cos(angles)), axis=1)
