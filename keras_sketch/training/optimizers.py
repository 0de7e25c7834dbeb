"""A stage's optimizer with its schedule."""

from __future__ import annotations

import math

import keras
from keras import ops

from keras_sketch.errors import InvalidArgumentError, UnknownNameError
from keras_sketch.recipes import Stage

OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    # What Keras calls AdamW is its Adam with a `weight_decay`, which cannot be none.
    "adamw": keras.optimizers.Adam,
    "rmsprop": keras.optimizers.RMSprop,
    "sgd": lambda **settings: keras.optimizers.SGD(momentum=0.9, nesterov=True, **settings),
}
SCHEDULES = ("constant", "cosine", "inverse_time")


def make_optimizer(stage: Stage, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """Builds the optimizer of one stage.

    Args:
        stage: Names the optimizer and the schedule.
        steps_per_epoch: Training steps an epoch; the schedule ends with the stage's last one.

    Raises:
        UnknownNameError: No such optimizer or schedule.
        InvalidArgumentError: A rate, decay or warm-up out of range.
    """
    if stage.optimizer not in OPTIMIZERS:
        raise UnknownNameError("optimizer", stage.optimizer, OPTIMIZERS)
    if stage.schedule not in SCHEDULES:
        raise UnknownNameError("schedule", stage.schedule, SCHEDULES)
    if not (math.isfinite(stage.learning_rate) and stage.learning_rate > 0):
        raise InvalidArgumentError("learning_rate", "a positive number", stage.learning_rate)
    if not 0 <= stage.warmup < 1:
        raise InvalidArgumentError("warmup", "a share of at least 0 and below 1", stage.warmup)
    if not (math.isfinite(stage.weight_decay) and stage.weight_decay >= 0):
        raise InvalidArgumentError("weight_decay", "a number of at least 0", stage.weight_decay)
    if not (math.isfinite(stage.decay) and stage.decay >= 0):
        raise InvalidArgumentError("decay", "a number of at least 0", stage.decay)
    rate = stage.learning_rate
    if stage.schedule == "inverse_time":
        rate = keras.optimizers.schedules.InverseTimeDecay(rate, decay_steps=1, decay_rate=stage.decay)
    if stage.schedule == "cosine":
        rate = WarmupCosine(stage.learning_rate, stage.epochs * steps_per_epoch, stage.warmup)
    optimizer = OPTIMIZERS[stage.optimizer](learning_rate=rate, weight_decay=stage.weight_decay or None)
    if stage.weight_decay:
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


@keras.saving.register_keras_serializable(package="keras_sketch")
class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Rises linearly to `peak` over the first `warmup` share of `total_steps`, then falls to zero as a cosine.

    Args:
        peak: The highest rate.
        total_steps: Steps until the rate is zero.
        warmup: Share of the steps that rise, at least 0 and below 1.
    """

    def __init__(self, peak: float, total_steps: int, warmup: float = 0.0):
        super().__init__()
        self.peak, self.total_steps, self.warmup = peak, total_steps, warmup

    def __call__(self, step):
        """Returns the rate at `step`, counted from 0."""
        progress = ops.cast(step, "float32") / self.total_steps
        falling = 0.5 * (1 + ops.cos(math.pi * ops.clip((progress - self.warmup) / (1 - self.warmup), 0.0, 1.0)))
        if not self.warmup:
            return self.peak * falling
        rising = (progress + 1 / self.total_steps) / (self.warmup + 1 / self.total_steps)
        return self.peak * ops.where(progress < self.warmup, rising, falling)

    def get_config(self):
        """Returns the arguments."""
        return {"peak": self.peak, "total_steps": self.total_steps, "warmup": self.warmup}
