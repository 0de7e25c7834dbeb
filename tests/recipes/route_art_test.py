"""The recipes for route art: which of their classes real routes can have, and that the small one trains."""

import keras

from keras_sketch import build_classifier
from keras_sketch.curation.imagenet import find_class
from keras_sketch.data import open_dataset
from keras_sketch.recipes.route_art import DOODLES, QUICKDRAW, RECIPES
from keras_sketch.training.fitting import fit_recipe


def test_both_train_on_streets_and_none_is_the_test_sets_own():
    assert {recipe.config for recipe in RECIPES} == {"streets"}
    assert "route_art" not in {recipe.name for recipe in RECIPES}
    assert QUICKDRAW.weights == "imagenet" and [stage.train_from for stage in QUICKDRAW.stages] == ["head", "all"]


def test_the_classes_are_imagenets_by_name():
    assert len(set(QUICKDRAW.classes)) == len(QUICKDRAW.classes) == 77
    for name in QUICKDRAW.classes:
        assert find_class(name).name.casefold() == name
    assert not {"mouse", "ear"} & set(QUICKDRAW.classes)


def test_the_small_one_trains(tmp_path, prepared):
    recipe = DOODLES.with_changes(epochs=4, classes=("cat", "ladder", "sun"), image_size=32, batch_size=16)
    data = open_dataset(
        recipe.dataset, recipe.config, data_dir=prepared, classes=recipe.classes, per_class=30, image_size=32
    )
    keras.utils.set_random_seed(0)
    model = build_classifier(recipe.model, 3, (32, 32, 1), light_on_dark=recipe.light_on_dark)
    rows = fit_recipe(model, recipe, data.splits["train"], data.splits["validation"], tmp_path, {"class_names": []})
    assert rows[-1]["loss"] < rows[0]["loss"]
