import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.models import build_classifier
from keras_sketch.models.splitting import dropout_layers
from keras_sketch.recipes import Augmentation, Recipe, Stage
from keras_sketch.training.fitting import fit_recipe
from keras_sketch.training.precision import check_xla, choose_arithmetic


@pytest.fixture
def gpus(monkeypatch):
    """Makes the machine look as if it had GPUs, given as (name, compute capability), None where it is not known."""

    def there_are(*described):
        devices = [tf.config.PhysicalDevice(f"/physical_device:GPU:{i}", "GPU") for i in range(len(described))]
        details = {
            device.name: {"device_name": name} | ({"compute_capability": capability} if capability else {})
            for device, (name, capability) in zip(devices, described, strict=True)
        }
        monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: devices if kind == "GPU" else [])
        monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda device: details[device.name])

    return there_are


@pytest.fixture
def cpu(monkeypatch):
    """Makes the machine one without a GPU, whose CPU has these instructions."""

    def has(flags):
        monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: [])
        monkeypatch.setattr(pathlib.Path, "read_text", lambda *_, **__: f"model : 1\nflags : fpu {flags}\n")

    return has


def test_what_was_chosen_is_said_in_words(cpu):
    cpu("avx512_bf16")
    assert str(choose_arithmetic("float32")) == "float32, no XLA"
    assert str(choose_arithmetic("mixed_bfloat16", deterministic=True)) == "mixed_bfloat16, no XLA, deterministic"
    assert str(choose_arithmetic("float32", xla=True)) == "float32, compiled by XLA"


def test_float16_is_refused_on_a_cpu_and_bfloat16_warned_of_where_it_is_slow(cpu):
    cpu("avx2")
    with pytest.raises(InvalidArgumentError, match="float32 or mixed_bfloat16 on a CPU, where float16 is several"):
        choose_arithmetic("mixed_float16")
    assert "no instructions for bfloat16" in choose_arithmetic("mixed_bfloat16").warnings[0]
    assert choose_arithmetic("float32").warnings == ()
    cpu("avx2 avx512_bf16")
    assert choose_arithmetic("mixed_bfloat16").warnings == ()


@pytest.mark.parametrize(
    ("precision", "capability", "needed"),
    [
        ("mixed_float16", (6, 1), "7.0"),
        ("mixed_float16", (7, 0), None),
        ("mixed_bfloat16", (7, 5), "8.0"),
        ("mixed_bfloat16", (9, 0), None),
        ("mixed_bfloat16", None, None),
        ("float32", (3, 5), None),
    ],
)
def test_a_gpu_that_gains_nothing_is_named(gpus, precision, capability, needed):
    gpus(("Fast One", (9, 0)), ("Card", capability), ("Card", capability))
    warnings = choose_arithmetic(precision, replicas=3).warnings
    assert len(warnings) == (needed is not None)
    if needed:
        dotted = ".".join(map(str, capability))
        assert f"Card (compute capability {dotted})" in warnings[0] and f"needs {needed}" in warnings[0]


def test_xla_is_for_one_device_and_no_equal_bits_and_warned_of_on_a_cpu(gpus, cpu):
    gpus(("Card", (9, 0)))
    assert choose_arithmetic("mixed_float16", xla=True).warnings == ()
    with pytest.raises(InvalidArgumentError, match="`xla` must be left out on 2 devices"):
        choose_arithmetic("float32", 2, xla=True)
    with pytest.raises(InvalidArgumentError, match="`xla` must be left out with --deterministic"):
        choose_arithmetic("float32", xla=True, deterministic=True)
    cpu("avx2")
    assert "slower" in choose_arithmetic("float32", xla=True).warnings[0]


def test_a_layer_that_xla_cannot_compile_is_named():
    check_xla(build_classifier("quickdraw_cnn", 3))
    inside = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.RandomRotation(0.1)])
    network = keras.Sequential([keras.Input((8, 8, 3)), inside, keras.layers.Flatten()], name="net")
    with pytest.raises(InvalidArgumentError, match="left out for net: XLA cannot compile RandomRotation"):
        check_xla(network)


@pytest.mark.parametrize(
    ("model", "dtype"),
    # With normalization, rounding in float32 grows to more than this within a few steps.
    [("quickdraw_cnn", "float32"), pytest.param("doodle_resnet", "float64", marks=pytest.mark.slow)],
)
def test_steps_under_xla_are_those_without(dataset, tmp_path, model, dtype):
    stage = Stage(epochs=1, learning_rate=0.01, optimizer="sgd", schedule="cosine")
    recipe = Recipe("t", "", dataset="quickdraw", model=model, batch_size=32, stages=(stage,),
                    augmentation=Augmentation(rotation=10, mixup=0.2))  # fmt: skip
    found = []
    for xla in (False, True):
        keras.utils.set_random_seed(0)
        keras.config.set_dtype_policy(dtype)
        network = build_classifier(model, 3, (28, 28, 1), weights=None)
        keras.config.set_dtype_policy("float32")
        for layer in dropout_layers(network):
            layer.rate = 0.0  # XLA draws other random numbers.
        before = network.get_weights()
        train = dataset.splits["train"]
        rows = fit_recipe(network, recipe, train, None, tmp_path / str(xla), {"class_names": []}, xla=xla)
        found.append((rows[0]["loss"], network.get_weights()))
    (loss, weights), (other_loss, others) = found
    assert loss == pytest.approx(other_loss, rel=1e-4)
    for weight, other in zip(weights, others, strict=True):
        np.testing.assert_allclose(weight, other, atol=1e-4)
    assert any(np.abs(weight - start).max() > 1e-3 for weight, start in zip(weights, before, strict=True))
