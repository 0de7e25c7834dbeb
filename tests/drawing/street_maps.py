"""Made-up map screenshots with a route whose pixels are known."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np

ROUTES = {
    "red": ((255, 0, 0), (230, 30, 40), (214, 20, 20), (244, 67, 54)),
    "orange": ((252, 76, 2), (252, 82, 0), (255, 102, 0), (255, 112, 20)),
    "blue": ((0, 0, 255), (66, 133, 244), (25, 90, 240), (30, 60, 200)),
    "purple": ((128, 0, 200), (156, 39, 176)),
    "magenta": ((255, 0, 200), (233, 30, 140)),
    "green": ((0, 170, 40), (20, 160, 80)),
}


@dataclasses.dataclass(frozen=True)
class Style:
    """How a map looks; roads are (fill, casing, narrowest, widest), from the smallest kind to the motorways."""

    land: tuple
    areas: tuple
    water: tuple
    roads: tuple
    text: tuple
    halo: tuple


STYLES = {
    "osm": Style(
        (242, 239, 233),
        ((200, 250, 204), (205, 235, 176), (173, 209, 158), (224, 223, 223), (255, 255, 229), (136, 224, 190)),
        (170, 211, 223),
        (
            ((255, 255, 255), (187, 187, 187), 4, 9),
            ((247, 250, 191), (112, 125, 5), 6, 12),
            ((252, 214, 164), (160, 107, 0), 7, 14),
            ((249, 178, 156), (200, 78, 47), 8, 15),
            ((232, 146, 162), (220, 42, 103), 8, 16),
        ),
        (70, 70, 70),
        (255, 255, 255),
    ),
    "google": Style(
        (245, 245, 245),
        ((197, 232, 197), (235, 235, 230), (220, 240, 215), (252, 232, 230)),
        (156, 192, 249),
        (
            ((255, 255, 255), (225, 225, 225), 5, 12),
            ((200, 205, 210), (180, 185, 190), 4, 9),
            ((255, 235, 161), (240, 210, 120), 8, 14),
            ((253, 203, 96), (233, 172, 77), 8, 18),
            ((255, 225, 40), (230, 170, 20), 8, 16),
        ),
        (90, 100, 110),
        (255, 255, 255),
    ),
    "outdoors": Style(
        (240, 236, 226),
        ((190, 220, 160), (168, 208, 140), (214, 229, 190), (225, 220, 210)),
        (117, 190, 235),
        (
            ((255, 255, 255), (215, 210, 200), 4, 10),
            ((235, 232, 225), (190, 180, 170), 4, 9),
            ((255, 224, 130), (220, 180, 90), 7, 13),
            ((255, 180, 80), (225, 140, 50), 8, 16),
        ),
        (80, 70, 60),
        (250, 250, 245),
    ),
    "dark": Style(
        (36, 47, 62),
        ((38, 60, 63), (44, 56, 70), (30, 52, 44), (50, 50, 56)),
        (23, 38, 90),
        (
            ((56, 65, 78), (33, 42, 55), 4, 10),
            ((80, 88, 98), (40, 48, 60), 5, 11),
            ((116, 104, 85), (31, 40, 53), 8, 15),
            ((150, 118, 60), (40, 40, 40), 8, 14),
        ),
        (213, 149, 99),
        (36, 47, 62),
    ),
}
WORDS = (
    "Market Street, Old Town, Riverside, Central Park, High Road, Station, Museum, Lake View, Elm Ave, Harbour".split(
        ", "
    )
)


@dataclasses.dataclass(frozen=True)
class Map:
    """A screenshot and what is known about it.

    Attributes:
        image: uint8 RGB `[H, W, 3]`.
        mask: bool `[H, W]`, where the route was drawn (what lies over it included); empty without a route.
        colour: The route's RGB.
        about: One line.
    """

    image: np.ndarray
    mask: np.ndarray
    colour: tuple
    about: str


def draw_map(seed: int, hue: str | None = "red", thickness: int = 5, size: tuple | None = None) -> Map:
    """Draws a map, and a route on it.

    Args:
        seed: Which map.
        hue: A key of `ROUTES`, or None for a map without a route.
        thickness: The route's width in pixels.
        size: Height and width; None for one near 1500 x 1000.
    """
    random = np.random.default_rng(seed)
    height, width = size or ((1500, 1000), (1334, 750), (1000, 1500), (1200, 1080))[random.integers(4)]
    name, style = list(STYLES.items())[seed % len(STYLES)]
    image = np.full((height, width, 3), style.land, np.uint8)
    draw_areas(image, style, random)
    draw_roads(image, style, random)
    draw_labels(image, style, random, int(random.integers(8, 30)))
    draw_icons(image, random, int(random.integers(5, 25)))
    mask, colour = np.zeros((height, width), bool), (0, 0, 0)
    about = f"{name} map {seed} of {height} x {width} without a route"
    if hue is not None:
        colour = ROUTES[hue][random.integers(len(ROUTES[hue]))]
        points = route_points(height, width, random)
        how = draw_route(image, mask, points, colour, thickness, random)
        about = f"{name} map {seed} of {height} x {width}, {hue} {colour} route, {thickness} px, {how}"
        draw_markers(image, points, thickness, random)
        draw_labels(image, style, random, int(random.integers(0, 3)))
    if random.random() < 0.4:
        draw_interface(image, random)
        mask[: height // 14] = mask[height - height // 9 :] = False
    if random.random() < 0.35:
        quality = int(random.integers(80, 96))
        about += f", JPEG {quality}"
        image = cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)
    return Map(image, mask, colour, about)


def draw_areas(image, style, random):
    """Parks, squares and houses; often a lake, and often a river."""
    height, width = image.shape[:2]
    for _ in range(random.integers(3, 12)):
        colour = style.areas[random.integers(len(style.areas))]
        cv2.fillPoly(image, [blob(random, height, width, random.uniform(40, 300))], colour, cv2.LINE_AA)
    for _ in range(random.integers(0, 60)):
        centre = tuple(map(float, random.uniform(0, 1, 2) * (width, height)))
        box = cv2.boxPoints((centre, tuple(map(float, random.uniform(10, 50, 2))), float(random.uniform(0, 90))))
        cv2.fillPoly(image, [box.astype(np.int32)], tuple(int(value) - 14 for value in style.land), cv2.LINE_AA)
    if random.random() < 0.6:
        cv2.fillPoly(image, [blob(random, height, width, random.uniform(80, 350))], style.water, cv2.LINE_AA)
    if random.random() < 0.6:
        points = curve(random, height, width)
        cv2.polylines(image, [points], False, style.water, int(random.choice([2, 3, 5, 8, 25, 60])), cv2.LINE_AA)


def blob(random, height, width, radius):
    """A closed, wobbly outline, int32 `[N, 2]`."""
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    radii = radius * (1 + 0.3 * np.sin(angles * random.integers(2, 5) + random.uniform(0, 6)))
    centre = random.uniform(0, 1, 2) * (width, height)
    return (centre + radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1)).astype(np.int32)


def curve(random, height, width):
    """A wavy line across the picture, int32 `[N, 2]`."""
    along = np.linspace(-0.05, 1.05, 80)
    across = random.uniform(0.1, 0.9) + 0.12 * np.sin(along * random.uniform(3, 9) + random.uniform(0, 6))
    points = np.stack([along, across + random.uniform(-0.4, 0.4) * along], 1)
    return (points[:, :: random.choice([-1, 1])] * (width, height)).astype(np.int32)


def draw_roads(image, style, random):
    """A tilted grid of small streets, then larger and larger roads, and perhaps a railway."""
    height, width = image.shape[:2]
    reach = float(np.hypot(height, width))
    angle, step = random.uniform(0, np.pi / 2), random.uniform(45, 130)
    lines = []
    for turn in (0, np.pi / 2):
        direction = np.array([np.cos(angle + turn), np.sin(angle + turn)])
        for offset in np.arange(-reach / 2, reach / 2, step):
            middle = np.array([width, height]) / 2 + offset * direction[::-1] * (-1, 1)
            lines.append((np.stack([middle - reach * direction, middle + reach * direction]).astype(np.int32), 0))
    for kind in range(1, len(style.roads)):
        lines += [(curve(random, height, width), kind) for _ in range(random.integers(0, 4))]
    widths = [int(random.integers(low, high + 1)) for *_, low, high in style.roads]
    for casing in (True, False):
        for points, kind in lines:
            fill, edge, *_ = style.roads[kind]
            cv2.polylines(image, [points], False, edge if casing else fill, widths[kind] + 2 * casing, cv2.LINE_AA)
    if random.random() < 0.5:
        cv2.polylines(image, [curve(random, height, width)], False, (120, 120, 120), 2, cv2.LINE_AA)


def draw_labels(image, style, random, count):
    """Words with a halo."""
    height, width = image.shape[:2]
    for _ in range(count):
        place = (int(random.uniform(0, width * 0.85)), int(random.uniform(20, height)))
        scale, word = float(random.uniform(0.4, 0.9)), WORDS[random.integers(len(WORDS))]
        for colour, thickness in ((style.halo, 4), (style.text, 1)):
            cv2.putText(image, word, place, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, thickness, cv2.LINE_AA)


def draw_icons(image, random, count):
    """Discs and squares in vivid colours, the route's among them, with a white glyph."""
    height, width = image.shape[:2]
    palette = [colour for colours in ROUTES.values() for colour in colours] + [(120, 90, 60), (250, 180, 0)]
    for _ in range(count):
        x, y, radius = int(random.uniform(0, width)), int(random.uniform(0, height)), int(random.integers(6, 17))
        colour = palette[random.integers(len(palette))]
        if random.random() < 0.6:
            cv2.circle(image, (x, y), radius + 2, (255, 255, 255), -1, cv2.LINE_AA)
            cv2.circle(image, (x, y), radius, colour, -1, cv2.LINE_AA)
        else:
            cv2.rectangle(image, (x - radius, y - radius), (x + radius, y + radius), colour, -1)
        cv2.putText(
            image,
            "HPMB+"[random.integers(5)],
            (x - 5, y + 5),
            cv2.FONT_HERSHEY_PLAIN,
            1,
            (255, 255, 255),
            1,
            cv2.LINE_AA,
        )


