"""From the arguments of a command to the recipe that it follows."""

from __future__ import annotations

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.models.table import backbone, check_side
from keras_sketch.recipes import Recipe, check_recipe, find_recipe


def choose_recipe(recipe: str | None, dataset: str | None, *changes: dict) -> Recipe:
    """Returns the recipe of that name, or the dataset's own, with the values that were given.

    Args:
        recipe: Its name; None: the dataset's own.
        dataset: Its name; None: the recipe's, doodles where none is given either.
        *changes: Arguments of `Recipe.with_changes`; those that are None were not given. With the weights `"none"`, or
            with a model that has none of ImageNet in place of the recipe's, everything is trained from scratch.

    Raises:
        KerasSketchError: An unknown name, a recipe for another dataset, or a number out of range.
    """
    chosen = find_recipe(recipe, dataset or "doodles")
    if dataset and dataset != chosen.dataset:
        raise InvalidArgumentError("dataset", f"{chosen.dataset}, which recipe {chosen.name} is for", dataset)
    check_recipe(chosen)
    given = {name: value for group in changes for name, value in group.items() if value is not None}
    row = backbone(given.get("model", chosen.model))
    if "weights" not in given and chosen.weights == "imagenet" and not row.is_application:
        given["weights"] = "none"
    if given.get("weights") == "none":
        del given["weights"]
        chosen = chosen.from_scratch()
    changed = chosen.with_changes(**given)
    check_recipe(changed)
    if changed.image_size is not None:
        check_side(changed.model, changed.image_size)
    return changed
