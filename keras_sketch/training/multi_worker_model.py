"""A way around two faults of Keras 3.15 under `MultiWorkerMirroredStrategy`; to be deleted when they are mended.

- A model that is made inside the strategy's scope is built again in `fit`, from a distributed batch, which fails with
  "unsupported type PerReplica". One that is made outside, of layers that are made inside, is not.
- `fit` and `evaluate` take the mean of each log over the workers along its first axis, which a scalar has not. Logs of
  the shape `(1,)` have one.

`docs/several_machines.md` has the program that shows both. When it runs, `training_model` can return the model that it
is given, and `in_scope` can become the scope around `clone_model`.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf


class MultiWorkerModel(keras.Model):
    """A functional model whose steps give logs of the shape `(1,)`."""

    def train_step(self, data):
        """Returns Keras' logs of a training step, float `(1,)` each."""
        return _with_an_axis(super().train_step(data))

    def test_step(self, data):
        """Returns Keras' logs of a step of evaluation, float `(1,)` each."""
        return _with_an_axis(super().test_step(data))


def several_workers(strategy: tf.distribute.Strategy | None) -> bool:
    """Whether this is a strategy for several machines."""
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


def training_model(model: keras.Model, strategy: tf.distribute.Strategy | None) -> keras.Model:
    """Returns what is compiled and fitted in the strategy's scope in place of a functional model; it shares its layers.

    Outside of the scope.
    """
    return MultiWorkerModel(model.inputs, model.outputs, name=model.name) if several_workers(strategy) else model


def in_scope(strategy: tf.distribute.Strategy, function: Callable) -> Callable:
    """Returns the function as one that is called in the strategy's scope; for those that `clone_model` calls."""

    def called(*arguments, **options):
        with strategy.scope():
            return function(*arguments, **options)

    return called


def _with_an_axis(logs: dict) -> dict:
    return {name: keras.ops.reshape(value, (1,)) for name, value in logs.items()}
