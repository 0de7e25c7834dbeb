"""What a split by view is worth on street views of which several come from one panorama.

MobileNetV2 and ResNet50 are trained by `train.py` with the recipe `geoguessr`, lengthened for few images, on a split by
place and on one by view; the report sets them side by side.

    python benchmarks/geoguessr_leak.py --samples DIR --mobilenet_v2 FILE --resnet50 FILE
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import subprocess
import sys
import time
from pathlib import Path

from keras_sketch.recipes import Recipe, find_recipe, write_recipe

ROOT = Path(__file__).parents[1]
BLOCKS = {"mobilenet_v2": "block_14", "resnet50": "conv5"}
EPOCHS = {"feature-extraction": 40, "fine-tuning": 10}


def main() -> None:
    """Trains what is not trained yet, and writes the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    samples = os.environ.get("KERAS_SKETCH_SAMPLES")
    parser.add_argument("--samples", default=samples, help="folder that holds geoguessr/", required=not samples)
    parser.add_argument("--mobilenet_v2", required=True, help="weights file of MobileNetV2")
    parser.add_argument("--resnet50", required=True, help="weights file of ResNet50")
    parser.add_argument("--splits", default="place-60-20-20,view-60-20-20", help="with a comma between them")
    parser.add_argument("--output-dir", default="runs/geoguessr-leak", help="where the runs go; finished ones are kept")
    options = parser.parse_args()

    from keras_sketch.workflows import report

    runs = [_train(model, split, options) for model in BLOCKS for split in options.splits.split(",")]
    report(tuple(map(str, runs)), output_dir=f"{options.output_dir}/report")


def _train(model: str, split: str, options: argparse.Namespace) -> Path:
    run = Path(options.output_dir) / f"{model}-{split}"
    file = Path(options.output_dir) / f"{model}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    write_recipe(_recipe(model), file)
    started = time.perf_counter()
    subprocess.run(
        [
            *(sys.executable, ROOT / "train.py", "--recipe", file, "--config", "all", "--split", split),
            *("--manual-dir", Path(options.samples) / "geoguessr", "--data-dir", Path(options.output_dir) / "data"),
            *("--weights", getattr(options, model), "--output-dir", run, "--resume"),
        ],
        check=True,
    )
    print(f"RESULT {model}, {split}: {time.perf_counter() - started:.0f} s", flush=True)
    return run


def _recipe(model: str) -> Recipe:
    """Returns ours with more epochs, smaller batches, and the last block instead of the last two."""
    recipe = find_recipe("geoguessr", "geoguessr")
    stages = tuple(dataclasses.replace(stage, epochs=EPOCHS[stage.name]) for stage in recipe.stages)
    changes = {"name": f"geoguessr-{model}", "model": model, "batch_size": 32, "train_from": BLOCKS[model]}
    return dataclasses.replace(recipe, stages=stages).with_changes(**changes)


if __name__ == "__main__":
    main()
