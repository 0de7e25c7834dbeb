"""`build_classifier`: a backbone, pooling, and a head that gives logits."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import keras
from keras import layers

from keras_sketch.errors import BadDataError, InvalidArgumentError, MissingDataError
from keras_sketch.models.table import backbone


def build_classifier(
    name: str,
    num_classes: int,
    input_shape: tuple[int, int, int] | None = None,
    weights: str | os.PathLike[str] | None = None,
) -> keras.Model:
    """Builds a classifier that maps pixels to logits.

    Args:
        name: A name from `list_models()`.
        num_classes: Number of outputs, at least 2.
        input_shape: Height, width and channels (1 or 3); the model's own default when None.
        weights: None for random weights, or a `.weights.h5` file of this very network.

    Returns:
        A functional `keras.Model`: uint8 or float32 `[N, H, W, C]` in 0..255 to float32 logits `[N, num_classes]`.

    Raises:
        UnknownNameError: No such model.
        InvalidArgumentError: A size that the network cannot have, or weights that do not exist for it.
        MissingDataError: The weights' file is not there.
        BadDataError: The weights' file does not fit the network.
    """
    row = backbone(name)
    if not isinstance(num_classes, int) or num_classes < 2:
        raise InvalidArgumentError("num_classes", "an integer of at least 2", num_classes)
    shape = tuple(input_shape or row.input_shape)
    if len(shape) != 3 or shape[-1] not in (1, 3) or min(shape) < 1:
        raise InvalidArgumentError("input_shape", "(height, width, channels) with 1 or 3 channels", input_shape)
    if weights == "imagenet":
        raise InvalidArgumentError("weights", f"None or a file: {name} has no ImageNet weights", weights)

    inputs = keras.Input(shape, dtype="float32", name="pixels")
    try:
        features = _load(row.function)(inputs)
    except ValueError as error:
        if "Negative dimension" in str(error) or "negative" in str(error).lower():
            raise InvalidArgumentError("input_shape", f"larger, {name} shrinks it to nothing", shape) from error
        raise
    if len(features.shape) == 4:
        features = layers.GlobalAveragePooling2D(name="pooling")(features)
    if row.dropout:
        features = layers.Dropout(row.dropout, name="head_dropout")(features)
    logits = layers.Dense(num_classes, dtype="float32", name="logits")(features)
    model = keras.Model(inputs, logits, name=name)
    if weights is not None:
        _load_weights(model, Path(weights))
    return model


def _load(path: str):
    module, function = path.split(":")
    return getattr(importlib.import_module(module), function)


def _load_weights(model: keras.Model, file: Path) -> None:
    if not file.is_file():
        raise MissingDataError(f"No weights at {file}. Give a .weights.h5 file of {model.name}, or none.")
    try:
        model.load_weights(file)
    except (OSError, ValueError, KeyError) as error:
        raise BadDataError(f"The weights in {file} do not fit {model.name}: {error}") from error
