"""Recipes as JSON files."""

from __future__ import annotations

import collections.abc
import dataclasses
import json
import os
import types
import typing
from collections.abc import Iterator
from pathlib import Path

from keras_sketch.errors import BadDataError, MissingDataError
from keras_sketch.files import atomic_write
from keras_sketch.recipes.recipe import Recipe


def read_recipe(path: str | os.PathLike[str]) -> Recipe:
    """Reads a recipe file: the JSON of `Recipe.to_dict`, or a run's `recipe.json`, which holds it under `"recipe"`.

    Raises:
        MissingDataError: There is no such file, or it cannot be read.
        BadDataError: It is no JSON, or not a recipe's.
    """
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise MissingDataError(f"Cannot read the recipe file {path}: {error.strerror}.") from error
    except ValueError as error:
        raise BadDataError(f"The recipe file {path} is not JSON: {error}.") from error
    try:
        recipe = Recipe.from_dict(values.get("recipe", values))
        wrong = next(_wrong_fields(recipe), None) or ("" if recipe.stages else "it has no stage")
    except KeyError as error:
        wrong = f"it has no {error}"
    except (TypeError, AttributeError) as error:
        wrong = str(error)
    if wrong:
        raise BadDataError(f"The recipe file {path} is wrong: {wrong}. The recipe.json of a run shows what one holds.")
    return recipe


def write_recipe(recipe: Recipe, path: str | os.PathLike[str]) -> None:
    """Writes a recipe file."""
    with atomic_write(path) as file:
        json.dump(recipe.to_dict(), file, indent=2)


def _wrong_fields(value: object) -> Iterator[str]:
    """Yields what is wrong with the fields of a dataclass, and of those in it: their types alone, not their values."""
    hints = typing.get_type_hints(type(value))
    for field in dataclasses.fields(value):
        content = getattr(value, field.name)
        if not _fits(content, hints[field.name]):
            yield f"{field.name} cannot be {content!r}"
        for each in content if isinstance(content, tuple) else (content,):
            if dataclasses.is_dataclass(each):
                yield from _wrong_fields(each)


def _fits(value: object, hint: object) -> bool:
    kind, inner = typing.get_origin(hint), typing.get_args(hint)
    if kind is types.UnionType:
        return any(_fits(value, each) for each in inner)
    if kind is tuple:
        whole = inner[-1] is ... or len(value) == len(inner)
        return isinstance(value, tuple) and whole and all(_fits(each, inner[0]) for each in value)
    if kind is collections.abc.Mapping:
        return isinstance(value, dict)
    if hint in (int, float):
        return isinstance(value, (int, hint)) and not isinstance(value, bool)
    return isinstance(value, hint)
