"""`build_classifier`: pixels, what a backbone wants of them, the backbone, pooling, and a head that gives logits."""

from __future__ import annotations

import os

import keras
from keras import layers

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.models.applications import application_output
from keras_sketch.models.downloads import download_from_hub
from keras_sketch.models.inputs import prepare_pixels
from keras_sketch.models.safetensors_file import load_safetensors
from keras_sketch.models.table import Backbone, backbone, check_side
from keras_sketch.models.weight_files import load_weight_file


def build_classifier(
    name: str,
    num_classes: int,
    input_shape: tuple[int, int, int] | None = None,
    weights: str | os.PathLike[str] | None = None,
    light_on_dark: bool | None = None,
    head: str = "new",
) -> keras.Model:
    """Builds a classifier that maps pixels to logits.

    Args:
        name: A name from `list_models()`.
        num_classes: Number of outputs, at least 2.
        input_shape: Height, width and channels (1 or 3); the model's own default when None.
        weights: None for random ones; `"imagenet"` for the published ones, which are downloaded once; or a
            `.weights.h5`, `.h5` or `.keras` file, for a ResNeXt a `.safetensors` file with torchvision's names too. For
            a network with ImageNet weights the file is that network's, with a head (which is not used if a new one is
            asked for) or without. For the others it is that of a classifier of the same name; its head is used if it
            has as many classes, and stays random if it has more or fewer. Nothing else may be missing or left over.
        light_on_dark: Whether images that are bright on the whole are inverted; None: as the network does by itself,
            that is, those for drawings do.
        head: `"new"`: a random output layer; or `"pretrained"`: the head that the network was trained on ImageNet
            with, whose 1000 outputs are in ImageNet's order. A weights file must hold it; without weights it is random
            too, for a checkpoint to fill.

    Returns:
        A functional `keras.Model`: uint8 or float32 `[N, H, W, C]` in 0..255 to float32 logits `[N, num_classes]`.

    Raises:
        UnknownNameError: No such model.
        InvalidArgumentError: A size that the network cannot have, or weights that do not exist for it.
        MissingDataError: The weights' file is not there, or cannot be downloaded.
        BadDataError: The weights' file is damaged or does not fit the network.
    """
    row = backbone(name)
    _check_outputs(name, row, num_classes, weights, head)
    shape = _input_shape(name, row, input_shape)
    keeps_head = head == "pretrained"

    inputs = keras.Input(shape, dtype="float32", name="pixels")
    inverts = row.light_on_dark if light_on_dark is None else light_on_dark
    prepared = prepare_pixels(inputs, row.channels, row.scaling, inverts)
    if row.is_application:
        features = application_output(name, row, prepared, weights, keeps_head)
    else:
        features = row.load()(prepared, **row.arguments)
    # Keras' own head has made logits of the features already.
    has_head = row.is_application and keeps_head
    logits = features if has_head else _head(features, num_classes, 0.0 if keeps_head else row.dropout)
    model = keras.Model(inputs, logits, name=name)
    if row.hub and weights is not None:
        _load_published(model if keeps_head else keras.Model(inputs, features), name, row, weights, keeps_head)
    elif weights is not None and not row.is_application:
        load_weight_file(model, f"{name} with {num_classes} classes", weights, head="logits")
    return model


def _check_outputs(name: str, row: Backbone, num_classes: int, weights: object, head: str) -> None:
    if not isinstance(num_classes, int) or num_classes < 2:
        raise InvalidArgumentError("num_classes", "an integer of at least 2", num_classes)
    if head not in ("new", "pretrained"):
        raise InvalidArgumentError("head", '"new" or "pretrained"', head)
    if head == "pretrained" and not row.has_imagenet_weights:
        raise InvalidArgumentError("head", f'"new": {name} has no ImageNet weights', head)
    if head == "pretrained" and num_classes != 1000:
        raise InvalidArgumentError("num_classes", 'ImageNet\'s 1000 for head="pretrained"', num_classes)
    if weights == "imagenet" and not row.has_imagenet_weights:
        raise InvalidArgumentError("weights", f"None or a file: {name} has no ImageNet weights", weights)


def _head(features, num_classes: int, dropout: float):
    if len(features.shape) == 4:
        features = layers.GlobalAveragePooling2D(name="pooling")(features)
    if dropout:
        features = layers.Dropout(dropout, name="head_dropout")(features)
    return layers.Dense(num_classes, dtype="float32", name="logits")(features)


def _load_published(
    network: keras.Model, name: str, row: Backbone, weights: str | os.PathLike[str], keeps_head: bool
) -> None:
    """Loads weights of a network that is not Keras' and has a published head, from the hub or from a file."""
    if weights == "imagenet":
        weights = download_from_hub(name, row.hub)
    if os.fspath(weights).endswith(".safetensors"):
        load_safetensors(network, name, weights)
    else:
        heads = dict(own_head=1) if keeps_head else dict(head_layers=(0, 1))
        load_weight_file(network, name, weights, kinds=".safetensors, .weights.h5, .h5 or .keras", **heads)


def _input_shape(name: str, row: Backbone, input_shape: tuple | None) -> tuple[int, int, int]:
    shape = tuple(input_shape or row.input_shape)
    if len(shape) != 3 or shape[-1] not in (1, 3) or not all(isinstance(size, int) and size > 0 for size in shape):
        raise InvalidArgumentError("input_shape", "(height, width, channels) with 1 or 3 channels", input_shape)
    check_side(name, min(shape[:2]))
    return shape
