"""A stage's optimizer with its schedule."""

from __future__ import annotations

import math

import keras

from keras_sketch.errors import InvalidArgumentError, UnknownNameError
from keras_sketch.models import layer_groups
from keras_sketch.recipes import Stage
from keras_sketch.training.group_rates import FastaiAdam, GroupAdam, GroupFastaiAdam, GroupRMSprop, GroupSGD
from keras_sketch.training.schedules import OneCycle, WarmupCosine

_NESTEROV = {"momentum": 0.9, "nesterov": True}
OPTIMIZERS = {
    "adam": (keras.optimizers.Adam, GroupAdam, {}),
    # What Keras calls AdamW is its Adam with a `weight_decay`, which cannot be none.
    "adamw": (keras.optimizers.Adam, GroupAdam, {}),
    "fastai_adam": (FastaiAdam, GroupFastaiAdam, {}),
    "rmsprop": (keras.optimizers.RMSprop, GroupRMSprop, {}),
    "sgd": (keras.optimizers.SGD, GroupSGD, _NESTEROV),
}
"""By name: the class for one rate, the one for a rate a layer group, and the settings of both."""

SCHEDULES = ("constant", "cosine", "inverse_time", "one_cycle", "plateau")
ONE_CYCLE_MOMENTUM = (0.95, 0.85, 0.95)
"""`"fastai_adam"`'s at the start, the highest rate and the end; otherwise it is 0.9."""

_FINAL_DIVISOR = 1e5
_NOT_DECAYED = ("bias", "gamma", "beta", "exponent")


def make_optimizer(stage: Stage, steps_per_epoch: int, model: keras.Model | None = None) -> keras.optimizers.Optimizer:
    """Builds the optimizer of one stage; the rate of `"plateau"` is a variable, which the recorder sets.

    Args:
        stage: Names the optimizer and the schedule.
        steps_per_epoch: Training steps an epoch; the schedule ends with the stage's last one.
        model: The classifier, with its frozen layers frozen: the optimizer is for its trainable variables, in their
            order, and gives them the rates of their layer groups. None: one rate, whatever the stage says.

    Raises:
        UnknownNameError: No such optimizer or schedule.
        InvalidArgumentError: A rate, decay or warm-up out of range, or more layer groups than the model can have.
    """
    if stage.optimizer not in OPTIMIZERS:
        raise UnknownNameError("optimizer", stage.optimizer, OPTIMIZERS)
    if stage.schedule not in SCHEDULES:
        raise UnknownNameError("schedule", stage.schedule, SCHEDULES)
    _check_numbers(stage)
    plain, grouped, settings = OPTIMIZERS[stage.optimizer]
    settings = {**settings, "learning_rate": _rate(stage, stage.epochs * steps_per_epoch)}
    if stage.optimizer == "fastai_adam" and stage.schedule == "one_cycle":
        settings["momentum"] = OneCycle(*ONE_CYCLE_MOMENTUM, stage.epochs * steps_per_epoch, stage.warmup)
    if stage.group_rates and model is not None:
        decays = [0.0 if each.name in _NOT_DECAYED else stage.weight_decay for each in model.trainable_variables]
        return grouped(rates=_variable_rates(stage, model), decays=decays, **settings)
    optimizer = plain(weight_decay=stage.weight_decay or None, **settings)
    if stage.weight_decay:
        optimizer.exclude_from_weight_decay(var_names=list(_NOT_DECAYED))
    return optimizer


def _check_numbers(stage: Stage) -> None:
    if not (math.isfinite(stage.learning_rate) and stage.learning_rate > 0):
        raise InvalidArgumentError("learning_rate", "a positive number", stage.learning_rate)
    if not 0 <= stage.warmup < 1:
        raise InvalidArgumentError("warmup", "a share of at least 0 and below 1", stage.warmup)
    if not (math.isfinite(stage.weight_decay) and stage.weight_decay >= 0):
        raise InvalidArgumentError("weight_decay", "a number of at least 0", stage.weight_decay)
    if not (math.isfinite(stage.decay) and stage.decay >= 0):
        raise InvalidArgumentError("decay", "a number of at least 0", stage.decay)


def _rate(stage: Stage, total_steps: int) -> float | keras.optimizers.schedules.LearningRateSchedule:
    rate = stage.learning_rate
    if stage.schedule == "inverse_time":
        return keras.optimizers.schedules.InverseTimeDecay(rate, decay_steps=1, decay_rate=stage.decay)
    if stage.schedule == "cosine":
        return WarmupCosine(rate, total_steps, stage.warmup)
    if stage.schedule == "one_cycle":
        return OneCycle(rate / stage.start_divisor, rate, rate / _FINAL_DIVISOR, total_steps, stage.warmup)
    return rate


def _variable_rates(stage: Stage, model: keras.Model) -> list[float]:
    rates = {}
    groups = layer_groups(model, len(stage.group_rates))
    for rate, group in zip(stage.group_rates, groups, strict=True):
        rates |= {id(variable): rate for layer in group for variable in layer.weights}
    return [rates[id(variable)] for variable in model.trainable_variables]
