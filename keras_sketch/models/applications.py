"""The networks of `keras.applications` as backbones, with their published weights or those of a file."""

from __future__ import annotations

import os
import re
import warnings

import keras
import numpy as np

from keras_sketch.errors import MissingDataError
from keras_sketch.models.table import Backbone
from keras_sketch.models.weight_files import load_weight_file

_DEVIATION = (0.229, 0.224, 0.225)


def application_features(name: str, row: Backbone, prepared, weights: str | os.PathLike[str] | None):
    """Builds a network of `keras.applications`, without its head, behind what is there already.

    Args:
        name: Its name in the table.
        row: Its row.
        prepared: float32 `[N, H, W, 3]`, scaled as the row says.
        weights: None, `"imagenet"` or a file.

    Returns:
        Its 4-D features.

    Raises:
        MissingDataError: The file is not there, or cannot be downloaded.
        BadDataError: The file is damaged or of another network.
    """
    published, shape = weights == "imagenet", tuple(prepared.shape[1:])
    if published and row.scaling != "included":
        network = _with_published_weights(name, row, input_tensor=prepared, input_shape=shape)
    else:
        network = row.load()(include_top=False, weights=None, input_tensor=prepared, input_shape=shape, **row.arguments)
    if published and row.scaling == "included":
        # Keras builds EfficientNet with one layer more for them; the graph is the same whatever the weights are here.
        network.set_weights(_with_published_weights(name, row, input_shape=shape).get_weights())
    elif weights is not None and not published:
        load_weight_file(network, name, weights, head_layers=(0, 1, row.head_layers))
    _fold_second_scaling(network)
    _scale_in_float32(network)
    return network.output


def _with_published_weights(name: str, row: Backbone, **inputs) -> keras.Model:
    try:
        with warnings.catch_warnings():
            # MobileNet's, for sides that it has no weights of its own for; those of 224 pixels serve.
            warnings.filterwarnings("ignore", "`input_shape` is undefined or non-square")
            return row.load()(include_top=False, weights="imagenet", **inputs, **row.arguments)
    except Exception as error:
        # For a failed download Keras raises a bare Exception, for a damaged one a ValueError.
        if isinstance(error, TypeError | ValueError) and "corrupted" not in str(error):
            raise
        raise _download_failed(name, error) from error


def _download_failed(name: str, error: Exception) -> MissingDataError:
    address = re.search(r"https?://\S+[^\s:]", str(error))
    reason = str(error).rsplit(" -- ", 1)[-1].strip().rstrip(".")
    what = f"{address[0].rsplit('/', 1)[-1]} from {address[0]}" if address else "its ImageNet weights"
    return MissingDataError(
        f"For {name}, Keras cannot download {what} ({reason}): go online, or give a weights file of {name} with "
        "--weights FILE."
    )


def _fold_second_scaling(network: keras.Model) -> None:
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
