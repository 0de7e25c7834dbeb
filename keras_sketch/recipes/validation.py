"""What a recipe may hold, wherever it comes from."""

from __future__ import annotations

import math

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.recipes.rate_scaling import RATE_SCALINGS
from keras_sketch.recipes.recipe import Recipe

POOLINGS = ("avg", "gem", "gem_channels", "attention")
"""What makes a row of numbers of a network's maps: the layers are in `models/pooling.py`."""

_LARGEST = 2**32
_COUNTS = ("batch_size", "rate_batch_size", "image_size", "per_class", "patience")
_HEADS = ("new", "pretrained")
_BALANCES = ("none", "weights", "sampling")


def check_recipe(recipe: Recipe) -> None:
    """Checks the values of a recipe before anything is done with it.

    The optimizers', schedules' and augmentations' own values are checked where these are made.

    Raises:
        InvalidArgumentError: A number that is out of range, no stage, a single class, or a head that cannot be.
    """
    if not recipe.stages:
        raise InvalidArgumentError("stages", "at least one", recipe.stages)
    for stage in recipe.stages:
        _check("epochs", "at least 1 and below 2^32", stage.epochs, 1 <= stage.epochs < _LARGEST)
        rate = stage.learning_rate
        _check("learning_rate", "a positive number", rate, _positive(rate))
        _check("group_rates", "positive numbers", stage.group_rates, all(map(_positive, stage.group_rates)))
        kept = stage.norm_momentum
        _check("norm_momentum", "at least 0 and below 1", kept, kept is None or 0 <= kept < 1)
        _check("feature_views", "at least 0", stage.feature_views, stage.feature_views >= 0)
        changing = recipe.augmentation.mixup or recipe.augmentation.cutmix or recipe.augmentation.policy
        allowed = "0 with mixup, cutmix or a policy, which make another picture of an image at every step"
        _check("feature_views", allowed, stage.feature_views, not (stage.feature_views and changing))
        _check("plateau", "at least 1 epoch", stage.plateau, stage.plateau >= 1)
        lowest = stage.final_rate
        _check("final_rate", "at least 0, and not above the rate", lowest, 0 <= lowest <= rate)
        divisor = stage.start_divisor
        _check("start_divisor", "a number of at least 1", divisor, math.isfinite(divisor) and divisor >= 1)
    for name, least in {**dict.fromkeys(_COUNTS, 1), "seed": 0}.items():
        value = getattr(recipe, name)
        _check(name, f"at least {least} and below 2^32", value, value is None or least <= value < _LARGEST)
    rule = recipe.rate_scaling
    _check("rate_scaling", f"one of {', '.join(RATE_SCALINGS)}", rule, rule in RATE_SCALINGS)
    _check("head", f"one of {', '.join(_HEADS)}", recipe.head, recipe.head in _HEADS)
    has_head = recipe.head == "new" or recipe.weights is not None
    _check("head", "new where the weights are random: there is no pretrained one", recipe.head, has_head)
    smoothing = recipe.label_smoothing
    _check("label_smoothing", "at least 0 and below 1", smoothing, 0 <= smoothing < 1)
    alpha = recipe.alpha
    _check("alpha", "a number of at least 0", alpha, math.isfinite(alpha) and alpha >= 0)
    _check("tau", "a positive number of km", recipe.tau, _positive(recipe.tau))
    _check("margin", "a number of at least 0", recipe.margin, math.isfinite(recipe.margin) and recipe.margin >= 0)
    _check("scale", "a positive number", recipe.scale, _positive(recipe.scale))
    known = recipe.pooling is None or recipe.pooling in POOLINGS
    _check("pooling", f"one of {', '.join(POOLINGS)}, or left out", recipe.pooling, known)
    units = recipe.bottleneck
    _check("bottleneck", "a number of units, or 0 for none", units, isinstance(units, int) and 0 <= units < _LARGEST)
    rate = recipe.dropout
    _check("dropout", "at least 0 and below 1", rate, rate is None or 0 <= rate < 1)
    _check("balance", f"one of {', '.join(_BALANCES)}", recipe.balance, recipe.balance in _BALANCES)
    several = not recipe.classes or len(set(recipe.classes)) > 1
    _check("classes", "at least two names", ", ".join(recipe.classes), several)
    for name, share in (recipe.published.figures if recipe.published else {}).items():
        _check(f"published figure {name}", "a share in 0..1", share, 0 <= share <= 1)


def _positive(value: float) -> bool:
    return math.isfinite(value) and value > 0


def _check(name: str, allowed: str, received: object, right: bool) -> None:
    if not right:
        raise InvalidArgumentError(name, allowed, received)
