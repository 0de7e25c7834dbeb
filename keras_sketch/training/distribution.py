"""Which devices train, and what a model needs to be trained on several."""

from __future__ import annotations

import contextlib

import keras
import tensorflow as tf

from keras_sketch.errors import InvalidArgumentError, TrainingError


def make_strategy(devices: int | str) -> tf.distribute.Strategy | None:
    """Returns the strategy for so many devices of this machine.

    Args:
        devices: A number, or `"auto"`: every GPU there is, one CPU where there is none. Without GPUs a number above 1
            gives that many logical CPU devices, which is how a laptop tries what many GPUs would do.

    Returns:
        A `MirroredStrategy`, or None for one device.

    Raises:
        InvalidArgumentError: Not a positive number, or more than there are GPUs.
        TrainingError: TensorFlow has started already, too late to divide the CPU.
    """
    gpus = tf.config.list_physical_devices("GPU")
    count = max(1, len(gpus)) if devices == "auto" else _count(devices)
    if gpus and count > len(gpus):
        raise InvalidArgumentError("devices", f"at most {len(gpus)}, the GPUs of this machine", devices)
    if count == 1:
        return None
    if gpus:
        return tf.distribute.MirroredStrategy([f"GPU:{i}" for i in range(count)])
    _divide_cpu(count)
    return tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(count)])


def scope(strategy: tf.distribute.Strategy | None) -> contextlib.AbstractContextManager:
    """Returns the strategy's scope, or one that does nothing for a single device."""
    return strategy.scope() if strategy else contextlib.nullcontext()


def synchronize_batch_normalization(model: keras.Model) -> keras.Model:
    """Returns the model with every `BatchNormalization` computing its statistics over all replicas.

    Without it the replicas' moving statistics drift apart, and the saved model differs from the trained one.
    """

    def clone(layer):
        if isinstance(layer, keras.layers.BatchNormalization):
            return type(layer).from_config({**layer.get_config(), "synchronized": True})
        return layer.__class__.from_config(layer.get_config())

    synchronized = keras.models.clone_model(model, clone_function=clone)
    # Where it is mixed_float16, `compile` adds the scaling of the loss; a new model has the global one.
    synchronized.dtype_policy = model.dtype_policy
    synchronized.set_weights(model.get_weights())
    for layer in synchronized.layers:
        if isinstance(layer, keras.layers.Normalization):
            # It computes with constants made of its weights (EfficientNet's scaling); set_weights does not renew them.
            layer.finalize_state()
    return synchronized


def _count(devices: int | str) -> int:
    try:
        count = int(devices)
    except ValueError:
        count = 0
    if count < 1:
        raise InvalidArgumentError("devices", 'a positive number or "auto"', devices)
    return count


def _divide_cpu(count: int) -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    existing = tf.config.get_logical_device_configuration(cpu)
    if existing is not None and len(existing) >= count:
        return
    try:
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
    except RuntimeError as error:
        raise TrainingError(
            f"TensorFlow has started on one CPU device, so {count} are not to be had in this process. "
            "Ask for them before anything else, or start a new process."
        ) from error
