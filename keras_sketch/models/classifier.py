"""`build_classifier`: pixels, what a backbone wants of them, the backbone, pooling, and a head that gives logits."""

from __future__ import annotations

import os

import keras
from keras import layers

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.models.applications import application_features
from keras_sketch.models.inputs import prepare_pixels
from keras_sketch.models.table import Backbone, backbone, check_side
from keras_sketch.models.weight_files import load_weight_file


def build_classifier(
    name: str,
    num_classes: int,
    input_shape: tuple[int, int, int] | None = None,
    weights: str | os.PathLike[str] | None = None,
    light_on_dark: bool | None = None,
) -> keras.Model:
    """Builds a classifier that maps pixels to logits.

    Args:
        name: A name from `list_models()`.
        num_classes: Number of outputs, at least 2.
        input_shape: Height, width and channels (1 or 3); the model's own default when None.
        weights: None for random ones; `"imagenet"` for those that Keras publishes, which are downloaded once; or a
            `.weights.h5`, `.h5` or `.keras` file. For a network of `keras.applications` the file is that network's,
            with a head (which is not used) or without. For the others it is that of a classifier of the same name; its
            head is used if it has as many classes, and stays random if it has more or fewer. Nothing else may be
            missing or left over.
        light_on_dark: Whether images that are bright on the whole are inverted; None: as the network does by itself,
            that is, those for drawings do.

    Returns:
        A functional `keras.Model`: uint8 or float32 `[N, H, W, C]` in 0..255 to float32 logits `[N, num_classes]`.

    Raises:
        UnknownNameError: No such model.
        InvalidArgumentError: A size that the network cannot have, or weights that do not exist for it.
        MissingDataError: The weights' file is not there, or cannot be downloaded.
        BadDataError: The weights' file is damaged or does not fit the network.
    """
    row = backbone(name)
    if not isinstance(num_classes, int) or num_classes < 2:
        raise InvalidArgumentError("num_classes", "an integer of at least 2", num_classes)
    shape = _input_shape(name, row, input_shape)
    if weights == "imagenet" and not row.is_application:
        raise InvalidArgumentError("weights", f"None or a file: {name} has no ImageNet weights", weights)

    inputs = keras.Input(shape, dtype="float32", name="pixels")
    inverts = row.light_on_dark if light_on_dark is None else light_on_dark
    prepared = prepare_pixels(inputs, row.channels, row.scaling, inverts)
    if row.is_application:
        features = application_features(name, row, prepared, weights)
    else:
        features = row.load()(prepared)
    if len(features.shape) == 4:
        features = layers.GlobalAveragePooling2D(name="pooling")(features)
    if row.dropout:
        features = layers.Dropout(row.dropout, name="head_dropout")(features)
    logits = layers.Dense(num_classes, dtype="float32", name="logits")(features)
    model = keras.Model(inputs, logits, name=name)
    if weights is not None and not row.is_application:
        load_weight_file(model, f"{name} with {num_classes} classes", weights, head="logits")
    return model


def _input_shape(name: str, row: Backbone, input_shape: tuple | None) -> tuple[int, int, int]:
    shape = tuple(input_shape or row.input_shape)
    if len(shape) != 3 or shape[-1] not in (1, 3) or not all(isinstance(size, int) and size > 0 for size in shape):
        raise InvalidArgumentError("input_shape", "(height, width, channels) with 1 or 3 channels", input_shape)
    check_side(name, min(shape[:2]))
    return shape
