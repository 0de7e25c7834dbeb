import dataclasses
import json

import pytest

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.recipes import Recipe, Stage, check_recipe, find_recipe

STAGES = (
    Stage(epochs=1, learning_rate=0.4),
    Stage(epochs=2, learning_rate=0.1, schedule="plateau", final_rate=0.001),
)
RECIPE = Recipe("r", "", "doodles", "quickdraw_cnn", STAGES, batch_size=64)


def rates(recipe):
    return [(stage.learning_rate, stage.final_rate) for stage in recipe.stages]


@pytest.mark.parametrize(
    "rule, size, factor",
    [("none", 256, 1), ("linear", 256, 4), ("linear", 16, 0.25), ("sqrt", 256, 2), ("sqrt", 16, 0.5)],
)
def test_all_rates_follow_the_batch_size_by_the_rule(rule, size, factor):
    recipe = dataclasses.replace(RECIPE, rate_scaling=rule)
    changed = recipe.with_changes(batch_size=size)
    assert changed.batch_size == size
    assert rates(changed) == [pytest.approx((0.4 * factor, 0)), pytest.approx((0.1 * factor, 0.001 * factor))]
    assert changed.rate_batch_size == (None if rule == "none" else 64)
    check_recipe(changed)
    assert RECIPE.with_changes(batch_size=size, rate_scaling=rule) == changed


def test_changes_one_after_another_are_one_change_and_back_is_none():
    recipe = dataclasses.replace(RECIPE, rate_scaling="sqrt")
    twice = recipe.with_changes(batch_size=100).with_changes(batch_size=37)
    once = recipe.with_changes(batch_size=37)
    assert rates(twice) == [pytest.approx(pair) for pair in rates(once)]
    assert twice.rate_batch_size == once.rate_batch_size == 64
    back = twice.with_changes(batch_size=64)
    assert back.rate_batch_size is None and rates(back) == [pytest.approx(pair) for pair in rates(recipe)]
    assert recipe.with_changes(batch_size=64, epochs=2) == recipe.with_changes(epochs=2)


def test_a_rate_that_is_given_stays_and_takes_the_others_along():
    recipe = dataclasses.replace(RECIPE, rate_scaling="linear")
    for start in (recipe, recipe.with_changes(batch_size=512)):
        changed = start.with_changes(batch_size=128, learning_rate=0.05)
        assert rates(changed) == [(0.2, 0), (0.05, pytest.approx(0.0005))]
        assert changed.rate_batch_size is None


def test_a_recipe_from_before_the_rule_has_none():
    values = json.loads(json.dumps(RECIPE.to_dict()))
    del values["rate_scaling"], values["rate_batch_size"]
    assert Recipe.from_dict(values) == RECIPE
    assert RECIPE.rate_scaling == "none"


@pytest.mark.parametrize("size", [0, -64])
def test_what_cannot_be_is_refused_by_its_name(size):
    with pytest.raises(InvalidArgumentError, match="`rate_scaling` must be one of none, linear, sqrt. Received: 'lin'"):
        check_recipe(RECIPE.with_changes(rate_scaling="lin", batch_size=32))
    with pytest.raises(InvalidArgumentError, match="`batch_size` must be at least 1"):
        check_recipe(RECIPE.with_changes(rate_scaling="sqrt", batch_size=size))


def test_published_rates_are_those_that_are_written():
    assert find_recipe("doodles", "doodles").with_changes(batch_size=32).stages[0].learning_rate == 2e-3
