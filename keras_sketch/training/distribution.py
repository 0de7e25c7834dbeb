"""Which devices train, and what a model needs to be trained on several."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable

import keras
import tensorflow as tf

from keras_sketch.data.replica_batches import WHOLE, Part
from keras_sketch.errors import InvalidArgumentError, TrainingError
from keras_sketch.training.cluster import Cluster, read_cluster
from keras_sketch.training.lost_workers import TIMEOUT_SECONDS
from keras_sketch.training.multi_worker_model import in_scope, several_workers


def make_strategy(devices: int | str) -> tf.distribute.Strategy | None:
    """Returns the strategy for so many devices of this machine, and of each of the others that `TF_CONFIG` names.

    Args:
        devices: A number, or `"auto"`: every GPU there is, one CPU where there is none. Without GPUs a number above 1
            gives that many logical CPU devices, which is how a laptop tries what many GPUs would do; on several
            machines there are none.

    Returns:
        A `MirroredStrategy`, or None for one device; a `MultiWorkerMirroredStrategy` for several machines, when all of
        them have come.

    Raises:
        InvalidArgumentError: Not a positive number, or more than there are GPUs; or `TF_CONFIG` cannot be used.
        TrainingError: TensorFlow has started already, too late to divide the CPU or to join other machines.
    """
    cluster = read_cluster()
    gpus = tf.config.list_physical_devices("GPU")
    count = max(1, len(gpus)) if devices == "auto" else _count(devices)
    if gpus and count > len(gpus):
        raise InvalidArgumentError("devices", f"at most {len(gpus)}, the GPUs of this machine", devices)
    if cluster is not None:
        return _multi_worker_strategy(cluster, gpus, count)
    if count == 1:
        return None
    if gpus:
        return tf.distribute.MirroredStrategy([f"GPU:{i}" for i in range(count)])
    _divide_cpu(count)
    return tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(count)])


def scope(strategy: tf.distribute.Strategy | None) -> contextlib.AbstractContextManager:
    """Returns the strategy's scope, or one that does nothing for a single device."""
    return strategy.scope() if strategy else contextlib.nullcontext()


def distribute(make: Callable[[Part], tf.data.Dataset]) -> tf.data.Dataset | tf.distribute.DistributedDataset:
    """Returns batches for `fit` and `evaluate` in the present scope, of which every machine reads its own part.

    Args:
        make: Makes the batches of a part.
    """
    strategy = tf.distribute.get_strategy()
    if not several_workers(strategy):
        return make(WHOLE)

    def own(context):
        machines = context.num_input_pipelines
        return make(Part(context.input_pipeline_id, machines, context.num_replicas_in_sync // machines))

    return strategy.distribute_datasets_from_function(own)


def synchronize_batch_normalization(model: keras.Model, strategy: tf.distribute.Strategy | None = None) -> keras.Model:
    """Returns the model with every `BatchNormalization` computing its statistics over all replicas.

    Without it the replicas' moving statistics drift apart, and the saved model differs from the trained one.

    Args:
        model: What to copy, in the strategy's scope; on several machines outside of it.
        strategy: Needed on several machines alone.
    """

    def clone(layer):
        if isinstance(layer, keras.layers.BatchNormalization):
            return type(layer).from_config({**layer.get_config(), "synchronized": True})
        if isinstance(layer, keras.Model):
            return keras.models.clone_model(layer, clone_function=clone)
        return layer.__class__.from_config(layer.get_config())

    if not several_workers(strategy):
        return _copied(model, clone_function=clone)

    def call(layer, *arguments, **options):
        return layer(*arguments, **options)

    return _copied(model, clone_function=in_scope(strategy, clone), call_function=in_scope(strategy, call))


def on_one_device(model: keras.Model, strategy: tf.distribute.Strategy | None) -> keras.Model:
    """Returns the model for what one process does alone; on one machine, the model itself."""
    return _copied(model) if several_workers(strategy) else model


def _copied(model: keras.Model, **functions: Callable) -> keras.Model:
    synchronized = keras.models.clone_model(model, **functions)
    # Where it is mixed_float16, `compile` adds the scaling of the loss; a new model has the global one.
    synchronized.dtype_policy = model.dtype_policy
    synchronized.set_weights(model.get_weights())
    for layer in synchronized.layers:
        if isinstance(layer, keras.layers.Normalization):
            # It computes with constants made of its weights (EfficientNet's scaling); set_weights does not renew them.
            layer.finalize_state()
    return synchronized


def _multi_worker_strategy(cluster: Cluster, gpus: list, count: int) -> tf.distribute.MultiWorkerMirroredStrategy:
    if count > 1 and not gpus:
        allowed = "1 or auto on several machines without GPUs: start more workers instead"
        raise InvalidArgumentError("devices", allowed, count)
    if 0 < count < len(gpus):
        tf.config.set_visible_devices(gpus[:count], "GPU")
    options = tf.distribute.experimental.CommunicationOptions(timeout_seconds=TIMEOUT_SECONDS)
    try:
        with _signals_as_they_were():
            return tf.distribute.MultiWorkerMirroredStrategy(communication_options=options)
    except RuntimeError as error:
        raise TrainingError(
            "TensorFlow has started in this process, so that it cannot join the other workers any more. "
            "Call train before anything else that needs TensorFlow, in a new process."
        ) from error
    except tf.errors.OpError as error:
        here, reason = cluster.addresses[cluster.index], error.message.partition("\n")[0]
        raise TrainingError(
            f"{cluster.name} cannot join the other workers as {here}, which TF_CONFIG gives it: {reason}."
        ) from error


@contextlib.contextmanager
def _signals_as_they_were():
    """Ctrl-C ends the wait for the other workers, and TensorFlow, which takes SIGTERM for itself, gives it back."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)


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
