"""How many errors our recipe makes for each one of the published network's, on eight animals.

Both are trained by `train` on the same official bitmaps and the same split (80/20 by the hash of class and row), and
tested on the same 20 %. About a quarter of an hour on two cores.

    python benchmarks/quickdraw_animals.py --samples DIR
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

ANIMALS = ("bird", "cat", "dog", "fish", "lion", "monkey", "rabbit", "sheep")
RECIPES = {"published": "quickdraw-8", "ours": "quickdraw"}


def main() -> None:
    """Trains both for each seed and prints the ratio of their errors."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--samples", default=os.environ.get("KERAS_SKETCH_SAMPLES"), help="folder that holds quickdraw/"
    )
    parser.add_argument("--seeds", type=int, default=1, help="how many times to train both")
    options = parser.parse_args()
    if not options.samples:
        parser.error("give --samples, or set KERAS_SKETCH_SAMPLES")
    errors: dict[str, list[float]] = {name: [] for name in RECIPES}
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(options.seeds):
            for name, recipe in RECIPES.items():
                metrics, seconds = _train(recipe, seed, Path(options.samples) / "quickdraw", Path(folder))
                errors[name].append(1 - metrics["top1"])
                low, high = metrics["intervals"]["top1"]
                print(
                    f"RESULT seed {seed} {name}: top-1 {metrics['top1']:.4f} ({low:.4f} to {high:.4f}) "
                    f"on {metrics['num_examples']} drawings, {seconds:.0f} s",
                    flush=True,
                )
    published, ours = (sum(errors[name]) / options.seeds for name in RECIPES)
    print(
        f"RESULT errors: published {published:.4f}, ours {ours:.4f}, ratio {ours / published:.3f} (wanted: 0.7 or less)"
    )


def _train(recipe: str, seed: int, samples: Path, folder: Path) -> tuple[dict, float]:
    from keras_sketch import train

    started = time.perf_counter()
    run = train(
        recipe=recipe,
        dataset="quickdraw",
        config="bitmap",
        classes=ANIMALS,
        split="holdout",
        seed=seed,
        data_dir=str(folder / "data"),
        manual_dir=str(samples),
        output_dir=str(folder / f"{recipe}-{seed}"),
    )
    return json.loads((run / "metrics.json").read_text()), time.perf_counter() - started


if __name__ == "__main__":
    main()
