"""Learning rates, and momentum, as functions of the step, or of the losses so far."""

from __future__ import annotations

import math
from collections.abc import Iterable

import keras
from keras import ops

PLATEAU_FACTOR = 0.3
"""What `plateau_rate` multiplies the rate by."""


def plateau_rate(losses: Iterable[float], rate: float, patience: int, final_rate: float) -> float:
    """Returns the rate of the epoch that follows: lower by `PLATEAU_FACTOR` for each plateau of the losses.

    Keras' `ReduceLROnPlateau` with `min_delta=0`, whose own default would overlook the small steps of a loss that is a
    mean over many classes. As a function of the losses alone it needs no state, and so survives a restart.

    Args:
        losses: Of the epochs so far, in order.
        rate: Of the first epoch.
        patience: Epochs without a loss below the lowest one, at least 1, after which the rate falls.
        final_rate: The lowest rate.
    """
    best, waited = math.inf, 0
    for loss in losses:
        if loss < best:
            best, waited = loss, 0
        else:
            waited += 1
        if waited == patience:
            rate, waited = max(rate * PLATEAU_FACTOR, final_rate), 0
    return rate


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


@keras.saving.register_keras_serializable(package="keras_sketch")
class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """Half a cosine from `start` to `middle`, then half a cosine to `end`: fast.ai's `combined_cos`.

    Args:
        start: The value at step 0.
        middle: The value when the first share of the steps is over.
        end: The value at `total_steps`, and after.
        total_steps: Steps from `start` to `end`.
        warmup: Share of the steps until `middle`, at least 0 and below 1.
    """

    def __init__(self, start: float, middle: float, end: float, total_steps: int, warmup: float):
        super().__init__()
        self.start, self.middle, self.end = start, middle, end
        self.total_steps, self.warmup = total_steps, warmup

    def __call__(self, step):
        """Returns the value at `step`, counted from 0."""
        progress = ops.clip(ops.cast(step, "float32") / self.total_steps, 0.0, 1.0)
        after = _half_cosine(self.middle, self.end, (progress - self.warmup) / (1 - self.warmup))
        if not self.warmup:
            return after
        return ops.where(progress < self.warmup, _half_cosine(self.start, self.middle, progress / self.warmup), after)

    def get_config(self):
        """Returns the arguments."""
        return {
            "start": self.start,
            "middle": self.middle,
            "end": self.end,
            "total_steps": self.total_steps,
            "warmup": self.warmup,
        }


def _half_cosine(start: float, end: float, share):
    # The square keeps the digits of an end that is a 100,000th of the start, which 1 + cos would lose in float32.
    return end + (start - end) * ops.square(ops.cos(0.5 * math.pi * share))
