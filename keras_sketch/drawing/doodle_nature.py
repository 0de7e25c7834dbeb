"""How doodles of what grows, swims and shines are drawn, one function a class.

The names are QuickDraw's. Each function takes random numbers and draws proportions, details and variants from them;
the order of the strokes is that of drawing, the one that carries the shape first.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from keras_sketch.drawing.handwriting import Stroke, arc, curve, line, outline, ring

Rng = np.random.Generator


def apple(rng: Rng) -> list[Stroke]:
    """Two bulges with a dip on top, a stalk, often a leaf."""
    w, h, dip = rng.uniform(0.7, 1.0), rng.uniform(0.7, 0.95), rng.uniform(0.1, 0.3)
    top = -h + dip
    right = [(0, top), (w * 0.45, -h), (w, -h * 0.3), (w * 0.75, h * 0.6), (w * 0.3, h), (0, h * 0.88)]
    left = [(-x, y) for x, y in right[-2::-1]]
    strokes = [curve(*right, *left)] if rng.random() < 0.7 else [curve(*right), curve(*left[::-1])]
    strokes.append(curve((0, top), (rng.uniform(-0.1, 0.1), top - 0.25), (rng.uniform(0, 0.25), top - 0.5)))
    if rng.random() < 0.7:
        x, y = 0.1, top - 0.25
        strokes.append(curve((x, y), (x + 0.2, y - 0.25), (x + 0.5, y - 0.2), (x + 0.3, y + 0.02), (x, y)))
    return strokes


def cat(rng: Rng) -> list[Stroke]:
    """A face: a round head, two pointed ears, eyes, a nose, whiskers."""
    w, h = rng.uniform(0.7, 0.95), rng.uniform(0.6, 0.8)
    strokes = [ring(rng, 0, 0.1, w, h)]
    ear, inner, outer = rng.uniform(0.35, 0.55), rng.uniform(0.15, 0.3), rng.uniform(0.75, 0.9)
    for side in (-1, 1):
        base = 0.1 - h * math.sqrt(1 - inner**2)
        tip = (side * w * (inner + outer) / 2 * 1.1, base - ear)
        low = (side * w * outer, 0.1 - h * math.sqrt(1 - outer**2))
        strokes.append(line((side * w * inner, base), tip, low))
    eye, apart = rng.uniform(0.04, 0.12), rng.uniform(0.25, 0.4)
    strokes += [ring(rng, side * apart, -0.1, eye) for side in (-1, 1)]
    strokes += outline(rng, (-0.08, 0.15), (0.08, 0.15), (0, 0.25), split=0.0)
    if rng.random() < 0.6:
        strokes.append(curve((-0.25, 0.38), (-0.1, 0.42), (0, 0.27), (0.1, 0.42), (0.25, 0.38)))
    for side in (-1, 1):
        for slope in rng.uniform(-0.2, 0.25, int(rng.integers(1, 4))):
            strokes.append(line((side * 0.35, 0.25 + slope / 2), (side * rng.uniform(0.95, 1.3), 0.22 + slope)))
    return strokes


def fish(rng: Rng) -> list[Stroke]:
    """A body that narrows into a tail, an eye, fins at times."""
    h, tail, size = rng.uniform(0.35, 0.6), rng.uniform(0.4, 0.6), rng.uniform(0.25, 0.5)
    if rng.random() < 0.6:
        upper = [(-1, 0), (-0.5, -h), (0.1, -h * 0.8), (tail, 0), (1, size)]
        lower = [(1, -size), (tail, 0), (0.1, h * 0.8), (-0.5, h), (-1, 0)]
        strokes = [curve(*upper), curve(*lower), line((1, size), (1, -size))]
        if rng.random() < 0.5:
            strokes = [np.concatenate(strokes[::2] + strokes[1:2])]
    else:
        strokes = [ring(rng, -0.2, 0, 0.8, h), line((tail, 0), (1, -size), (1, size), (tail, 0))]
    strokes.append(ring(rng, -0.62, -h * 0.25, rng.uniform(0.03, 0.09)))
    if rng.random() < 0.4:
        strokes.append(arc(-0.55, 0, 0.2, h * 0.75, -70, 140))
    if rng.random() < 0.4:
        strokes.append(curve((-0.3, -h), (0, -h - 0.3), (0.25, -h * 0.75)))
    return strokes


def flower(rng: Rng) -> list[Stroke]:
    """A middle with petals around it on a stalk, leaves at times."""
    y, r, petals = -0.45, rng.uniform(0.13, 0.2), int(rng.integers(5, 9))
    out = rng.uniform(0.3, 0.45)
    strokes = [ring(rng, 0, y, r)]
    angles = 2 * math.pi * (np.arange(petals) + rng.uniform()) / petals
    if rng.random() < 0.6:
        wide = out * math.sin(math.pi / petals) * 1.5
        for a in angles:
            base, side = np.array([math.cos(a), math.sin(a)]), np.array([-math.sin(a), math.cos(a)])
            strokes.append(
                curve(
                    *(
                        [0, y] + base * d + side * s
                        for d, s in ((r, -0.06), (out, -wide), (out * 1.5, 0), (out, wide), (r, 0.06))
                    )
                )
            )
    else:
        middle = [(out * math.cos(a), y + out * math.sin(a)) for a in angles]
        strokes += [ring(rng, *point, out * rng.uniform(0.42, 0.58)) for point in middle]
    bend = rng.uniform(-0.15, 0.15)
    strokes.append(curve((0, y + out), (bend, 0.5), (rng.uniform(-0.1, 0.1), 1.0)))
    for side in (-1, 1):
        if rng.random() < 0.45:
            x, low = bend, rng.uniform(0.45, 0.7)
            strokes.append(curve((x, low), (x + side * 0.25, low - 0.3), (x + side * 0.5, low - 0.25), (x, low + 0.02)))
    return strokes


def mushroom(rng: Rng) -> list[Stroke]:
    """A cap on a stem, dots on it at times."""
    w, h, y = rng.uniform(0.75, 1.0), rng.uniform(0.6, 0.9), rng.uniform(-0.1, 0.15)
    strokes = [arc(0, y, w, h, 180, 180)]
    strokes.append(arc(0, y, w, rng.uniform(0.05, 0.2), 0, 180) if rng.random() < 0.5 else line((-w, y), (w, y)))
    top, foot = rng.uniform(0.18, 0.35), rng.uniform(0.2, 0.42)
    strokes.append(curve((-top, y + 0.1), (-(top + foot) / 2, 0.5), (-foot, 1), (foot, 1), (top, y + 0.1)))
    for _ in range(int(rng.integers(0, 5))):
        angle, out = rng.uniform(200, 340) * math.pi / 180, rng.uniform(0.3, 0.7)
        strokes.append(ring(rng, out * w * math.cos(angle), y + out * h * math.sin(angle), rng.uniform(0.06, 0.13)))
    return strokes


def star(rng: Rng) -> list[Stroke]:
    """Five points: drawn across in one go, or as an outline."""
    turn = -math.pi / 2 + rng.normal(0, 0.08)
    radius = rng.uniform(0.85, 1.05, 5)
    if rng.random() < 0.55:
        order = [0, 2, 4, 1, 3, 0]
        angles = [turn + 2 * math.pi * i / 5 for i in order]
        return [line(*((radius[i] * math.cos(a), radius[i] * math.sin(a)) for i, a in zip(order, angles, strict=True)))]
    inner = rng.uniform(0.35, 0.55)
    corners = []
    for i in range(10):
        r = radius[i // 2] if i % 2 == 0 else inner
        corners.append((r * math.cos(turn + math.pi * i / 5), r * math.sin(turn + math.pi * i / 5)))
    return outline(rng, *corners, split=0.1)


def sun(rng: Rng) -> list[Stroke]:
    """A disc with rays around it, a face at times."""
    r, rays = rng.uniform(0.38, 0.58), int(rng.integers(6, 14))
    strokes = [ring(rng, 0, 0, r)]
    inner, outer = r + rng.uniform(0.03, 0.15), rng.uniform(0.85, 1.0)
    for angle in 2 * math.pi * (np.arange(rays) + rng.uniform() + rng.normal(0, 0.08, rays)) / rays:
        ends = (inner, outer * rng.uniform(0.85, 1.1))
        strokes.append(line(*((d * math.cos(angle), d * math.sin(angle)) for d in ends)))
    if rng.random() < 0.25:
        strokes += [ring(rng, side * r * 0.35, -r * 0.2, 0.04) for side in (-1, 1)]
        strokes.append(arc(0, 0, r * 0.55, r * 0.5, 20, 140))
    return strokes


def tree(rng: Rng) -> list[Stroke]:
    """A trunk under a crown: a cloud, an ellipse, or the tiers of a fir."""
    w, y = rng.uniform(0.1, 0.22), rng.uniform(0.1, 0.35)
    trunk = [line((-w, y), (-w * 1.2, 1)), line((w, y), (w * 1.2, 1))]
    if rng.random() < 0.4:
        trunk.append(line((-w * 1.2, 1), (w * 1.2, 1)))
    kind = rng.choice(3, p=[0.5, 0.25, 0.25])
    if kind == 0:
        bumps = int(rng.integers(6, 11))
        wide, high = rng.uniform(0.55, 0.75), rng.uniform(0.45, 0.6)
        points = []
        for i in range(2 * bumps + 1):
            angle = math.pi / 2 + math.pi * i / bumps
            out = 1.0 if i % 2 == 0 else 1.35
            points.append((wide * out * math.cos(angle), y - high + high * out * math.sin(angle)))
        return [curve(*points), *trunk]
    if kind == 1:
        high = rng.uniform(0.45, 0.65)
        return [ring(rng, 0, y - high, rng.uniform(0.5, 0.8), high), *trunk]
    tiers, height = int(rng.integers(1, 4)), y + 1
    right = []
    for i in range(tiers):
        low = -1 + height * (i + 1) / tiers
        out = rng.uniform(0.55, 0.75) * (i + 1) / tiers + 0.1
        right += [(out, low), (out * 0.4, low - 0.02)]
    right = right[:-1]
    return [line((0, -1), *right), line((0, -1), *((-px, py) for px, py in right)), line((-0.6, y), (0.6, y)), *trunk]


DOODLES: dict[str, Callable[[Rng], list[Stroke]]] = {
    "apple": apple,
    "cat": cat,
    "fish": fish,
    "flower": flower,
    "mushroom": mushroom,
    "star": star,
    "sun": sun,
    "tree": tree,
}
