import pytest

from keras_sketch.errors import InvalidArgumentError, UnknownNameError
from keras_sketch.workflows.recipe_choice import choose_recipe


def choose(dataset, **given):
    changes = {name: given.pop(name) for name in ("model", "epochs", "policy") if name in given}
    return choose_recipe(None, dataset, given, **changes)


def blocks(recipe):
    return [stage.train_from for stage in recipe.stages]


def test_what_was_not_given_is_the_recipe_s():
    recipe = choose_recipe(None, "sketchy", {"weights": None}, model=None, epochs=3)
    assert (recipe.model, recipe.weights, recipe.stages[-1].epochs) == ("densenet121", "imagenet", 3)
    assert blocks(recipe) == ["head", "all"]


@pytest.mark.parametrize("changes", [dict(weights="none"), dict(model="sketch_cnn")])
def test_a_network_without_weights_is_trained_as_a_whole(changes):
    recipe = choose("sketchy", **changes)
    assert recipe.weights is None
    assert blocks(recipe) == ["all", "all"]


def test_what_is_frozen_can_be_said_for_random_weights_too():
    assert blocks(choose("sketchy", weights="none", train_from="head")) == ["all", "head"]


def test_another_pretrained_network_and_a_file_keep_the_stages():
    recipe = choose("sketchy", model="resnet50", weights="weights.h5")
    assert (recipe.model, recipe.weights, blocks(recipe)) == ("resnet50", "weights.h5", ["head", "all"])


def test_classes_of_one_s_own_need_a_head_of_their_own():
    assert choose("imagenet_sketch").head == "pretrained"
    assert choose("imagenet_sketch", classes=("n01443537", "n02099601")).head == "new"


def test_a_network_that_never_had_imagenet_s_head_starts_from_a_file_with_a_new_one():
    recipe = choose("imagenet_sketch", model="doodle_resnet", weights="weights.h5")
    assert (recipe.head, recipe.weights, blocks(recipe)) == ("new", "weights.h5", ["head", "all"])


def test_a_policy_joins_the_recipe_s_augmentation():
    recipe = choose("sketchy", policy="grid_mask")
    assert (recipe.augmentation.policy, recipe.augmentation.rotation) == ("grid_mask", 15)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        (dict(model="resnet51"), UnknownNameError),
        (dict(epochs=0), InvalidArgumentError),
        (dict(classes=("cat",)), InvalidArgumentError),
        (dict(seed=2**32), InvalidArgumentError),
        (dict(image_siz=64), UnknownNameError),
        (dict(loss="havesine"), UnknownNameError),
        (dict(balance="weight"), InvalidArgumentError),
        (dict(alpha=1.0), InvalidArgumentError),
        (dict(loss="haversine", tau=100.0), InvalidArgumentError),
        (dict(loss="haversine", alpha=-1.0), InvalidArgumentError),
        (dict(loss="haversine", alpha=float("nan")), InvalidArgumentError),
        (dict(loss="haversine_smoothing", tau=0.0), InvalidArgumentError),
        (dict(pooling="max"), InvalidArgumentError),
        (dict(bottleneck=-1), InvalidArgumentError),
        (dict(dropout=1.0), InvalidArgumentError),
        (dict(loss="arcface", margin=-0.1), InvalidArgumentError),
    ],
)
def test_what_cannot_be_is_refused(changes, error):
    with pytest.raises(error):
        choose("sketchy", **changes)


def test_a_loss_takes_its_own_number_and_no_other_s():
    recipe = choose("sketchy", loss="haversine", alpha=0.5, balance="sampling")
    assert (recipe.loss, recipe.alpha, recipe.balance) == ("haversine", 0.5, "sampling")
    assert choose("sketchy", loss="haversine_smoothing", tau=90.0).tau == 90
    with pytest.raises(InvalidArgumentError, match="left out with the loss cross_entropy: haversine has it"):
        choose("sketchy", alpha=2.5)


def test_a_head_is_the_recipe_s_until_another_is_asked_for():
    recipe = choose("sketchy", pooling="gem", bottleneck=64, dropout=0.5)
    assert (recipe.pooling, recipe.bottleneck, recipe.dropout) == ("gem", 64, 0.5)
    assert (choose("sketchy").pooling, choose("sketchy").bottleneck, choose("sketchy").dropout) == (None, 0, None)
    recipe = choose_recipe("gldv2-delf-bottleneck", None, dict(bottleneck=0, dropout=0.0))
    assert (recipe.bottleneck, recipe.dropout) == (0, 0)


@pytest.mark.parametrize(
    "given",
    [dict(pooling="gem"), dict(bottleneck=8), dict(dropout=0.1), dict(loss="arcface"), dict(model="resnet50_gem")],
)
def test_imagenet_s_head_gives_way_to_another(given):
    assert choose("imagenet_sketch", **given).head == "new"
    assert choose("imagenet_sketch", loss="binary_cross_entropy").head == "pretrained"


def test_a_margin_belongs_to_the_losses_of_cosines():
    recipe = choose("sketchy", loss="cosface", margin=0.4, scale=20.0)
    assert (recipe.loss, recipe.margin, recipe.scale) == ("cosface", 0.4, 20)
    with pytest.raises(InvalidArgumentError, match="left out with the loss cross_entropy: arcface or cosface has it"):
        choose("sketchy", margin=0.4)


def test_the_weights_of_two_towers_go_to_the_recipe_as_they_are():
    weights = "vgg16=a.h5,resnet50=imagenet"
    recipe = choose("sketchy", model="vgg16_places365_resnet50", weights=weights)
    assert (recipe.weights, blocks(recipe)) == (weights, ["head", "all"])


def test_a_recipe_for_another_dataset_is_refused():
    with pytest.raises(InvalidArgumentError, match="sketchy, which recipe sketchy-cnn is for"):
        choose_recipe("sketchy-cnn", "doodles", {})