def route_points(height, width, random):
    """One line as people run it: along a grid, a closed shape, a spiral or a scribble; int32 `[N, 2]`."""
    kind = random.integers(4)
    if kind == 0:
        steps = np.array([(0, 1), (1, 0), (0, -1), (-1, 0)])[random.integers(0, 4, 40)]
        points = np.cumsum(steps, 0)
    elif kind == 1:
        angles = np.linspace(0, 2 * np.pi, 200)
        radii = 1 + 0.5 * np.sin(angles * random.integers(3, 8)) + 0.1 * np.sin(angles * 17)
        points = radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1)
    elif kind == 2:
        angles = np.linspace(0, random.uniform(8, 20), 300)
        points = angles[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1)
    else:
        points = cv2.GaussianBlur(random.normal(0, 1, (60, 2)).cumsum(0), (1, 5), 1)
    points = points - points.min(0)
    room = np.array([width, height]) * random.uniform(0.35, 0.8)
    points = points * (room / np.maximum(points.max(0), 1e-6)).min()
    low, high = points.min(0), np.array([width, height]) - points.max(0)
    return (points + low + (high - low) * random.uniform(0.25, 0.75, 2)).round().astype(np.int32)


def draw_route(image, mask, points, colour, thickness, random):
    """Draws the line, with a casing or opaque or neither, and its mask; returns in words how."""
    smooth = random.random() < 0.8
    kind = cv2.LINE_AA if smooth else cv2.LINE_8
    casing = ((255, 255, 255), (40, 30, 30), None, None)[random.integers(4)]
    alpha = float(random.choice([1, 1, 1, 0.85, 0.7]))
    if casing:
        cv2.polylines(image, [points], False, casing, thickness + 4, kind)
    cover = np.zeros(mask.shape, np.uint8)
    cv2.polylines(cover, [points], False, 255, thickness, kind)
    if alpha == 1:
        cv2.polylines(image, [points], False, colour, thickness, kind)
    else:
        share = (cover * (alpha / 255.0))[..., None]
        image[:] = (image * (1 - share) + np.array(colour) * share).round().astype(np.uint8)
    mask[:] = cover >= 128
    return f"{'smooth' if smooth else 'jagged'}, casing {casing}, alpha {alpha:g}"


