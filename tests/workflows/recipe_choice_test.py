import pytest

from keras_sketch.errors import InvalidArgumentError, UnknownNameError
from keras_sketch.workflows.recipe_choice import choose_recipe


def blocks(recipe):
    return [stage.train_from for stage in recipe.stages]


def test_what_was_not_given_is_the_recipe_s():
    recipe = choose_recipe(None, "sketchy", dict(model=None, weights=None), dict(epochs=3))
    assert (recipe.model, recipe.weights, recipe.stages[-1].epochs) == ("densenet121", "imagenet", 3)
    assert blocks(recipe) == ["head", "all"]


@pytest.mark.parametrize("changes", [dict(weights="none"), dict(model="sketch_cnn")])
def test_a_network_without_weights_is_trained_as_a_whole(changes):
    recipe = choose_recipe(None, "sketchy", changes)
    assert recipe.weights is None
    assert blocks(recipe) == ["all", "all"]


def test_what_is_frozen_can_be_said_for_random_weights_too():
    assert blocks(choose_recipe(None, "sketchy", dict(weights="none", train_from="head"))) == ["all", "head"]


def test_another_pretrained_network_and_a_file_keep_the_stages():
    recipe = choose_recipe(None, "sketchy", dict(model="resnet50", weights="weights.h5"))
    assert (recipe.model, recipe.weights, blocks(recipe)) == ("resnet50", "weights.h5", ["head", "all"])


def test_a_policy_joins_the_recipe_s_augmentation():
    recipe = choose_recipe(None, "sketchy", dict(policy="grid_mask"))
    assert (recipe.augmentation.policy, recipe.augmentation.rotation) == ("grid_mask", 15)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        (dict(model="resnet51"), UnknownNameError),
        (dict(epochs=0), InvalidArgumentError),
        (dict(classes=("cat",)), InvalidArgumentError),
        (dict(seed=2**32), InvalidArgumentError),
    ],
)
def test_what_cannot_be_is_refused(changes, error):
    with pytest.raises(error):
        choose_recipe(None, "sketchy", changes)


def test_a_recipe_for_another_dataset_is_refused():
    with pytest.raises(InvalidArgumentError, match="sketchy, which recipe sketchy-cnn is for"):
        choose_recipe("sketchy-cnn", "doodles")
