"""One contract over the whole table of recipes."""

import dataclasses
import json

import pytest

from keras_sketch import list_datasets, list_models, list_recipes
from keras_sketch.data.resizing import RESIZE_MODES
from keras_sketch.errors import UnknownNameError
from keras_sketch.recipes import Recipe, Stage, all_recipes, check_recipe, find_recipe
from keras_sketch.training.optimizers import make_optimizer


@pytest.mark.parametrize("name", list_recipes())
class TestEveryRecipe:
    def test_names_what_exists(self, name):
        recipe = all_recipes()[name]
        assert recipe.name == name
        assert recipe.dataset in list_datasets()
        assert recipe.model in list_models()
        assert recipe.resize in RESIZE_MODES
        assert recipe.summary
        assert all(0 <= figure <= 1 for figure in (recipe.published.figures.values() if recipe.published else ()))

    def test_has_stages_that_can_be_built(self, name):
        check_recipe(all_recipes()[name])
        for stage in all_recipes()[name].stages:
            rate = float(make_optimizer(stage, steps_per_epoch=10).learning_rate)
            assert 0 < rate <= stage.learning_rate * (1 + 1e-6)

    def test_survives_json(self, name):
        recipe = all_recipes()[name]
        assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_every_dataset_has_a_default():
    for dataset in list_datasets():
        assert find_recipe(None, dataset).dataset == dataset


def test_a_dataset_without_a_recipe_gets_the_folder_s():
    recipe = find_recipe(None, "something_new")
    assert (recipe.name, recipe.dataset) == ("something_new", "something_new")


def test_an_unknown_recipe_is_named():
    with pytest.raises(UnknownNameError, match="Did you mean 'quickdraw-8'"):
        find_recipe("quickdraw8", "quickdraw")


def test_changes_of_epochs_and_rate():
    recipe = all_recipes()["quickdraw-8"]
    changed = recipe.with_changes(epochs=3, learning_rate=1e-2, batch_size=7)
    assert (changed.epochs, changed.stages[-1].learning_rate, changed.batch_size) == (3, 1e-2, 7)
    assert recipe.epochs == 15


def test_another_rate_changes_the_lowest_one_too():
    recipe = all_recipes()["gldv2-delf"].with_changes(learning_rate=1e-5)
    assert [stage.learning_rate for stage in recipe.stages] == pytest.approx([1e-6, 1e-5])
    assert [stage.final_rate for stage in recipe.stages] == pytest.approx([1e-7, 1e-7])
    check_recipe(recipe)


def test_from_scratch_what_one_stage_leaves_to_the_next_stays_so():
    recipe = all_recipes()["gldv2-delf"].from_scratch()
    assert [(stage.train_from, stage.frozen) for stage in recipe.stages] == [("all", ("attention",)), ("attention", ())]
    first, last = (
        Stage(1, 1e-3, train_from=block, frozen=("conv1",), group_rates=(0.1, 1)) for block in ("head", "all")
    )
    recipe = dataclasses.replace(recipe, stages=(first, last, first)).from_scratch()
    assert [(stage.train_from, stage.frozen) for stage in recipe.stages[:2]] == [("all", ()), ("all", ())]
    assert recipe.stages[2] == first


def test_from_scratch_there_is_nothing_to_keep():
    recipe = all_recipes()["imagenet_sketch"].from_scratch()
    assert (recipe.weights, recipe.head) == (None, "new")
    assert all(stage.train_from == "all" and not stage.group_rates for stage in recipe.stages)
    check_recipe(recipe)
