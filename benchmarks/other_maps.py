"""Another set of made-up map screenshots, drawn with other means.

Everything is drawn with Pillow at twice the size and scaled down: a ring city with long avenues, parks, a branching
river, labels in a real font, pins, and in a quarter of them a photographic ground. Nothing is shared with
`tests/drawing/street_maps.py` but the shape of the result. The first 100 were looked at while `extract_route` was
written, and a few of its rules come from them.
"""

from __future__ import annotations

import io
import math
import random as stdlib_random
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

ROUTES = {
    "red": ["#E53935", "#FF1744", "#C62828", "#FF3B30"],
    "orange": ["#FC4C02", "#FC5200", "#FF6D00", "#F4511E"],
    "blue": ["#1A73E8", "#2962FF", "#3D5AFE", "#0B57D0"],
}
GROUNDS = [
    {"land": "#F2EFE9", "park": "#C8E6C9", "water": "#AAD3DF", "house": "#D9D0C9", "text": "#333333"},
    {"land": "#E8EAED", "park": "#CEEAD6", "water": "#9CC0F9", "house": "#DADCE0", "text": "#5F6368"},
    {"land": "#17263C", "park": "#1E3A34", "water": "#0E2F5A", "house": "#22324A", "text": "#9CA5B3"},
    {"land": "#5A6B4A", "park": "#3E5B34", "water": "#274B5E", "house": "#8A8478", "text": "#FFFFFF"},
]
LIGHT_ROADS = [("#FFFFFF", "#D0D0D0"), ("#E0E0E0", "#BDBDBD"), ("#F9E79F", "#D4B24A"), ("#FFD54F", "#E0A800")]
DARK_ROADS = [("#38475E", "#212B3A"), ("#4A5568", "#2D3748"), ("#746855", "#3A352C"), ("#8A7A4A", "#3A352C")]
PLACES = ["Rynek", "Hauptbahnhof", "Rue Verte", "5th Avenue", "Parque", "Old Mill", "A7", "Zoo", "Library", "St. Mary"]


class Map(NamedTuple):
    """As the `Map` of `tests/drawing/street_maps.py`."""

    image: np.ndarray
    mask: np.ndarray
    colour: str
    about: str


