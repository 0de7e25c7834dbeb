"""How exactly does `extract_route` find the route on map screenshots, and how long does it take?

    python benchmarks/extract_routes.py
    python benchmarks/extract_routes.py --sheet docs/pictures/route_extraction.png

Two sets of made-up maps of about 1000 x 1500 px with a route whose pixels are known: those of
`tests/drawing/street_maps.py`, and those of `other_maps.py`, drawn by other means. Routes are red, orange and blue
in turn, and 3 to 12 px wide. The measure is the intersection over union of the pixels found and the pixels drawn, in
the padded square. What lies over a route, such as the mark at its end, counts as drawn.

The reference is the usual recipe, told the route's colour, which ours has to find: `cv2.inRange` around the colour in
HSV, a closing, and the largest connected component. Both see the same picture, one after the other; the times are those
of this process's calls. It exits with 1 if any of the first set, or the median of the second, is below 0.9.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import sys
import time
import warnings
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
from other_maps import draw_map as draw_other_map
from PIL import Image

from keras_sketch.drawing import extract_route
from keras_sketch.errors import BadDataError

REQUIRED = 0.9
HUES = ("red", "orange", "blue")
STREET_MAPS = Path(__file__).parent.parent / "tests" / "drawing" / "street_maps.py"


def main() -> int:
    """Runs the comparison and prints it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--maps", type=int, default=200, help="of each set (default %(default)s)")
    parser.add_argument("--first", type=int, default=0, help="number of the first map (default %(default)s)")
    parser.add_argument("--sheet", type=Path, help="draw ten maps and what was found on them into this file, and stop")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    street_maps = load(STREET_MAPS)
    if arguments.sheet:
        return draw_sheet(arguments.sheet, street_maps.draw_map)
    numbers = range(arguments.first, arguments.first + arguments.maps)
    worst = min(compare("street maps", street_maps.draw_map, numbers))
    median = statistics.median(compare("other maps", draw_other_map, numbers))
    return int(worst < REQUIRED or median < REQUIRED)


def load(file: Path) -> ModuleType:
    """Loads a module that lies in the tests."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    module = sys.modules[file.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def nth_map(draw_map, number: int):
    """Returns the map, its hue and its thickness: the three hues and the ten thicknesses in turn."""
    hue, thickness = HUES[number % 3], 3 + number // 3 % 10
    return draw_map(number, hue, thickness), hue, thickness


def compare(title: str, draw_map, numbers: range) -> list[float]:
    """Prints the scores and times of one set and returns our scores."""
    rows = []
    for number in numbers:
        street_map, hue, thickness = nth_map(draw_map, number)
        scores, seconds = {}, {}
        for name, method in (("ours", ours), ("reference", reference)):
            started = time.perf_counter()
            found = method(street_map.image, street_map.colour)
            seconds[name] = time.perf_counter() - started
            scores[name] = overlap(found, padded(street_map.mask))
        rows.append((hue, thickness, scores, seconds, street_map.about))
    print(
        f"\n{len(rows)} {title}\n{'':20} {'ours: min':>10} {'median':>8} {'mean':>8} "
        f"{'inRange: min':>12} {'median':>8} {'mean':>8}"
    )
    groups = {"all": rows} | {hue: [row for row in rows if row[0] == hue] for hue in HUES}
    groups |= {f"{size} px": [row for row in rows if row[1] == size] for size in range(3, 13)}
    for name, group in groups.items():
        if group:
            line = "  ".join(summary([row[2][method] for row in group]) for method in ("ours", "reference"))
            print(f"{name:20} {line}")
    scores = [row[2]["ours"] for row in rows]
    below = sum(score < REQUIRED for score in scores)
    print(f"below {REQUIRED}: {below} of {len(rows)}; the lowest: {min(rows, key=lambda row: row[2]['ours'])[4]}")
    times = {name: 1000 * statistics.median(row[3][name] for row in rows) for name in ("ours", "reference")}
    ratio = times["ours"] / times["reference"]
    print(f"ms a map (median): ours {times['ours']:.0f}, inRange {times['reference']:.0f}: {ratio:.1f} times as long")
    return scores


def summary(scores: list[float]) -> str:
    """Formats the lowest, the median and the mean."""
    return f"{min(scores):10.3f} {statistics.median(scores):8.3f} {statistics.mean(scores):8.3f}"


def ours(image: np.ndarray, _) -> np.ndarray:
    """What `extract_route` finds by itself, bool `[S, S]`; nothing where it refuses."""
    try:
        return extract_route(image) == 0
    except BadDataError:
        return np.zeros((max(image.shape),) * 2, bool)


def reference(image: np.ndarray, colour) -> np.ndarray:
    """What `cv2.inRange` around the known colour, a closing and the largest component give, bool `[S, S]`."""
    rgb = tuple(bytes.fromhex(colour[1:])) if isinstance(colour, str) else colour
    hue, saturation, value = (int(each) for each in cv2.cvtColor(np.uint8([[rgb]]), cv2.COLOR_RGB2HSV)[0, 0])
    turned = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    turned[..., 0] = (turned[..., 0].astype(np.int16) - hue + 90) % 180
    low = (80, max(saturation - 90, 60), max(value - 90, 60))
    inside = cv2.inRange(turned, low, (100, 255, 255))
    closed = cv2.morphologyEx(inside, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    count, labels, sizes, _ = cv2.connectedComponentsWithStats(closed)
    if count == 1:
        return padded(inside > 0)
    return padded(labels == 1 + sizes[1:, cv2.CC_STAT_AREA].argmax())


def padded(mask: np.ndarray) -> np.ndarray:
    """The mask in the middle of a square, as `extract_route` places it."""
    height, width = mask.shape
    longer = max(height, width)
    square = np.zeros((longer, longer), bool)
    top, left = (longer - height) // 2, (longer - width) // 2
    square[top : top + height, left : left + width] = mask
    return square


def overlap(found: np.ndarray, drawn: np.ndarray) -> float:
    """Intersection over union."""
    return float((found & drawn).sum() / (found | drawn).sum())


def draw_sheet(file: Path, draw_map) -> int:
    """Draws ten pairs: five columns, in each a map with its route beneath, twice."""
    side, gap = 220, 5
    rows = [[], [], [], []]
    for place, number in enumerate((6, 37, 8, 43, 4, 42, 10, 47, 24, 54)):
        image = nth_map(draw_map, number)[0].image
        height, width = image.shape[:2]
        square = np.full((max(height, width),) * 2 + (3,), 255, np.uint8)
        top, left = (len(square) - height) // 2, (len(square) - width) // 2
        square[top : top + height, left : left + width] = image
        before = cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA)
        after = cv2.cvtColor(extract_route(image, side=side), cv2.COLOR_GRAY2RGB)
        for row, picture in enumerate((before, after), 2 * (place // 5)):
            rows[row].append(cv2.copyMakeBorder(picture, gap, gap, gap, gap, cv2.BORDER_CONSTANT, value=(205,) * 3))
    sheet = np.vstack([np.hstack(row) for row in rows])
    Image.fromarray(sheet).quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(file, optimize=True)
    print(f"{file}: {sheet.shape[1]} x {sheet.shape[0]} px, {file.stat().st_size // 1000} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
