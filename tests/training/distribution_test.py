import subprocess
import sys

import pytest

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.training.distribution import make_strategy

# One strategy a process: with several in one, TensorFlow aborts.
TWO_DEVICES = """
import sys
import keras, numpy as np
from pathlib import Path
from keras_sketch.training.distribution import make_strategy, scope, synchronize_batch_normalization
strategy = make_strategy({devices})
from keras_sketch.data import open_dataset
from keras_sketch.models import build_classifier
from keras_sketch.recipes import Augmentation, Recipe, Stage
from keras_sketch.training.fitting import fit_recipe
data = open_dataset("quickdraw", config="bitmap", data_dir={prepared!r}, manual_dir={bars!r})
recipe = Recipe(name="t", summary="", dataset="quickdraw", model="quickdraw_cnn", batch_size=16,
                stages=(Stage(epochs=2, learning_rate=1e-3),), augmentation=Augmentation(rotation=10, mixup=0.3))
keras.utils.set_random_seed(0)
with scope(strategy):
    model = synchronize_batch_normalization(build_classifier("quickdraw_cnn", 3))
train, validation, test = (data.splits[name] for name in ("train", "validation", "test"))
fit_recipe(model, recipe, train, validation, Path({folder!r}), dict(class_names=[]), strategy)
iterations = int(keras.ops.convert_to_numpy(model.optimizer.iterations))
assert iterations == 2 * train.steps(16), iterations
with scope(strategy):
    batches = test.evaluation(7)
found = model.evaluate(batches, return_dict=True, verbose=0)
counts = [float(keras.ops.convert_to_numpy(v)) for v in model.metrics_variables if v.name == "count"]
logits = model.predict(batches, verbose=0)
assert len(logits) == test.num_examples
top1 = (logits.argmax(-1) == test.facts()["label"]).mean()
assert abs(found["top1"] - top1) < 1e-6, (found, top1)
print("COUNTS", *counts, test.num_examples)
"""


@pytest.mark.parametrize("devices", [1, 2])
def test_steps_metrics_and_predictions_count_every_example_once(devices, dataset, bars, prepared, tmp_path):
    code = TWO_DEVICES.format(devices=devices, prepared=str(prepared), bars=str(bars), folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    *counts, examples = map(float, done.stdout.split("COUNTS")[1].split())
    assert counts and set(counts) == {examples}


@pytest.mark.parametrize("devices", [0, -1, "two", "1.5"])
def test_devices_must_be_a_number_or_auto(devices):
    with pytest.raises(InvalidArgumentError, match='a positive number or "auto"'):
        make_strategy(devices)


def test_one_device_needs_no_strategy():
    assert make_strategy("1") is None
