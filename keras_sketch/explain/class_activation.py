"""`gradcam`: where in the image the evidence for a class lies."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from keras_sketch.errors import UnknownNameError
from keras_sketch.explain.forward import CHUNK
from keras_sketch.explain.inputs import as_batch, as_classes
from keras_sketch.explain.layers import find_layer
from keras_sketch.explain.methods import METHODS


def gradcam(
    model: keras.Model,
    images: np.ndarray,
    class_index: int | Sequence[int] | None = None,
    method: str = "gradcam",
    layer: str | keras.Operation | None = None,
    normalize: bool = True,
) -> np.ndarray:
    """Computes heat maps of what speaks for a class.

    The first call for a model, method, layer and image size compiles a function, which later calls reuse. If the model
    ends in a softmax, what goes into it is taken for the logits.

    Args:
        model: A Functional or Sequential classifier (nested networks inside it are fine) that maps one image input,
            channels last, to logits `[N, K]`.
        images: uint8 or float `[N, H, W, C]`, or one image `[H, W, C]`; pixels in 0..255.
        class_index: The class in 0..K-1, for all images or one for each; None for each image's predicted class.
        method: `"gradcam"`, `"gradcam++"`, `"eigencam"` (which asks for no class), `"layercam"` or
            `"scorecam"` (which takes as many forward passes as the layer has channels).
        layer: Name (see `feature_layer_name`) or layer with a 4-D output; None for the last one before global pooling.
        normalize: Whether to resize the maps to the images (bilinearly) and to divide each by its largest value.

    Returns:
        float32 `[N, H, W]` in 0..1, where 1 is the strongest evidence in that image; a map without any stays 0. With
        `normalize=False` the values as they are, at least 0, at the layer's own size.

    Raises:
        UnknownNameError: No such method, or the model has no 4-D layer of that name.
        InvalidArgumentError: Images that the model does not take, a class that does not exist, a model that is not an
            image classifier, or a layer on which its logits do not depend.
    """
    if method not in METHODS:
        raise UnknownNameError("method", method, METHODS)
    images = as_batch(model, images)
    classes = as_classes(model, class_index, len(images))
    heat = METHODS[method](model, *find_layer(model, layer))(images, classes)
    return _normalized(heat, images.shape[1:3]) if normalize else heat


def _normalized(heat: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    resized = np.empty([len(heat), *size], np.float32)
    for start in range(0, len(heat), CHUNK):
        part = slice(start, start + CHUNK)
        resized[part] = tf.image.resize(heat[part, ..., None], size)[..., 0]
    largest = resized.max(axis=(1, 2), keepdims=True, initial=0)
    return np.divide(resized, largest, out=np.zeros_like(resized), where=largest > 0)
