import json

import pytest

from keras_sketch.errors import BadDataError, MissingDataError
from keras_sketch.recipes import all_recipes, find_recipe, list_recipes, read_recipe, write_recipe


@pytest.mark.parametrize("name", list_recipes())
def test_a_recipe_survives_its_file(name, tmp_path):
    recipe = all_recipes()[name]
    write_recipe(recipe, tmp_path / "recipe.json")
    assert read_recipe(tmp_path / "recipe.json") == recipe
    assert find_recipe(str(tmp_path / "recipe.json"), "doodles") == recipe


def test_a_run_s_recipe_is_one_too(tmp_path):
    recipe = all_recipes()["doodles"]
    (tmp_path / "recipe.json").write_text(json.dumps({"recipe": recipe.to_dict(), "precision": "float32"}))
    assert read_recipe(tmp_path / "recipe.json") == recipe


def changed(**changes):
    return json.dumps({**all_recipes()["doodles"].to_dict(), **changes})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "is wrong"),
        ("{}", "it has no 'published'"),
        (changed(colour="red"), "colour"),
        (changed(stages=[]), "it has no stage"),
        (changed(stages=[{"epochs": "six", "learning_rate": 1e-3}]), "epochs cannot be 'six'"),
        (changed(stages=[{"epochs": 6}]), "learning_rate"),
        (changed(batch_size=1.5), "batch_size cannot be 1.5"),
        (changed(batch_size=True), "batch_size cannot be True"),
        (changed(model=None), "model cannot be None"),
        (changed(classes=[1, 2]), "classes cannot be"),
        (changed(augmentation={"zoom": [1]}), "zoom cannot be"),
    ],
)
def test_a_wrong_file_is_named(text, message, tmp_path):
    (tmp_path / "mine.json").write_text(text)
    with pytest.raises(BadDataError, match=rf"mine\.json .*{message}"):
        find_recipe(str(tmp_path / "mine.json"), "doodles")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MissingDataError, match="Cannot read the recipe file .*nowhere.json: No such file"):
        find_recipe(str(tmp_path / "nowhere.json"), "doodles")
