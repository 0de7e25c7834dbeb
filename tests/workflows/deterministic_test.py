import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from keras_sketch.exporting import load_classifier
from keras_sketch.recipes import Augmentation, Recipe, Stage

ROOT = Path(__file__).parents[2]
RECIPE = Recipe(
    "test", "", dataset="quickdraw", model="", config="bitmap", batch_size=16, dropout=0.3,
    augmentation=Augmentation(rotation=15, zoom=(0.8, 1.2), shift=0.1, erasing=0.2, mixup=0.3),
    stages=(Stage(epochs=2, learning_rate=1e-3, optimizer="adamw", schedule="one_cycle", warmup=0.3),),
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "side", "devices"), [("quickdraw_cnn", 28, 1), ("quickdraw_cnn", 28, 2), ("mobilenet_v2", 32, 1)]
)
def test_equal_runs_give_equal_bits(bars, prepared, tmp_path, model, side, devices):
    """Two processes: augmentation, MixUp, dropout, a schedule."""
    recipe = tmp_path / "recipe.json"
    recipe.write_text(json.dumps(dataclasses.replace(RECIPE, model=model, image_size=side).to_dict()))
    found = []
    for number in range(2):
        run = tmp_path / str(number)
        command = [
            sys.executable, "train.py", "--recipe", str(recipe), "--deterministic", "--devices", str(devices),
            "--manual-dir", str(bars), "--data-dir", str(prepared), "--output-dir", str(run),
        ]  # fmt: skip
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "no XLA, deterministic" in done.stdout
        written = [(run / name).read_bytes() for name in ("history.csv", "predictions.csv", "metrics.json")]
        found.append((load_classifier(run).get_weights(), *written))
    (weights, *written), (others, *again) = found
    for weight, other in zip(weights, others, strict=True):
        np.testing.assert_array_equal(weight, other)
    assert written == again
