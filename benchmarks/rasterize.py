"""How near `rasterize` and `simplify` come to Google's own files, and how fast they are beside Google's cairo recipe.

    python benchmarks/rasterize.py --samples DIR

DIR holds `quickdraw/` with `simplified/*.ndjson`, `numpy_bitmap/*.npy` (row i is the drawing on line i) and
`raw/*.ndjson`, as Google publishes them. Everything printed is measured in this run, on one core. Nothing is installed;
without cairo the comparisons with it are left out, and the script says so.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from cairo_recipe import google_recipe

from keras_sketch.drawing import Drawing, parse_ndjson, rasterize, simplify
from keras_sketch.errors import MissingDataError

FIRST_CALL = """
import time
from keras_sketch.drawing import rasterize
start = time.perf_counter()
rasterize([[([0, 255], [0, 255])]])
print(time.perf_counter() - start)
"""


def main() -> None:
    """Runs all comparisons and prints them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=Path, default=os.environ.get("KERAS_SKETCH_SAMPLES"), metavar="DIR")
    parser.add_argument("--repeats", type=int, default=9, help="timed rounds of each engine (default: %(default)s)")
    arguments = parser.parse_args()
    if arguments.samples is None:
        parser.error("give --samples DIR, or set KERAS_SKETCH_SAMPLES")
    folder = Path(arguments.samples) / "quickdraw"
    classes = {path.stem: list(parse_ndjson(path)) for path in sorted(folder.glob("simplified/*.ndjson"))}
    if not classes:
        parser.error(f"{folder / 'simplified'} holds no .ndjson files")
    compare_with_bitmaps(folder, classes)
    compare_speed([drawing.strokes for drawings in classes.values() for drawing in drawings], arguments.repeats)
    compare_simplified(folder, classes)


def compare_with_bitmaps(folder: Path, classes: dict[str, list[Drawing]]) -> None:
    """Prints the error of both engines against Google's bitmaps."""
    errors, equal = [], []
    for path in sorted(folder.glob("numpy_bitmap/*.npy")):
        drawings = classes.get(path.stem, [])
        official = np.load(path, mmap_mode="r")[: len(drawings)].reshape(-1, 28, 28)
        errors.append(np.abs(rasterize(drawings).astype(np.int16) - official))
        try:
            equal.append((rasterize(drawings, engine="cairo") == official).all(axis=(1, 2)))
        except MissingDataError as error:
            missing = str(error)
    if not errors:
        print("numpy_bitmap/ holds no .npy files: no comparison with Google's bitmaps.")
        return
    images = np.concatenate(errors)
    print(f"Google's bitmaps: {len(images)} drawings of {len(errors)} classes, 28 x 28")
    print(f"  engine 'numba': mean absolute error {images.mean():.3f} of 255, largest {images.max()}")
    worst = max(error.mean() for error in errors)
    print(f"    worst class {worst:.3f}; pixels that are equal {(images == 0).mean():.1%}")
    if equal:
        same = np.concatenate(equal)
        print(f"  engine 'cairo': {same.sum()} of {len(same)} drawings equal bit for bit")
    else:
        print(f"  engine 'cairo': not compared. {missing}")


