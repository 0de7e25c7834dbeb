"""Memory, time and images a second of preparing a made-up GLDv2 tree of many small images in 500 classes.

Each size is prepared in a process of its own, whose peak memory is what the operating system says. Run from the
repository's root:

    python benchmarks/prepare_gldv2.py [--images 400000 800000] [--tars] [--folder DIR]

A tree of 800,000 images takes some 4 GB on disks of blocks of 4 KiB, and what is prepared of it another 3 GB; both are
removed at the end.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

CLASSES = 500
IMAGES_A_TAR = 8192
_CHILD = """
import resource, sys, time
from tfds_builders.gldv2.gldv2_dataset_builder import Builder
from tfds_builders.testing import prepare, sizes
from pathlib import Path
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
builder = prepare(Builder, Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], split=sys.argv[4])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print("RESULT", sum(sizes(builder).values()), time.perf_counter() - start, base, peak)
"""


def images(count: int) -> Iterator[tuple[str, int, bytes]]:
    """Yields id, landmark and a small JPEG each, by id: one of 64 pictures, with the number in a comment."""
    rng = np.random.default_rng(0)
    pictures = [
        cv2.imencode(".jpg", cv2.resize(rng.integers(0, 255, (4, 4, 3), np.uint8), (32, 32)))[1].tobytes()
        for _ in range(64)
    ]
    for number in range(count):
        picture = pictures[number % len(pictures)]
        comment = b"\xff\xfe\x00\x0a" + f"{number:08d}".encode()
        yield f"{number * (2**64 // count):016x}", number % CLASSES, picture[:2] + comment + picture[2:]


def make_tree(folder: Path, count: int, tars: bool) -> None:
    """Writes the list, and the images in a tree or in tars, as they are published."""
    (folder / "train").mkdir(parents=True)
    tar, rows = None, []
    for number, (identity, landmark, contents) in enumerate(images(count)):
        rows.append(f"{identity},https://upload.wikimedia.org/wikipedia/commons/a/a1/{identity}.jpg,{landmark}\n")
        name = f"{identity[0]}/{identity[1]}/{identity[2]}/{identity}.jpg"
        if not tars:
            path = folder / "train" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(contents)
            continue
        if number % IMAGES_A_TAR == 0:
            tar = tar and tar.close()
            tar = tarfile.open(folder / f"images_{number // IMAGES_A_TAR:03d}.tar", "w")
        member = tarfile.TarInfo(name)
        member.size = len(contents)
        tar.addfile(member, io.BytesIO(contents))
        tar.members.clear()
    if tar:
        tar.close()
    random.Random(0).shuffle(rows)
    with (folder / "train.csv").open("w") as file:
        file.writelines(["id,url,landmark_id\n", *rows])


def measure(folder: Path, count: int, tars: bool, split: str) -> int:
    """Prepares a tree in a process of its own, prints what it took, and returns its peak memory in KiB."""
    source, data = folder / "source", folder / "data"
    start = time.perf_counter()
    make_tree(source, count, tars)
    print(f"{count} images made in {time.perf_counter() - start:.0f} s", flush=True)
    command = [
        sys.executable,
        "-c",
        _CHILD,
        str(source),
        str(data),
        "min250" if count >= 250 * CLASSES else "min1",
        split,
    ]
    child = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, "TQDM_DISABLE": "1"}
    )
    [result] = [line.split() for line in child.stdout.splitlines() if line.startswith("RESULT")]
    prepared, seconds, base, peak = int(result[1]), float(result[2]), int(result[3]), int(result[4])
    print(
        f"{prepared} images prepared in {seconds:.0f} s: {prepared / seconds:.0f} images/s, peak memory "
        f"{peak / 2**20:.3f} GiB, of which {base / 2**20:.3f} GiB once everything is imported",
        flush=True,
    )
    shutil.rmtree(source)
    shutil.rmtree(data)
    return peak


def main() -> None:
    """Measures each size and compares the last with the first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=[400_000, 800_000], help="how many, for each run")
    parser.add_argument("--tars", action="store_true", help="tars in place of a tree")
    parser.add_argument("--split", default="series", help="the split scheme")
    parser.add_argument("--folder", help="where there is room; the system's temporary folder if not given")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gldv2-", dir=options.folder) as folder:
        peaks = [measure(Path(folder), count, options.tars, options.split) for count in options.images]
    print(f"peak memory of the last over that of the first: {peaks[-1] / peaks[0]:.3f}")


if __name__ == "__main__":
    main()
