import dataclasses
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_sketch import build_classifier
from keras_sketch.errors import RunInterrupted
from keras_sketch.recipes import Recipe, Stage
from keras_sketch.training.fitting import fit_recipe
from keras_sketch.training.loss_scaling import LossScale, scaled

RECIPE = Recipe("t", "", dataset="quickdraw", model="quickdraw_cnn", batch_size=32, stages=())
GROUPS = (0.01, 0.1, 1.0)


def float16_model():
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy("mixed_float16")
    try:
        return build_classifier("quickdraw_cnn", 3)
    finally:
        keras.config.set_dtype_policy("float32")


def fit(dataset, folder, stage):
    model = float16_model()
    recipe = dataclasses.replace(RECIPE, stages=(stage,))
    return model, fit_recipe(model, recipe, dataset.splits["train"], None, folder, {"class_names": []})


@pytest.mark.parametrize(
    "stage",
    [
        Stage(1, 1e-3, optimizer="adamw", weight_decay=0.01, group_rates=GROUPS),
        Stage(1, 1e-3, optimizer="fastai_adam", schedule="one_cycle", warmup=0.3, group_rates=GROUPS),
    ],
    ids=["grouped adamw", "grouped fastai_adam"],
)
def test_the_loss_is_scaled_around_every_optimizer(dataset, tmp_path, stage):
    model, rows = fit(dataset, tmp_path, stage)
    optimizer = model.optimizer
    assert isinstance(optimizer, LossScale) and not isinstance(optimizer.inner_optimizer, LossScale)
    assert np.isfinite(rows[0]["loss"]) and all(np.isfinite(weight).all() for weight in model.get_weights())
    scale = float(optimizer.dynamic_scale)
    skipped = np.log2(optimizer.initial_scale / scale)
    assert skipped == int(skipped) >= 0
    assert int(optimizer.iterations) == dataset.splits["train"].steps(32) - skipped


def test_a_float16_run_resumes_with_its_scale(dataset, tmp_path, interrupt_at, monkeypatch):
    stage = Stage(2, 1e-3, optimizer="adam", schedule="cosine")
    # So high that the first steps overflow and are skipped.
    original = LossScale.__init__
    monkeypatch.setattr(LossScale, "__init__", lambda self, inner: original(self, inner, initial_scale=2.0**24))
    whole, rows = fit(dataset, tmp_path / "whole", stage)
    with interrupt_at(6), pytest.raises(RunInterrupted):
        fit(dataset, tmp_path / "stopped", stage)
    resumed, again = fit(dataset, tmp_path / "stopped", stage)
    assert again == rows
    assert float(resumed.optimizer.dynamic_scale) == float(whole.optimizer.dynamic_scale) < 2.0**24
    for weight, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, other)


def test_only_float16_is_scaled():
    model, optimizer = build_classifier("quickdraw_cnn", 3), keras.optimizers.SGD()
    assert scaled(optimizer, model) is optimizer
    again = keras.optimizers.deserialize(keras.optimizers.serialize(scaled(optimizer, float16_model())))
    assert isinstance(again, LossScale) and isinstance(again.inner_optimizer, keras.optimizers.SGD)


TWO_DEVICES = """
import numpy as np, keras, tensorflow as tf
from keras_sketch.training.distribution import make_strategy
from keras_sketch.training.loss_scaling import scaled
strategy = make_strategy(2)
keras.config.set_dtype_policy("mixed_float16")
with strategy.scope():
    image = keras.Input((4,))
    model = keras.Model(image, keras.layers.Dense(2, dtype="float32")(keras.layers.Dense(4)(image)))
    model.compile(scaled(keras.optimizers.SGD(0.01), model), keras.losses.SparseCategoricalCrossentropy(True))
    assert len(strategy.extended.worker_devices) == 2
    for overflowing, steps in (((), 1), ((0,), 0), ((1,), 0), ((0, 1), 0)):
        images = np.ones((4, 4), "float32")
        for replica in overflowing:
            images[2 * replica : 2 * replica + 2] = 3e4
        before, taken = model.get_weights(), int(model.optimizer.iterations.value.values[0])
        model.fit(tf.data.Dataset.from_tensor_slices((images, np.zeros(4, int))).batch(4), verbose=0)
        assert int(model.optimizer.iterations.value.values[0]) - taken == steps, overflowing
        changed = any((old != new).any() for old, new in zip(before, model.get_weights()))
        assert changed == bool(steps), overflowing
    scales = [float(each) for each in model.optimizer.dynamic_scale.value.values]
    assert scales == [2.0**12, 2.0**12], scales
"""


def test_a_step_is_skipped_whichever_device_overflows():
    done = subprocess.run([sys.executable, "-c", TWO_DEVICES], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
