"""The losses that a recipe can name; importing this loads no Keras."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from keras_sketch.curation.countries import country_centroids, find_country
from keras_sketch.errors import InvalidArgumentError, UnknownNameError
from keras_sketch.recipes import Recipe

if TYPE_CHECKING:
    import keras
    import numpy as np


@dataclasses.dataclass(frozen=True)
class Loss:
    """A loss by name.

    Attributes:
        class_name: Of `keras_sketch.losses`.
        fields: The recipe's fields that it takes as arguments.
        has_distance: Whether its first argument is the places of the classes.
        activation: What makes probabilities of the logits: `"softmax"`, or `"sigmoid"` of each by itself.
        cosine: Whether the logits are the recipe's `scale` times cosines.
    """

    class_name: str
    fields: tuple[str, ...]
    has_distance: bool = False
    activation: str = "softmax"
    cosine: bool = False


LOSSES = {
    "cross_entropy": Loss("CrossEntropy", ("label_smoothing",)),
    "haversine": Loss("CrossEntropyHaversine", ("alpha", "label_smoothing"), has_distance=True),
    "haversine_smoothing": Loss("HaversineSmoothing", ("tau",), has_distance=True),
    "binary_cross_entropy": Loss("BinaryCrossEntropy", ("label_smoothing",), activation="sigmoid"),
    "arcface": Loss("ArcFace", ("scale", "margin", "label_smoothing"), cosine=True),
    "cosface": Loss("CosFace", ("scale", "margin", "label_smoothing"), cosine=True),
}
"""By what `Recipe.loss` and `--loss` take."""


def check_loss(name: str) -> None:
    """Checks a loss's name.

    Raises:
        UnknownNameError: There is no such loss.
    """
    if name not in LOSSES:
        raise UnknownNameError("loss", name, LOSSES)


def make_loss(recipe: Recipe, class_names: Sequence[str], dtype: str | None = None) -> keras.losses.Loss:
    """Builds the recipe's loss.

    Args:
        recipe: Names the loss; its fields are the loss's arguments.
        class_names: In the order of the logits; a loss with distance needs the canonical names of countries.
        dtype: Of the logits; float32 or float64; None: as the policy has it.

    Raises:
        UnknownNameError: There is no such loss.
        InvalidArgumentError: The loss needs countries and a class is none, the recipe has label smoothing and the loss
            does not, or an argument is out of range.
    """
    import keras_sketch.losses

    check_loss(recipe.loss)
    loss = LOSSES[recipe.loss]
    if recipe.label_smoothing and "label_smoothing" not in loss.fields:
        raise InvalidArgumentError(
            "label_smoothing", f"0 in the recipe with the loss {recipe.loss}", recipe.label_smoothing
        )
    places = [_centroids(recipe.loss, class_names)] if loss.has_distance else []
    arguments = {field: getattr(recipe, field) for field in loss.fields}
    if dtype is not None:
        arguments["dtype"] = dtype
    return getattr(keras_sketch.losses, loss.class_name)(*places, **arguments)


def _centroids(loss: str, class_names: Sequence[str]) -> np.ndarray:
    centroids = country_centroids(class_names)
    if centroids is None:
        other = next((name for name in class_names if country_centroids([name]) is None), None)
        why = f"{other!r} is none" if other is not None else "there are none"
        with contextlib.suppress(UnknownNameError):
            if meant := {name: find_country(name).name for name in class_names}:
                why = f"rename {other!r} to {meant[other]!r}"
        raise InvalidArgumentError("loss", f"cross_entropy where the classes are not countries ({why})", loss)
    return centroids
