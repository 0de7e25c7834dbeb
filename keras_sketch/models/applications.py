"""The networks of `keras.applications`, with their own head or without, and their published weights or a file's."""

from __future__ import annotations

import warnings

import keras
import numpy as np

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.models.downloads import download_failed
from keras_sketch.models.layers import logits_dtype
from keras_sketch.models.table import Backbone

_DEVIATION = (0.229, 0.224, 0.225)


def build_application(name: str, row: Backbone, prepared, published: bool, with_head: bool = False) -> keras.Model:
    """Builds a network of `keras.applications` behind what is there already.

    Args:
        name: Its name in the table.
        row: Its row.
        prepared: float32 `[N, H, W, 3]`, scaled as the row says.
        published: Whether it gets its ImageNet weights; otherwise they are random, for a file to fill.
        with_head: Whether it keeps its own head, whose first layer is named `pooling` as that of a new one is.

    Returns:
        From the pixels to its 4-D features; with its head, to ImageNet's 1000 logits. The whole of it, wherever the row
        says that the features are taken.

    Raises:
        InvalidArgumentError: The published head does not take images of this size.
        MissingDataError: The weights cannot be downloaded.
    """
    shape = tuple(prepared.shape[1:])
    # With EfficientNet's weights Keras builds one layer more, and with those of a head it takes one size of images;
    # the graph is to be the same whatever the weights are.
    apart = with_head or row.scaling == "included"
    here = dict(input_tensor=prepared, input_shape=shape)
    if published and not apart:
        network = _with_published_weights(name, row, with_head, **here)
    else:
        network = row.load()(weights=None, **_arguments(row, with_head), **here)
    if published and apart:
        if with_head:
            _check_head_takes(name, row, network)
        side = row.input_shape if with_head else shape
        network.set_weights(_with_published_weights(name, row, with_head, input_shape=side).get_weights())
        fold_second_scaling(network)
    _scale_in_float32(network)
    if with_head:
        _head_layers(network)[0].name = "pooling"
        _give_float32(network)
    return network


def _arguments(row: Backbone, with_head: bool) -> dict:
    head = dict(include_top=True, classes=1000, classifier_activation=None) if with_head else dict(include_top=False)
    return {**row.arguments, **head}


def _with_published_weights(name: str, row: Backbone, with_head: bool, **inputs) -> keras.Model:
    try:
        with warnings.catch_warnings():
            # MobileNet's, for sides that it has no weights of its own for; those of 224 pixels serve.
            warnings.filterwarnings("ignore", "`input_shape` is undefined or non-square")
            return row.load()(weights="imagenet", **_arguments(row, with_head), **inputs)
    except Exception as error:
        # For a failed download Keras raises a bare Exception, for a damaged one a ValueError.
        if isinstance(error, TypeError | ValueError) and "corrupted" not in str(error):
            raise
        raise download_failed(name, error) from error


def _head_layers(network: keras.Model) -> list[keras.layers.Layer]:
    """Gives a network's own head: what begins with the last pooling, or where there is none with the flattening."""
    for kind in (keras.layers.GlobalAveragePooling2D, keras.layers.Flatten):
        found = [index for index, layer in enumerate(network.layers) if isinstance(layer, kind)]
        if found:
            return network.layers[found[-1] :]
    return []


def _check_head_takes(name: str, row: Backbone, network: keras.Model) -> None:
    shape = tuple(network.input_shape[1:3])
    if isinstance(_head_layers(network)[0], keras.layers.Flatten) and shape != row.input_shape[:2]:
        allowed = f"{row.input_shape[0]} (--image-size): the published head of {name} takes no other"
        raise InvalidArgumentError("image_size", allowed, shape)


def _give_float32(network: keras.Model) -> None:
    """Lets the layer that gives the logits, and what follows it, compute in float32 under any precision but float64."""
    last = max(index for index, layer in enumerate(network.layers) if layer.weights)
    for layer in network.layers[last:]:
        layer.dtype_policy = logits_dtype()


def fold_second_scaling(network: keras.Model) -> None:
    """Makes EfficientNet's published weights give what Keras' own `weights="imagenet"` gives.

    The published `Normalization` holds standard deviations where its variances should be
    (github.com/tensorflow/tensorflow/issues/49930). For `weights="imagenet"`, and only then, Keras adds a layer that
    divides by their square root once more. Squared, they do the same. Weights with other statistics, such as those of
    a network trained from scratch, are left as they are.
    """
    for layer in network.layers:
        if isinstance(layer, keras.layers.Normalization) and layer.weights:
            mean, variance, count = layer.get_weights()
            if np.allclose(variance, _DEVIATION, rtol=1e-3):
                layer.set_weights([mean, variance * np.array(_DEVIATION, variance.dtype), count])
                layer.finalize_state()


def _scale_in_float32(network: keras.Model) -> None:
    """Lets EfficientNet's own scaling compute in float32 under any precision."""
    for layer in network.layers:
        if isinstance(layer, keras.layers.Rescaling | keras.layers.Normalization):
            layer.dtype_policy = "float32"
            if isinstance(layer, keras.layers.Normalization):
                layer.finalize_state()
