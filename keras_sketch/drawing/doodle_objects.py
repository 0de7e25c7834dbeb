"""How doodles of made things are drawn, one function a class.

The names are QuickDraw's. Each function takes random numbers and draws proportions, details and variants from them;
the order of the strokes is that of drawing, the one that carries the shape first.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from keras_sketch.drawing.handwriting import Stroke, arc, curve, line, outline, ring

Rng = np.random.Generator


def car(rng: Rng) -> list[Stroke]:
    """A body with a cabin on it, two wheels, windows at times."""
    roof, bonnet, floor = rng.uniform(-0.75, -0.5), rng.uniform(-0.2, 0.0), rng.uniform(0.3, 0.45)
    a, b = rng.uniform(0.5, 0.7), rng.uniform(0.25, 0.45)
    body = [(-1, floor), (-1, bonnet), (-a, bonnet), (-b, roof), (b, roof), (a, bonnet), (1, bonnet + 0.05), (1, floor)]
    strokes = outline(rng, *body, split=0.0) if rng.random() < 0.6 else [line(*body), line((-1, floor), (1, floor))]
    r, x = rng.uniform(0.16, 0.28), rng.uniform(0.45, 0.62)
    strokes += [ring(rng, -x, floor, r), ring(rng, x, floor, r)]
    if rng.random() < 0.4:
        strokes += [ring(rng, -x, floor, r / 3), ring(rng, x, floor, r / 3)]
    if rng.random() < 0.6:
        strokes.append(line((0, roof), (rng.uniform(-0.05, 0.05), bonnet)))
    if rng.random() < 0.5:
        strokes.append(line((-a, bonnet), (a, bonnet)))
    return strokes


def clock(rng: Rng) -> list[Stroke]:
    """A round dial with two hands, marks or none."""
    strokes = [ring(rng, 0, 0, rng.uniform(0.85, 1.0))]
    for length in (rng.uniform(0.5, 0.75), rng.uniform(0.3, 0.5)):
        angle = rng.uniform(0, 2 * math.pi)
        strokes.append(line((0, 0), (length * math.cos(angle), length * math.sin(angle))))
    marks = int(rng.choice([0, 4, 12], p=[0.25, 0.45, 0.3]))
    for angle in np.arange(marks) * 2 * math.pi / max(marks, 1):
        inner = rng.uniform(0.68, 0.75)
        strokes.append(
            line(*((r * math.cos(angle), r * math.sin(angle)) for r in (inner, inner + rng.uniform(0.08, 0.16))))
        )
    return strokes


def cup(rng: Rng) -> list[Stroke]:
    """A vessel with a handle; a rim as a line or an ellipse, steam at times."""
    top, foot, h = rng.uniform(0.5, 0.75), rng.uniform(0.35, 0.6), rng.uniform(0.6, 0.85)
    strokes = [curve((-top, -h), (-(top + foot) / 2, 0), (-foot, h), (0, h + 0.03), (foot, h), (top, -h))]
    if rng.random() < 0.5:
        strokes[0] = line((-top, -h), (-foot, h), (foot, h), (top, -h))
    strokes.append(ring(rng, 0, -h, top, rng.uniform(0.1, 0.2)) if rng.random() < 0.5 else line((-top, -h), (top, -h)))
    x, y, out, size = (top + foot) / 2, rng.uniform(-0.2, 0.1), rng.uniform(0.3, 0.5), rng.uniform(0.25, 0.4)
    strokes.append(curve((x, y - size), (x + out, y - size * 0.8), (x + out, y + size * 0.7), (x, y + size)))
    if rng.random() < 0.25:
        strokes += [curve(*((x + 0.08 * (-1) ** i, -h - 0.15 - 0.15 * i) for i in range(4))) for x in (-0.25, 0.2)]
    return strokes


def house(rng: Rng) -> list[Stroke]:
    """Walls, a roof, a door, windows and a chimney at times."""
    w, eaves, floor, ridge = (
        rng.uniform(0.65, 0.9),
        rng.uniform(-0.25, 0.05),
        rng.uniform(0.75, 0.95),
        -rng.uniform(0.75, 1),
    )
    over = rng.uniform(0, 0.2)
    strokes = outline(rng, (-w, eaves), (w, eaves), (w, floor), (-w, floor))
    strokes.append(line((-w - over, eaves), (rng.normal(0, 0.05), ridge), (w + over, eaves)))
    if rng.random() < 0.75:
        x, half, top = rng.uniform(-0.2, 0.2), rng.uniform(0.1, 0.18), floor - rng.uniform(0.35, 0.55)
        strokes.append(line((x - half, floor), (x - half, top), (x + half, top), (x + half, floor)))
    for side in (-1, 1):
        if rng.random() < 0.45:
            x, y, s = side * w * 0.62, (eaves + floor) / 2 - 0.12, rng.uniform(0.1, 0.16)
            strokes += outline(rng, (x - s, y - s), (x + s, y - s), (x + s, y + s), (x - s, y + s), split=0.1)
            if rng.random() < 0.5:
                strokes += [line((x, y - s), (x, y + s)), line((x - s, y), (x + s, y))]
    if rng.random() < 0.35:
        x, y = w * 0.5, (eaves + ridge) / 2
        strokes.append(line((x - 0.1, y - 0.08), (x - 0.1, ridge), (x + 0.1, ridge), (x + 0.1, y + 0.12)))
    return strokes


def ice_cream(rng: Rng) -> list[Stroke]:
    """A cone with one to three scoops, a waffle pattern at times."""
    w, rim = rng.uniform(0.38, 0.55), rng.uniform(-0.2, 0.1)
    strokes = [line((-w, rim), (rng.normal(0, 0.04), 1), (w, rim))]
    strokes.append(line((-w, rim), (w, rim)))
    scoops = int(rng.choice([1, 2, 3], p=[0.6, 0.25, 0.15]))
    y = rim
    for _ in range(scoops):
        h = rng.uniform(0.45, 0.7) / scoops**0.5
        strokes.append(arc(0, y, w * rng.uniform(0.95, 1.15), h, 180, 180))
        y -= h * 0.8
    if rng.random() < 0.5:
        for t in (0.25, 0.5, 0.75)[: int(rng.integers(1, 4))]:
            across = w * (1 - t)
            low = rim + (1 - rim) * t
            strokes.append(line((-across, low), (across * 0.5, low + 0.25 * (1 - t))))
            strokes.append(line((across, low), (-across * 0.5, low + 0.25 * (1 - t))))
    if rng.random() < 0.3:
        strokes.append(ring(rng, 0, y - 0.15, 0.1))
    return strokes


def ladder(rng: Rng) -> list[Stroke]:
    """Two rails and three to eight rungs, leaning."""
    w, taper, rungs = rng.uniform(0.25, 0.42), rng.uniform(0.8, 1.0), int(rng.integers(3, 9))
    strokes = [line((-w, 1), (-w * taper, -1)), line((w, 1), (w * taper, -1))]
    for y in np.linspace(-0.8, 0.8, rungs) + rng.normal(0, 0.02, rungs):
        half = w * (taper + (1 - taper) * (y + 1) / 2) * rng.uniform(0.9, 1.1)
        strokes.append(line((-half, y), (half, y + rng.normal(0, 0.03))))
    lean = rng.normal(0, 0.2)
    return [stroke + np.stack((stroke[:, 1] * lean, 0 * stroke[:, 1]), axis=1) for stroke in strokes]


def sailboat(rng: Rng) -> list[Stroke]:
    """A hull, a mast, one or two sails, waves at times."""
    deck, keel, w = rng.uniform(0.35, 0.5), rng.uniform(0.75, 0.95), rng.uniform(0.75, 1.0)
    floor = w * rng.uniform(0.5, 0.75)
    strokes = outline(rng, (-w, deck), (w, deck), (floor, keel), (-floor, keel), split=0.15)
    x, top = rng.uniform(-0.2, 0.1), rng.uniform(-1, -0.85)
    strokes.append(line((x, deck), (x, top)))
    low, reach = deck - rng.uniform(0.05, 0.2), rng.uniform(0.55, 0.85)
    strokes.append(line((x, top), (x + reach, low), (x, low)))
    if rng.random() < 0.5:
        strokes.append(line((x, top + rng.uniform(0, 0.25)), (x - reach * rng.uniform(0.6, 0.9), low), (x, low)))
    if rng.random() < 0.3:
        strokes.append(curve(*((t, keel + 0.15 + 0.06 * (-1) ** i) for i, t in enumerate(np.linspace(-1, 1, 8)))))
    return strokes


def umbrella(rng: Rng) -> list[Stroke]:
    """A canopy with a straight or scalloped edge, ribs at times, a shaft with a hook."""
    w, h, y = rng.uniform(0.85, 1.0), rng.uniform(0.6, 0.9), rng.uniform(-0.15, 0.1)
    strokes = [arc(0, y, w, h, 180, 180)]
    scallops = int(rng.choice([1, 3, 4, 5], p=[0.25, 0.3, 0.25, 0.2]))
    if scallops == 1:
        strokes.append(line((-w, y), (w, y)))
    else:
        half = w / scallops
        edge = [arc(-w + half * (2 * i + 1), y, half, half * 0.7, 180, 180) for i in range(scallops)]
        strokes += [np.concatenate(edge)] if rng.random() < 0.5 else edge
        if rng.random() < 0.4:
            ribs = (-w + 2 * half * (i + 1) for i in range(scallops - 1))
            strokes += [curve((0, y - h), (x * 0.75, y - h * 0.6), (x, y)) for x in ribs]
    hook, low = rng.uniform(0.12, 0.22), rng.uniform(0.75, 0.9)
    start = y - h * (1 if rng.random() < 0.3 else rng.uniform(0, 0.3))
    strokes.append(np.concatenate((line((0, start), (0, low)), arc(hook, low, hook, hook * 0.9, 180, -190))))
    return strokes


DOODLES: dict[str, Callable[[Rng], list[Stroke]]] = {
    "car": car,
    "clock": clock,
    "cup": cup,
    "house": house,
    "ice cream": ice_cream,
    "ladder": ladder,
    "sailboat": sailboat,
    "umbrella": umbrella,
}
