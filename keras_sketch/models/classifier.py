"""`build_classifier`: pixels, what a backbone wants of them, the backbone, pooling, and a head that gives logits."""

from __future__ import annotations

import math

import keras
from keras import layers

from keras_sketch.errors import InvalidArgumentError, UnknownNameError
from keras_sketch.models.backbones import build_backbone
from keras_sketch.models.inputs import prepare_pixels
from keras_sketch.models.layers import CosineLogits, logits_dtype
from keras_sketch.models.loading import Weights, load_into, split_weights
from keras_sketch.models.table import Backbone, backbone, check_side
from keras_sketch.recipes.validation import POOLINGS

_MOMENTUM = 0.9
"""Of the bottleneck's statistics: Keras' 0.99 takes several hundred steps to forget those at the start."""


def build_classifier(
    name: str,
    num_classes: int,
    input_shape: tuple[int, int, int] | None = None,
    weights: Weights = None,
    light_on_dark: bool | None = None,
    head: str = "new",
    *,
    pooling: str | None = None,
    bottleneck: int = 0,
    dropout: float | None = None,
    cosine_scale: float | None = None,
) -> keras.Model:
    """Builds a classifier that maps pixels to logits.

    Args:
        name: A name from `list_models()`.
        num_classes: Number of outputs, at least 2.
        input_shape: Height, width and channels (1 or 3); the model's own default when None.
        weights: None for random ones; `"imagenet"` for the published ones, which are downloaded once; a file of the
            network or of a classifier of the same name (see docs/models.md); or for towers a file or `"imagenet"` by
            tower, as a mapping or as `"TOWER=WEIGHTS,TOWER=WEIGHTS"`. No weight of a file may be missing or left over.
        light_on_dark: Whether images that are bright on the whole are inverted; None: as the network does by itself.
        head: `"new"`: a random output layer; or `"pretrained"`: the head that the network was trained on ImageNet
            with, whose 1000 outputs are in ImageNet's order. A weights file must hold it.
        pooling: What makes a row of numbers of the maps, a name from `POOLINGS`; None: as the network has it.
        bottleneck: Units of a dense layer, normalized, with ReLU and dropout, before the output layer; 0: none.
        dropout: Rate before the output layer; None: as the network has it.
        cosine_scale: Where given, the logits are so many times the cosine between features and classes.

    Returns:
        A functional `keras.Model`: uint8 or float32 `[N, H, W, C]` in 0..255 to float32 logits `[N, num_classes]`;
        under the policy float64 to float64 ones.

    Raises:
        UnknownNameError: No such model, tower or pooling.
        InvalidArgumentError: A size, rate or head that the network cannot have, or weights that do not exist for it.
        MissingDataError: The weights' file is not there, or cannot be downloaded.
        BadDataError: The weights' file is damaged or does not fit the network.
    """
    row, keeps_head = backbone(name), head == "pretrained"
    _check_outputs(name, row, num_classes, head)
    _check_head(head, pooling, bottleneck, dropout, cosine_scale)
    files = split_weights(name, row, weights)
    inputs = keras.Input(_input_shape(name, row, input_shape), dtype="float32", name="pixels")
    pixels = prepare_pixels(inputs, row.channels, row.light_on_dark if light_on_dark is None else light_on_dark)
    published = [part for part, file in files.items() if file == "imagenet"]
    built = build_backbone(name, row, inputs, pixels, published, pooling, keeps_head)
    logits = built.output
    if not (keeps_head and row.is_application):  # Keras' own head has made logits of the features already.
        rate = 0.0 if keeps_head else row.dropout if dropout is None else dropout
        logits = _head(logits, num_classes, bottleneck, rate, cosine_scale)
    model = keras.Model(inputs, logits, name=name)
    load_into(model, built, name, row, files, keeps_head)
    return model


def _check_outputs(name: str, row: Backbone, num_classes: int, head: str) -> None:
    if not isinstance(num_classes, int) or num_classes < 2:
        raise InvalidArgumentError("num_classes", "an integer of at least 2", num_classes)
    if head not in ("new", "pretrained"):
        raise InvalidArgumentError("head", '"new" or "pretrained"', head)
    if head == "pretrained" and not row.has_imagenet_head:
        raise InvalidArgumentError("head", f'"new": {name} has no ImageNet head', head)
    if head == "pretrained" and num_classes != 1000:
        raise InvalidArgumentError("num_classes", 'ImageNet\'s 1000 for head="pretrained"', num_classes)


def _check_head(
    head: str, pooling: str | None, bottleneck: int, dropout: float | None, cosine_scale: float | None
) -> None:
    if pooling is not None and pooling not in POOLINGS:
        raise UnknownNameError("pooling", pooling, POOLINGS)
    if not isinstance(bottleneck, int) or bottleneck < 0:
        raise InvalidArgumentError("bottleneck", "a number of units, or 0 for none", bottleneck)
    if dropout is not None and not 0 <= dropout < 1:
        raise InvalidArgumentError("dropout", "at least 0 and below 1", dropout)
    if cosine_scale is not None and not (math.isfinite(cosine_scale) and cosine_scale > 0):
        raise InvalidArgumentError("cosine_scale", "a positive number", cosine_scale)
    changes = dict(pooling=pooling, bottleneck=bottleneck or None, dropout=dropout, cosine_scale=cosine_scale)
    for name, value in changes.items():
        if head == "pretrained" and value is not None:
            raise InvalidArgumentError(name, 'left out with head="pretrained", which is as it was trained', value)


def _head(features, num_classes: int, bottleneck: int, dropout: float, cosine_scale: float | None):
    """Puts the output layer on features, with a bottleneck before it where units are given."""
    part = "bottleneck" if bottleneck else "head"
    x = features
    if bottleneck:
        x = layers.Dense(bottleneck, use_bias=False, kernel_initializer="he_normal", name="bottleneck")(x)
        x = layers.BatchNormalization(momentum=_MOMENTUM, name="bottleneck_norm")(x)
        x = layers.ReLU(name="bottleneck_relu")(x)
    if dropout:
        x = layers.Dropout(dropout, name=f"{part}_dropout")(x)
    if cosine_scale:
        return CosineLogits(num_classes, cosine_scale, name="logits")(x)
    return layers.Dense(num_classes, dtype=logits_dtype(), name="logits")(x)


def _input_shape(name: str, row: Backbone, input_shape: tuple | None) -> tuple[int, int, int]:
    shape = tuple(input_shape or row.input_shape)
    if len(shape) != 3 or shape[-1] not in (1, 3) or not all(isinstance(size, int) and size > 0 for size in shape):
        raise InvalidArgumentError("input_shape", "(height, width, channels) with 1 or 3 channels", input_shape)
    check_side(name, min(shape[:2]))
    return shape
