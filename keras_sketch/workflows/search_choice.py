"""From the options of `tune` to the plan of its search."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.losses.table import LOSSES
from keras_sketch.recipes import Recipe
from keras_sketch.training.random_search import RandomSearch, Range, Values, check_values
from keras_sketch.training.search_plan import SearchPlan
from keras_sketch.training.sweep import Sweep
from keras_sketch.workflows.arguments import split_names, split_numbers
from keras_sketch.workflows.search_process import PLANS


def choose_plan(search: str, recipe: Recipe, fixed_alpha: bool, given: Mapping[str, object]) -> SearchPlan:
    """Returns the search of that name with the values that were given.

    Args:
        search: A name from `PLANS`.
        recipe: What it starts from.
        fixed_alpha: Whether the recipe's alpha was asked for, and is not to be searched.
        given: By field; None or empty: the search's own values.

    Raises:
        InvalidArgumentError: A value that cannot be, or one that belongs to the other search.
    """
    if search not in PLANS:
        raise InvalidArgumentError("search", f"one of {', '.join(PLANS)}", search)
    given = {name: value for name, value in given.items() if value not in (None, (), [], "")}
    fields = {field.name for field in dataclasses.fields(PLANS[search])}
    for name, value in given.items():
        if name not in fields:
            raise InvalidArgumentError(name, f"left out with the search {search}, which has no such values", value)
    for name in {"draws", "trial_epochs"} & set(given):
        if given[name] < 1:
            raise InvalidArgumentError(name, "at least 1", given[name])
    return _sweep(given) if search == Sweep.NAME else _random(recipe, fixed_alpha, given)


def _sweep(given: Mapping) -> Sweep:
    kinds = {"learning_rates": float, "decays": float, "batch_sizes": int}
    read = {name: split_numbers(name, given[name], kind) for name, kind in kinds.items() if name in given}
    if "optimizers" in given:
        read["optimizers"] = split_names(given["optimizers"])
        if not read["optimizers"]:
            raise InvalidArgumentError("optimizers", "at least one name", given["optimizers"])
    if min(read.get("batch_sizes", (1,))) < 1:
        raise InvalidArgumentError("batch_sizes", "at least 1 each", read["batch_sizes"])
    return Sweep(**{**given, **read})


def _random(recipe: Recipe, fixed_alpha: bool, given: Mapping) -> RandomSearch:
    kinds = {"batch_sizes": int, "learning_rates": float, "alphas": float, "weight_decays": float}
    read = {name: read_values(name, given[name], kind) for name, kind in kinds.items() if name in given}
    if "alpha" not in LOSSES[recipe.loss].fields or fixed_alpha:
        if "alphas" in given:
            why = "with a given alpha" if fixed_alpha else f"with the loss {recipe.loss}, which has no alpha"
            raise InvalidArgumentError("alphas", f"left out {why}", given["alphas"])
        read["alphas"] = ()
    plan = RandomSearch(**{**given, **read})
    check_values("batch_sizes", plan.batch_sizes, 1, "whole numbers")
    check_values("alphas", plan.alphas, 0)
    for name in ("learning_rates", "weight_decays"):
        values = getattr(plan, name)
        # Zero has no logarithm, and no rate is zero.
        least = 0 if name == "weight_decays" and not isinstance(values, Range) else 1e-12
        check_values(name, values, least)
    return plan


def read_values(name: str, given: Sequence[str | float] | str, kind: type) -> Values:
    """Reads values to draw from: `("16..256",)` is a range, `("1e-4,1e-3", 0.01)` a list.

    Args:
        name: What the error calls them.
        given: Strings or numbers.
        kind: `int` or `float`.

    Raises:
        InvalidArgumentError: There is none, or one is no number.
    """
    texts = split_names([str(each) for each in ([given] if isinstance(given, str) else given)])
    if not any(".." in text for text in texts):
        return split_numbers(name, texts, kind)
    ends = texts[0].split("..") if len(texts) == 1 else ()
    if len(ends) != 2:
        raise InvalidArgumentError(name, "numbers with commas between them, or one range such as 1..10", given)
    return Range(*split_numbers(name, ends, kind))
