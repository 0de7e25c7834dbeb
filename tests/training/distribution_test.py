import contextlib
import io
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.models import norm_layers
from keras_sketch.training.distribution import make_strategy, synchronize_batch_normalization

# One strategy a process: with several in one, TensorFlow aborts.
TWO_DEVICES = """
import sys
import keras, numpy as np, tensorflow as tf
from pathlib import Path
from keras_sketch.training.distribution import make_strategy, scope, synchronize_batch_normalization
strategy = make_strategy({devices})
from keras_sketch.data import open_dataset
from keras_sketch.models import build_classifier
from keras_sketch.models.splitting import dropout_layers
from keras_sketch.recipes import Augmentation, Recipe, Stage
from keras_sketch.training.fitting import fit_recipe
from keras_sketch.training.optimizers import make_optimizer
data = open_dataset("quickdraw", config="bitmap", data_dir={prepared!r}, manual_dir={bars!r})
recipe = Recipe(name="t", summary="", dataset="quickdraw", model="quickdraw_cnn", batch_size=16,
                stages=(Stage(epochs=2, learning_rate=1e-3, optimizer="fastai_adam", schedule="one_cycle", warmup=0.3,
                              weight_decay=0.01, group_rates=(0.01, 0.1, 1.0)),),
                augmentation=Augmentation(rotation=10, mixup=0.3))
keras.utils.set_random_seed(0)
keras.config.set_dtype_policy("float64")
with scope(strategy):
    model = synchronize_batch_normalization(build_classifier("quickdraw_cnn", 3))
keras.config.set_dtype_policy("float32")
for layer in dropout_layers(model):
    layer.rate = 0.0
train, validation, test = (data.splits[name] for name in ("train", "validation", "test"))
rows = fit_recipe(model, recipe, train, validation, Path({folder!r}), dict(class_names=[]), strategy)
np.savez({folder!r} + "/trained.npz", [[row["loss"], row["val_loss"]] for row in rows], *model.get_weights())
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
stage = Stage(epochs=1, learning_rate=0.5, optimizer="sgd", group_rates=(0.01, 0.1, 1.0))
with scope(strategy):
    optimizer = make_optimizer(stage, 1, model)
    optimizer.build(model.trainable_variables)
before = [np.array(each) for each in model.trainable_variables]
shapes = [each.shape for each in model.trainable_variables]
step = tf.function(lambda: optimizer.apply([tf.ones(shape, "float64") / {devices} for shape in shapes]))
strategy.run(step) if strategy else step()
for variable, start, group in zip(model.trainable_variables, before, [0, 0, 0, 0, 1, 1, 1, 1, 2, 2], strict=True):
    for replica in getattr(variable.value, "values", [variable]):
        expected = start - 1.9 * 0.5 * stage.group_rates[group]
        np.testing.assert_allclose(np.array(replica), expected, rtol=1e-5, atol=1e-6)
print("COUNTS", *counts, test.num_examples)
"""


@pytest.fixture(scope="module")
def trained(dataset, bars, prepared, tmp_path_factory):
    """By the number of devices: what was printed, and the history and the weights in float64."""
    found = {}
    for devices in (1, 2):
        folder = tmp_path_factory.mktemp(f"on_{devices}")
        code = TWO_DEVICES.format(devices=devices, prepared=str(prepared), bars=str(bars), folder=str(folder))
        if devices == 1:
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(code, {})  # noqa: S102
            printed = printed.getvalue()
        else:
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr[-3000:]
            printed = done.stdout
        found[devices] = printed, list(np.load(folder / "trained.npz").values())
    return found


@pytest.mark.parametrize("devices", [1, 2])
def test_steps_metrics_and_predictions_count_every_example_once(trained, devices):
    *counts, examples = map(float, trained[devices][0].split("COUNTS")[1].split())
    assert counts and set(counts) == {examples}


def test_two_devices_train_what_one_does(trained):
    (history, *weights), (history_of_two, *weights_of_two) = (trained[devices][1] for devices in (1, 2))
    np.testing.assert_allclose(history, history_of_two, rtol=0, atol=1e-9)
    assert max(np.abs(a - b).max() for a, b in zip(weights, weights_of_two, strict=True)) < 1e-9


@pytest.mark.parametrize("devices", [0, -1, "two", "1.5"])
def test_devices_must_be_a_number_or_auto(devices):
    with pytest.raises(InvalidArgumentError, match='a positive number or "auto"'):
        make_strategy(devices)


def test_one_device_needs_no_strategy():
    assert make_strategy("1") is None


def test_a_synchronized_network_scales_its_loss_in_float16():
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, dtype="mixed_float16")])
    network.dtype_policy = "mixed_float16"
    synchronized = synchronize_batch_normalization(network)
    synchronized.compile("sgd", "mse")
    assert isinstance(synchronized.optimizer, keras.optimizers.LossScaleOptimizer)


def test_normalization_inside_a_layer_that_is_a_network_is_synchronized_too():
    stem = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.BatchNormalization(), keras.layers.ReLU()], name="s")
    inputs = keras.Input((4, 4, 3))
    network = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(stem(inputs))))
    network.set_weights([np.full(weight.shape, 0.5) for weight in network.weights])
    synchronized = synchronize_batch_normalization(network)
    (found,) = norm_layers(synchronized)
    assert found.synchronized and not norm_layers(network)[0].synchronized
    pixels = np.random.default_rng(0).random((2, 4, 4, 3))
    np.testing.assert_array_equal(synchronized(pixels), network(pixels))