def draw_map(seed: int, hue: str | None, thickness: int) -> Map:
    """Draws a map with a route of a hue of `ROUTES` (None: without) that is `thickness` pixels wide."""
    random = stdlib_random.Random(f"held out {seed}")
    width, height = random.choice([(1000, 1500), (828, 1792), (1400, 900), (1179, 1300)])
    number = random.randrange(len(GROUNDS))
    ground = GROUNDS[number]
    canvas = Image.new("RGB", (2 * width, 2 * height), ground["land"])
    pen = ImageDraw.Draw(canvas)
    nature(pen, canvas.size, ground, random)
    if number == 3:
        speckle = np.random.default_rng(seed).normal(0, 14, (height // 2, width // 2, 1)).repeat(3, 2)
        texture = Image.fromarray(np.uint8(np.clip(128 + speckle, 0, 255))).resize(
            canvas.size, Image.Resampling.BICUBIC
        )
        canvas = Image.fromarray(np.uint8(np.clip(np.int16(canvas) + np.int16(texture) - 128, 0, 255)))
        pen = ImageDraw.Draw(canvas)
    streets(pen, canvas.size, DARK_ROADS if number > 1 else LIGHT_ROADS, random)
    signs(pen, canvas.size, ground, random)
    cover = Image.new("L", canvas.size, 0)
    colour, about = "", f"ground {number}, map {seed} of {height} x {width}"
    if hue is not None:
        colour = random.choice(ROUTES[hue])
        points = route(canvas.size, random)
        alpha, halo = random.choice([1, 1, 1, 0.8]), random.choice([None, None, "#FFFFFF", "#222222"])
        about += f", {hue} {colour}, {thickness} px, alpha {alpha}, halo {halo}"
        stroke(ImageDraw.Draw(cover), points, 255, 2 * thickness)
        if halo:
            stroke(pen, points, halo, 2 * thickness + 6)
        canvas.paste(colour, mask=cover.point(lambda value: round(value * alpha)))
    final = canvas.resize((width, height), Image.Resampling.BOX)
    mask = np.asarray(cover.resize((width, height), Image.Resampling.BOX)) >= 128
    if random.random() < 0.2:
        final, about = final.filter(ImageFilter.GaussianBlur(0.6)), about + ", blurred"
    if random.random() < 0.3:
        stream, quality = io.BytesIO(), random.randint(75, 95)
        final.save(stream, "JPEG", quality=quality)
        final, about = Image.open(stream).convert("RGB"), f"{about}, JPEG {quality}"
    return Map(np.array(final), mask, colour, about)


def stroke(pen, points, colour, width):
    """A line with round corners and ends."""
    pen.line(points, colour, width, joint="curve")
    for x, y in points:
        pen.ellipse((x - width / 2, y - width / 2, x + width / 2 - 1, y + width / 2 - 1), colour)


def nature(pen, size, ground, random):
    """Parks, houses, lakes, and a river with a branch."""
    for kind in ["park"] * random.randint(2, 7) + ["house"] * random.randint(0, 90) + ["water"] * random.randint(0, 2):
        x, y = random.uniform(0, size[0]), random.uniform(0, size[1])
        reach = random.uniform(15, 60) if kind == "house" else random.uniform(100, 700)
        corners = sorted(random.uniform(0, 2 * math.pi) for _ in range(4 if kind == "house" else 9))
        shape = [(x + reach * math.cos(turn), y + reach * math.sin(turn)) for turn in corners]
        pen.polygon(shape, ground[kind])
    x, y, heading = 0.0, random.uniform(0, size[1]), random.uniform(-0.6, 0.6)
    bed = [(x, y)]
    while 0 <= x <= size[0] and len(bed) < 200:
        heading += random.uniform(-0.25, 0.25)
        x, y = x + 40 * math.cos(heading), y + 40 * math.sin(heading)
        bed.append((x, y))
    stroke(pen, bed, ground["water"], random.choice([6, 14, 50, 140]))
    half = bed[len(bed) // 2]
    stroke(pen, [half, (half[0] + 300, size[1])], ground["water"], 8)


def streets(pen, size, roads, random):
    """Rings around a centre, spokes, and long avenues, each with its casing."""
    x, y = (random.uniform(0.2, 0.8) * length for length in size)
    lines = []
    for ring in range(1, random.randint(8, 18)):
        radius = ring * random.uniform(150, 200)
        arc = [(x + radius * math.cos(turn / 20), y + radius * math.sin(turn / 20)) for turn in range(127)]
        lines.append((arc, random.choice([0, 0, 0, 1, 2]), random.randint(8, 18)))
    for spoke in range(random.randint(9, 22)):
        turn = spoke + random.uniform(-0.2, 0.2)
        far = (x + 5000 * math.cos(turn), y + 5000 * math.sin(turn))
        lines.append(([(x, y), far], random.choice([0, 0, 1, 2, 3]), random.randint(8, 24)))
    for _ in range(random.randint(1, 3)):
        avenue = [(0, random.uniform(0, size[1])), (size[0] / 2, random.uniform(0, size[1])), (size[0], size[1] / 2)]
        lines.append((avenue, 3, random.randint(14, 36)))
    for points, kind, width in sorted(lines, key=lambda line: line[1]):
        stroke(pen, points, roads[kind][1], width + 4)
        stroke(pen, points, roads[kind][0], width)


def signs(pen, size, ground, random):
    """Names and pins, some of them in the colours of routes, and a bar with a button."""
    for _ in range(random.randint(10, 40)):
        place = random.uniform(0, size[0] * 0.9), random.uniform(0, size[1])
        font = ImageFont.load_default(random.randint(22, 48))
        pen.text(
            place,
            random.choice(PLACES),
            ground["text"],
            font,
            stroke_width=random.choice([0, 3]),
            stroke_fill=ground["land"],
        )
    for _ in range(random.randint(4, 20)):
        x, y, radius = random.uniform(0, size[0]), random.uniform(0, size[1]), random.randint(12, 30)
        colour = random.choice(sum(ROUTES.values(), ["#34A853", "#7B1FA2", "#FBBC04"]))
        pen.polygon([(x - radius, y), (x + radius, y), (x, y + 2 * radius)], colour)
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), colour, "#FFFFFF", random.choice([0, 4]))
        pen.ellipse((x - radius / 3, y - radius / 3, x + radius / 3, y + radius / 3), "#FFFFFF")
    if random.random() < 0.5:
        pen.rectangle((0, 0, size[0], 140), "#FFFFFF")
        pen.rounded_rectangle((40, 30, 400, 110), 40, random.choice(ROUTES["orange"] + ROUTES["blue"]))
        pen.text((90, 40), "Follow", "#FFFFFF", ImageFont.load_default(48))


def route(size, random):
    """A line of straight blocks and bends inside the picture, or a rose or a star; a list of points."""
    kind = random.randrange(3)
    if kind == 0:
        turn, points = random.uniform(0, 7), [(0.0, 0.0)]
        for _ in range(random.randint(15, 45)):
            turn += random.choice([0, 0, math.pi / 2, -math.pi / 2, 0.5])
            step = random.uniform(60, 220)
            points.append((points[-1][0] + step * math.cos(turn), points[-1][1] + step * math.sin(turn)))
    elif kind == 1:
        petals = random.choice([2, 3, 5])
        turns = [index / 300 * 2 * math.pi for index in range(301)]
        points = [
            (math.cos(petals * t) * math.cos(t) + 0.3 * math.sin(t), math.cos(petals * t) * math.sin(t)) for t in turns
        ]
    else:
        tips = random.choice([5, 7, 9])
        points = [(math.cos(4 * math.pi * k / tips), math.sin(4 * math.pi * k / tips)) for k in range(tips + 1)]
    left, top = min(x for x, _ in points), min(y for _, y in points)
    wide, tall = max(x for x, _ in points) - left, max(y for _, y in points) - top
    scale = random.uniform(0.4, 0.8) * min(size[0] / wide, size[1] / tall)
    across, down = (
        random.uniform(0.1, 0.9) * (size[0] - scale * wide),
        random.uniform(0.15, 0.9) * (size[1] - scale * tall),
    )
    return [((x - left) * scale + across, (y - top) * scale + down) for x, y in points]
