"""How fast, and in how much memory, does our builder turn Quick, Draw! strokes into a ready TFDS dataset?

The reference is what a TFDS builder for these files looks like when written straight away: `json.loads`, Google's
cairo recipe for each drawing, and an array for `tfds.features.Image`, which compresses it to PNG. It writes one split;
ours writes its default three. Both read the same files, real drawings repeated under new keys, and store the same
features. Each run is a process of its own, ours and the reference's in turn; the time is that of
`download_and_prepare`, without imports and without Numba's compilation, which is stored on disk. Ours rasterizes and
compresses in two more threads, so the ratio of processor times is printed as well. Run it with

    python benchmarks/prepare_quickdraw.py --samples DIR      # or set KERAS_SKETCH_SAMPLES

where DIR holds `quickdraw/simplified/*.ndjson`. It exits with 1 if the ratio is below 3.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REQUIRED = 3.0


def main() -> int:
    """Runs the comparison and prints it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--samples", default=os.environ.get("KERAS_SKETCH_SAMPLES"), help="folder with quickdraw/ in it"
    )
    parser.add_argument("--drawings", type=int, default=50_000, help="how many to prepare (default %(default)s)")
    parser.add_argument("--runs", type=int, default=3, help="of each (default %(default)s)")
    parser.add_argument("--child", choices=("ours", "reference"), help=argparse.SUPPRESS)
    parser.add_argument("--source", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(prepare(arguments.child, arguments.source)))
        return 0
    samples = Path(arguments.samples or "", "quickdraw", "simplified")
    if not arguments.samples or not samples.is_dir():
        parser.error("needs --samples DIR or KERAS_SKETCH_SAMPLES: a folder with quickdraw/simplified/*.ndjson")
    with tempfile.TemporaryDirectory() as folder:
        return compare(samples, Path(folder), arguments.drawings, arguments.runs)


def compare(samples: Path, folder: Path, drawings: int, runs: int) -> int:
    """Prints drawings a second of both, their ratio, and our peak memory at two sizes.

    Returns:
        0 if the ratio is at least `REQUIRED`, else 1.
    """
    small, large = repeat(samples, folder / "small", drawings), repeat(samples, folder / "large", 4 * drawings)
    rates, processor = {"reference": [], "ours": []}, {"reference": [], "ours": []}
    for run in range(runs):
        for name, measured in rates.items():
            result = in_child(name, small)
            measured.append(result["drawings"] / result["seconds"])
            processor[name].append(result["processor_seconds"])
            print(f"run {run + 1}, {name:9}: {measured[-1]:8,.0f} drawings/s, peak {result['peak_mib']:,.0f} MiB")
    medians = {name: statistics.median(measured) for name, measured in rates.items()}
    ratio = medians["ours"] / medians["reference"]
    print(f"median: reference {medians['reference']:,.0f}, ours {medians['ours']:,.0f} drawings/s")
    processor_ratio = statistics.median(processor["reference"]) / statistics.median(processor["ours"])
    print(f"ratio {ratio:.2f} (required: {REQUIRED}); of processor times {processor_ratio:.2f}")
    for source in (small, large):
        result = in_child("ours", source)
        print(
            f"memory, {result['drawings']:,} drawings: {result['before_mib']:,.0f} MiB with everything imported, "
            f"at most {result['peak_mib']:,.0f} MiB while preparing"
        )
    return 0 if ratio >= REQUIRED else 1


def repeat(samples: Path, folder: Path, drawings: int) -> Path:
    """Writes `drawings` real drawings, repeated in turn with keys of their own, as one file a class."""
    folder.mkdir()
    files = sorted(samples.glob("*.ndjson"))
    for number, path in enumerate(files):
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        count = drawings // len(files) + (number < drawings % len(files))
        with (folder / path.name).open("w", encoding="utf-8") as file:
            for index in range(count):
                drawing = {**lines[index % len(lines)], "key_id": f"{number:04}{index:012}"}
                file.write(json.dumps(drawing, separators=(",", ":")) + "\n")
    return folder


def in_child(name: str, source: Path) -> dict[str, float]:
    """Runs one preparation in a process of its own."""
    command = [sys.executable, __file__, "--child", name, "--source", str(source)]
    result = subprocess.run(command, capture_output=True, text=True)  # noqa: S603
    if result.returncode:
        sys.exit(f"{name} failed:\n{result.stderr[-3000:]}")
    return json.loads(result.stdout.splitlines()[-1])


def prepare(name: str, source: Path) -> dict[str, float]:
    """Prepares the files of a folder and measures it."""
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    with tempfile.TemporaryDirectory() as data_dir:
        builder = (ours if name == "ours" else reference)(source, data_dir)
        before = peak_mib()
        begin, processor = time.perf_counter(), time.process_time()
        builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=source))
        seconds, processor = time.perf_counter() - begin, time.process_time() - processor
        drawings = builder.info.splits.total_num_examples
    return {
        "seconds": seconds,
        "processor_seconds": processor,
        "drawings": drawings,
        "before_mib": before,
        "peak_mib": peak_mib(),
    }


def peak_mib() -> float:
    """Gives the most memory that this process has held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def ours(source: Path, data_dir: str):
    """Makes our builder for the files of a folder, and has the rasterizer compiled."""
    import tfds_builders
    from keras_sketch.drawing import rasterize

    rasterize([[[[0, 9], [0, 9]]]])
    builder = tfds_builders.BUILDERS["quickdraw"]
    return builder(data_dir=data_dir, config=builder.resolve_config(builder.make_config(), source))


def reference(source: Path, data_dir: str):
    """Makes the builder that ours is compared to."""
    import numpy as np
    import tensorflow_datasets as tfds
    from cairo_recipe import google_recipe

    vector_to_raster = google_recipe()
    if vector_to_raster is None:
        sys.exit("The reference needs cairo: `pip install keras_sketch[cairo]`.")

    class CairoQuickdraw(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")
        MANUAL_DOWNLOAD_INSTRUCTIONS = "A folder of ndjson files."

        def _info(self):
            text = tfds.features.Text()
            features = {
                "image": tfds.features.Image(shape=(28, 28, 1)),
                "label": tfds.features.ClassLabel(names=sorted(path.stem for path in source.glob("*.ndjson"))),
                **{"id": text, "group": text, "countrycode": text, "recognized": np.bool_, "key_id": text},
            }
            return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples(dl_manager.manual_dir)}

        def _generate_examples(self, folder):
            for path in sorted(folder.glob("*.ndjson")):
                with path.open() as lines:
                    for line in lines:
                        drawing = json.loads(line)
                        key = drawing["key_id"]
                        yield (
                            key,
                            {
                                "image": vector_to_raster([drawing["drawing"]])[0].reshape(28, 28, 1),
                                "label": drawing["word"],
                                **{"id": key, "group": key, "key_id": key},
                                **{name: drawing[name] for name in ("countrycode", "recognized")},
                            },
                        )

    return CairoQuickdraw(data_dir=data_dir)


if __name__ == "__main__":
    sys.exit(main())
