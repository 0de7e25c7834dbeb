"""What a layer gives, channel by channel."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from keras_sketch.explain.forward import compiled, features_and_logits, in_chunks
from keras_sketch.explain.inputs import as_batch
from keras_sketch.explain.layers import find_layer


def activations(model: keras.Model, images: np.ndarray, layer: str | keras.Operation | None = None) -> np.ndarray:
    """Computes the output of a layer, wherever in the model it is.

    Args:
        model: A Functional or Sequential classifier; nested networks inside it are fine.
        images: uint8 or float `[N, H, W, C]`, or one image `[H, W, C]`; pixels in 0..255.
        layer: Name (see `feature_layer_name`) or layer with a 4-D output; None for the last one before global pooling.

    Returns:
        float32 `[N, h, w, channels]`.

    Raises:
        UnknownNameError: The model has no 4-D layer of that name.
        InvalidArgumentError: Images that the model does not take, or a model that is not an image classifier.
    """
    images = as_batch(model, images)
    path, layer = find_layer(model, layer)

    def features(pixels):
        return tf.cast(features_and_logits(model, layer, pixels)[0], tf.float32)

    return in_chunks(compiled(model, (path, "features"), features, [None, *images.shape[1:]]), images)
