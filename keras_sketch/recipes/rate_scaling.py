"""How learning rates follow the batch size."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keras_sketch.recipes.recipe import Stage

RATE_SCALINGS = {"none": 0.0, "linear": 1.0, "sqrt": 0.5}
"""The power of (new batch size / old one) that rates are multiplied by, by what `Recipe.rate_scaling` and
`--rate-scaling` take.

`"linear"`: k times the batch, k times the rate (Goyal et al. 2017, "Accurate, Large Minibatch SGD", section 2.1: for
SGD, with a warm-up, and up to a batch of some thousands). `"sqrt"`: its root, which keeps the variance of a step
(Krizhevsky 2014, "One weird trick for parallelizing convolutional neural networks"), and which is the rule for Adam and
RMSprop (Malladi et al. 2022, "On the SDEs and Scaling Rules for Adaptive Gradient Algorithms", whose changes of Adam's
decays are not made here).
"""


def rate_factor(rule: str, before: int, after: int) -> float:
    """Returns what a rule multiplies the rates by where the batch size changes; 1 for what is no rule, or no size."""
    if rule not in RATE_SCALINGS or min(before, after) < 1:
        return 1.0
    return (after / before) ** RATE_SCALINGS[rule]


def multiplied(stages: Sequence[Stage], factor: float) -> tuple[Stage, ...]:
    """Returns the stages with all of their rates, and the lowest ones, multiplied by the factor."""
    return tuple(
        dataclasses.replace(stage, learning_rate=stage.learning_rate * factor, final_rate=stage.final_rate * factor)
        for stage in stages
    )
