"""Recipes: one file per dataset, each row a published result or one of ours."""

from __future__ import annotations

import importlib
import pkgutil

from keras_sketch.errors import UnknownNameError
from keras_sketch.recipes.fine_tuning import fine_tune
from keras_sketch.recipes.recipe import Augmentation, Published, Recipe, Stage
from keras_sketch.recipes.recipe_file import read_recipe, write_recipe
from keras_sketch.recipes.validation import check_recipe

__all__ = [
    "Augmentation",
    "Published",
    "Recipe",
    "Stage",
    "all_recipes",
    "check_recipe",
    "find_recipe",
    "fine_tune",
    "list_recipes",
    "read_recipe",
    "write_recipe",
]


def all_recipes() -> dict[str, Recipe]:
    """Returns every recipe by name: the `RECIPES` of each module of this package that has any."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    rows = [row for module in modules for row in getattr(module, "RECIPES", ())]
    return {row.name: row for row in rows}


def list_recipes() -> list[str]:
    """Returns the names that `--recipe` takes, sorted."""
    return sorted(all_recipes())


def find_recipe(name: str | None, dataset: str) -> Recipe:
    """Returns the recipe of that name or in that file, or the default one for a dataset.

    A name that ends in `.json` is a file. The default is the recipe that bears the dataset's name, or else the `folder`
    recipe applied to it.

    Raises:
        UnknownNameError: No such recipe.
        MissingDataError: No such file.
        BadDataError: The file holds no recipe.
    """
    if name is not None and name.endswith(".json"):
        return read_recipe(name)
    recipes = all_recipes()
    if name is None:
        return recipes.get(dataset) or recipes["folder"].with_changes(name=dataset, dataset=dataset)
    if name not in recipes:
        raise UnknownNameError("recipe", name, recipes)
    return recipes[name]