def compare_speed(drawings: list, repeats: int) -> None:
    """Prints drawings a second of our default engine and of Google's recipe, in turns, as medians."""
    points = sum(len(stroke[0]) for strokes in drawings for stroke in strokes) / len(drawings)
    print(f"Speed: {len(drawings)} drawings of {points:.0f} points on average, 28 x 28, one process, one thread")
    bindings = {"cairo recipe (cairocffi, Google's)": "cairocffi", "cairo recipe (pycairo)": "cairo"}
    recipes = {name: google_recipe(binding) for name, binding in bindings.items()}
    recipes = {name: recipe for name, recipe in recipes.items() if recipe}
    engines = {"engine 'numba'": rasterize} | recipes
    seconds: dict[str, list[float]] = {name: [] for name in engines}
    for engine in engines.values():
        engine(drawings[:100])
    for _ in range(repeats):
        for name, engine in engines.items():
            start = time.perf_counter()
            engine(drawings)
            seconds[name].append(time.perf_counter() - start)
    for name, times in seconds.items():
        rates = sorted(len(drawings) / value for value in times)
        print(f"  {name}: {statistics.median(rates):,.0f} drawings/s ({rates[0]:,.0f} to {rates[-1]:,.0f})")
    for name in recipes:
        ratios = [b / a for a, b in zip(seconds["engine 'numba'"], seconds[name], strict=True)]
        print(f"  ratio to {name}: {statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f} a round)")
    if not recipes:
        print("  cairo recipe: not measured, cairocffi or cairo is not installed (`pip install keras_sketch[cairo]`).")
    with tempfile.TemporaryDirectory() as cache:
        calls = [
            subprocess.run(
                [sys.executable, "-c", FIRST_CALL],
                env=os.environ | {"NUMBA_CACHE_DIR": cache},
                capture_output=True,
                text=True,
                check=True,
            )
            for _ in range(2)
        ]
    first, second = (float(call.stdout) for call in calls)
    print(
        f"  not counted: first call of a process {first:.1f} s once (compiled), {second:.1f} s later (read from disk)"
    )


def compare_simplified(folder: Path, classes: dict[str, list[Drawing]]) -> None:
    """Prints how many raw drawings `simplify` turns into the official simplified ones."""
    official = {drawing.key_id: drawing.strokes for drawings in classes.values() for drawing in drawings}
    pairs = [
        (simplify(drawing), official[drawing.key_id])
        for path in sorted(folder.glob("raw/*.ndjson"))
        for drawing in parse_ndjson(path)
        if drawing.key_id in official
    ]
    if not pairs:
        print("raw/ holds no drawings that are in simplified/: `simplify` is not compared.")
        return
    identical = np.mean([ours == theirs for ours, theirs in pairs])
    near = np.mean([points_within_one(ours, theirs) for ours, theirs in pairs])
    lines = np.mean([furthest(ours, theirs) <= 1 for ours, theirs in pairs])
    print(f"simplify: {len(pairs)} official pairs of raw and simplified drawings, same strokes, and")
    print(f"  identical: {identical:.1%}")
    print(f"  as many points, each within 1 on both axes: {near:.1%}")
    print(f"  lines within 1 of each other (Hausdorff distance): {lines:.1%}")


def points_within_one(ours: list, theirs: list) -> bool:
    """Whether each point has its counterpart within 1 on both axes."""
    return len(ours) == len(theirs) and all(
        len(a[0]) == len(b[0]) and np.abs(np.subtract(a, b)).max() <= 1 for a, b in zip(ours, theirs, strict=True)
    )


def furthest(ours: list, theirs: list) -> float:
    """The greatest Hausdorff distance between the strokes' lines, infinite if their number differs."""
    if len(ours) != len(theirs):
        return np.inf
    pairs = zip(ours, theirs, strict=True)
    return max(max(distance_to_line(a, b), distance_to_line(b, a)) for a, b in pairs)


def distance_to_line(stroke: list, line: list) -> float:
    """The greatest distance of the stroke's points, sampled four times a unit, from a line."""
    ends = np.array(stroke, float).T
    steps = [np.linspace(a, b, 2 + int(4 * np.hypot(*(b - a)))) for a, b in zip(ends, ends[1:], strict=False)]
    points = np.concatenate(steps or [ends])
    corners = np.array(line, float).T
    starts, stops = corners[: max(len(corners) - 1, 1)], corners[min(1, len(corners) - 1) :]
    along = stops - starts
    share = ((points[:, None] - starts) * along).sum(axis=2) / np.maximum((along**2).sum(axis=1), 1e-12)
    nearest = starts + np.clip(share, 0, 1)[..., None] * along
    return float(np.hypot(*np.moveaxis(points[:, None] - nearest, 2, 0)).min(axis=1).max())


if __name__ == "__main__":
    main()