def draw_markers(image, points, thickness, random):
    """Where the route starts and ends."""
    if random.random() < 0.6:
        for point, colour in ((points[0], (40, 170, 60)), (points[-1], (40, 40, 40))):
            place = tuple(map(int, point))
            cv2.circle(image, place, thickness // 2 + 6, (255, 255, 255), -1, cv2.LINE_AA)
            cv2.circle(image, place, thickness // 2 + 4, colour, -1, cv2.LINE_AA)


def draw_interface(image, random):
    """A bar above and below, with buttons and words in an app's colour."""
    height, width = image.shape[:2]
    dark = random.random() < 0.3
    paper, accent = (20 if dark else 255), ((252, 76, 2), (0, 122, 255), (230, 30, 40))[random.integers(3)]
    image[: height // 14] = image[height - height // 9 :] = paper
    middle = height - height // 18
    for index in range(4):
        x = int(width * (index + 0.5) / 4)
        cv2.rectangle(image, (x - 40, middle - 18), (x + 40, middle + 18), accent, -1 if index % 2 else 2)
        cv2.putText(
            image, "Save", (x - 24, middle + 6), 0, 0.7, (255, 255, 255) if index % 2 else accent, 2, cv2.LINE_AA
        )
    cv2.putText(image, "Morning run", (20, height // 22), 0, 1, accent, 2, cv2.LINE_AA)
