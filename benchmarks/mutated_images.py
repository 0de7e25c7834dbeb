"""10,000 mutated images through the folder builder and through an exported model: is each one used or named?

    python benchmarks/mutated_images.py [--count 10000] [--seed 0] [--manual-dir DIR] [--folder DIR]

The images are those of `tests/curation/mutated_images.py`; with `--manual-dir` every tenth is a file from there,
damaged. A small model is trained on images that nothing is wrong with, and exported as `train` does it. Then the
builder (a) and the export (b: each image alone; c: batches of 16) run in a process of their own each, which notes how
long every file takes and the peak of resident memory meanwhile (Linux: `VmHWM`, reset before each file), over what the
process held once everything was loaded.

It exits with 1 if a process crashes, a file is neither in the dataset nor in the list of bad examples, the export and
the builder disagree on a file, an error of the export names other places than those, a file takes more than 30 s, or
the peak is more than 1 GiB over the baseline.
"""

from __future__ import annotations

import argparse
import collections
import csv
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from tqdm import tqdm

MUTATIONS = Path(__file__).parent.parent / "tests" / "curation" / "mutated_images.py"
MOST_MIB, MOST_SECONDS, BATCH = 1024, 30, 16


def load(file: Path) -> ModuleType:
    """Loads a module that lies in the tests."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    module = sys.modules[f"tests.{file.stem}"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Watch:
    """Time and peak memory of one call after the other, in MiB over what was held at the start."""

    def __init__(self):
        self.baseline = self._memory("VmRSS")
        self.seconds, self.peak = 0.0, 0.0

    def __enter__(self) -> Watch:
        Path("/proc/self/clear_refs").write_text("5")
        self._start = time.perf_counter()
        return self

    def __exit__(self, *raised: object) -> None:
        self.seconds = time.perf_counter() - self._start
        self.peak = self._memory("VmHWM") - self.baseline

    @staticmethod
    def _memory(name: str) -> float:
        return int(re.search(rf"{name}:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024


def child_train(folder: Path) -> dict:
    """Trains a small model for an epoch on good images; its run holds the export."""
    from keras_sketch import train

    mutations = load(MUTATIONS)
    for number in range(80):
        place = folder / "good" / "ab"[number % 2] / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(mutations.plain(mutations.stdlib_random.Random(number), "PNG"))
    train(
        dataset="folder",
        model="sketch_cnn",
        epochs=1,
        batch_size=16,
        data_dir=str(folder / "data"),
        manual_dir=str(folder / "good"),
        output_dir=str(folder / "run"),
    )
    return {}


def child_build(folder: Path) -> dict:
    """Prepares the files; every one is watched while it is read and decoded."""
    from keras_sketch.data.sources import prepare
    from tfds_builders.folder import folder_dataset_builder as module

    prepare("folder", data_dir=folder / "data", manual_dir=folder / "good")
    watch, files = Watch(), {}
    as_it_was = module.read_file, module.stored_image

    def read_file(path):
        watch.path = module.as_text(path.relative_to(folder / "bad").as_posix())
        files[watch.path] = (0.0, 0.0)
        return as_it_was[0](path)

    def stored_image(*arguments):
        try:
            with watch:
                return as_it_was[1](*arguments)
        finally:
            files[watch.path] = (watch.seconds, watch.peak)

    module.read_file, module.stored_image = read_file, stored_image
    builder = prepare("folder", data_dir=folder / "data", manual_dir=folder / "bad", max_bad=1.0)
    stored = [
        example["id"].decode()
        for split in builder.as_dataset(decoders={"image": module.tfds.decode.SkipDecoding()}).values()
        for example in split.as_numpy_iterator()
    ]
    with (Path(builder.data_dir) / "bad_examples.csv").open(newline="", encoding="utf-8") as file:
        named = {row["file"]: row["reason"] for row in csv.DictReader(file)}
    return {"watched": files, "stored": stored, "named": named}


def child_export(folder: Path) -> dict:
    """Asks the exported model about each file, then about all in batches; notes what its errors name."""
    import tensorflow as tf

    serve = tf.saved_model.load(str(folder / "run" / "saved_model")).signatures["serving_default"]

    def refused(contents: list[bytes]) -> dict[int, str]:
        try:
            serve(image_bytes=tf.constant(contents, tf.string))
        except tf.errors.InvalidArgumentError as error:
            said = re.search(r"assertion failed: \[(.*?)\]\n", str(error), re.DOTALL)[1]
            return {int(place): reason for place, reason in re.findall(r"image_bytes\[(\d+)\]: ([^;]*)", said)}
        return {}

    paths = [path for path in map(Path, json.loads((folder / "places.json").read_text())) if path.is_file()]
    paths = [path for path in paths if path.stat().st_size < 1 << 30]  # A client would not hold it either.
    refused([(folder / "good" / "a" / "0.png").read_bytes(), b"", b"BM", b"\xff\xd8", b"GIF89a"])
    watch, files, named, batches = Watch(), {}, {}, []
    for number, path in enumerate(tqdm(paths, desc="Asking", unit=" files", disable=None)):
        contents = path.read_bytes()
        with watch:
            answer = refused([contents])
        files[number] = (watch.seconds, watch.peak)
        named |= {number: answer[0]} if answer else {}
    for start in tqdm(range(0, len(paths), BATCH), desc="Batches", disable=None):
        with watch:
            answer = refused([path.read_bytes() for path in paths[start : start + BATCH]])
        told = {start + place for place in answer}
        expected = {number for number in range(start, start + BATCH) if number in named}
        batches.append((watch.seconds, watch.peak, told == expected))
    text = [os.fsencode(path).decode("utf-8", "backslashreplace") for path in paths]
    return {
        "watched": {text[number]: figures for number, figures in files.items()},
        "named": {text[number]: reason for number, reason in named.items()},
        "batches": batches,
    }


def in_a_process(step: str, folder: Path) -> dict | None:
    """Runs a step in a process of its own; None if it crashed or hung."""
    command = [sys.executable, __file__, "--step", step, "--folder", str(folder)]
    started = time.perf_counter()
    done = subprocess.run(command, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}, stdout=subprocess.DEVNULL)
    print(f"{step}: {time.perf_counter() - started:.0f} s, exit code {done.returncode}", flush=True)
    return None if done.returncode else json.loads((folder / f"{step}.json").read_text())


def table(title: str, kinds: dict[str, str], watched: dict, named: dict) -> bool:
    """Prints a line for each kind of mutation; returns whether time and memory are within bounds."""
    print(f"\n{title}\n{'kind':<16} {'files':>6} {'used':>6} {'named':>6} {'slowest':>9} {'peak':>9}")
    rows = collections.defaultdict(list)
    for place, figures in watched.items():
        rows[kinds[place]].append((*figures, place in named))
        rows["all"].append(rows[kinds[place]][-1])
    for kind in sorted(rows, key=lambda kind: (kind == "all", kind)):
        seconds, peaks, bad = zip(*rows[kind], strict=True)
        print(
            f"{kind:<16} {len(bad):>6} {len(bad) - sum(bad):>6} {sum(bad):>6} {max(seconds):>7.2f} s "
            f"{max(peaks):>5.0f} MiB"
        )
    seconds, peaks, _ = zip(*rows["all"], strict=True)
    return max(seconds) <= MOST_SECONDS and max(peaks) <= MOST_MIB


def compare(kinds: dict[str, str], build: dict, export: dict) -> bool:
    """Prints the tables and what does not add up."""
    fine = table("Builder", kinds, build["watched"], build["named"])
    fine &= table("Export, one by one", kinds, export["watched"], export["named"])
    seconds, peaks, right = zip(*export["batches"], strict=True)
    print(f"\nExport, {len(right)} batches of {BATCH}: slowest {max(seconds):.1f} s, peak {max(peaks):.0f} MiB")
    accounted = collections.Counter([*build["stored"], *build["named"]])
    used_by_export = {place for place, reason in build["named"].items() if "animated" in reason}
    disagreed = {place for place in export["watched"] if (place in build["named"]) != (place in export["named"])}
    problems = {
        "neither used nor named, or both": [place for place in kinds if accounted[place] != 1],
        "accounted for but not there": [place for place in accounted if place not in kinds],
        "the export and the builder disagree": sorted(disagreed - used_by_export),
        "batches whose error names other places": [number for number, each in enumerate(right) if not each],
    }
    for problem, places in problems.items():
        print(f"{problem}: {len(places)} {places[:5] or ''}")
    print("\nreasons of the builder")
    reasons = collections.Counter(re.sub(r"\d+", "N", reason) for reason in build["named"].values())
    for reason, count in reasons.most_common():
        print(f"{count:>6}  {reason}")
    return fine and max(peaks) <= MOST_MIB and not any(problems.values())


def samples(folder: str | None) -> Iterable[bytes]:
    """Reads at most 300 images of a folder, the smaller ones."""
    paths = [path for path in sorted(Path(folder).rglob("*")) if path.suffix.lower() in (".png", ".jpg", ".jpeg")]
    return [path.read_bytes() for path in paths if path.stat().st_size < 300_000][:: max(1, len(paths) // 300)]


def main() -> int:
    """Makes the files, runs the steps and compares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000, help="files (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the mutations (default %(default)s)")
    parser.add_argument("--manual-dir", help="a folder of real images to damage too")
    parser.add_argument("--folder", help="where to work; by default the system's temporary folder")
    parser.add_argument("--step", choices=["train", "build", "export"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        result = globals()[f"child_{options.step}"](Path(options.folder))
        (Path(options.folder) / f"{options.step}.json").write_text(json.dumps(result))
        return 0
    mutations = load(MUTATIONS)
    with tempfile.TemporaryDirectory(prefix="mutated-", dir=options.folder) as name:
        folder = Path(name)
        real = tuple(samples(options.manual_dir)) if options.manual_dir else ()
        files = mutations.mutated_images(options.count, options.seed, real)
        made = tqdm(files, total=options.count, desc="Making", unit=" files", disable=None)
        kinds = {place: file.kind for place, file in mutations.write_files(folder / "bad", made).items()}
        (folder / "places.json").write_text(json.dumps([str(path) for path in sorted((folder / "bad").rglob("*"))]))
        results = [in_a_process(step, folder) for step in ("train", "build", "export")]
        if None in results:
            return 1
        _, build, export = results
        below = f"{folder / 'bad'}{os.sep}"
        export = {
            **export,
            "watched": {place.removeprefix(below): each for place, each in export["watched"].items()},
            "named": {place.removeprefix(below): each for place, each in export["named"].items()},
        }
        return int(not compare(kinds, build, export))


if __name__ == "__main__":
    sys.exit(main())
