"""`gradcam`: where in the image the evidence for a class lies."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.explain.layers import find_layer
from keras_sketch.explain.methods import METHODS

_CHUNK = 32
"""Images in one pass, so that any number of them takes the same memory."""

_compiled: weakref.WeakKeyDictionary[keras.Model, dict[tuple, Callable]] = weakref.WeakKeyDictionary()


def gradcam(
    model: keras.Model,
    images: np.ndarray,
    class_index: int | Sequence[int] | None = None,
    method: str = "gradcam",
    layer: str | keras.Operation | None = None,
    normalize: bool = True,
) -> np.ndarray:
    """Computes heat maps of what speaks for a class.

    The first call for a model, layer and image size compiles a function, which later calls reuse. If the model ends in
    a softmax, the probability takes the logit's place, and where it is saturated the map is empty.

    Args:
        model: A Functional or Sequential classifier (nested networks inside it are fine) that maps one image input,
            channels last, to logits `[N, K]`.
        images: uint8 or float `[N, H, W, C]`, or one image `[H, W, C]`; pixels in 0..255.
        class_index: The class in 0..K-1, for all images or one for each; None for each image's predicted class.
        method: The way to compute them; only `"gradcam"`.
        layer: Name (see `feature_layer_name`) or layer with a 4-D output; None for the last one before global pooling.
        normalize: Whether to resize the maps to the images (bilinearly) and to divide each by its largest value.

    Returns:
        float32 `[N, H, W]` in 0..1, where 1 is the strongest evidence in that image; a map without any stays 0. With
        `normalize=False` the values as they are, at least 0, at the layer's own size.

    Raises:
        UnknownNameError: The model has no 4-D layer of that name.
        InvalidArgumentError: Images that the model does not take, a class or method that does not exist, a model that
            is not an image classifier, or a layer on which its logits do not depend.
    """
    if method not in METHODS:
        raise InvalidArgumentError("method", f"one of {', '.join(METHODS)}", method)
    images = np.asarray(images)
    images = images[None] if images.ndim == 3 else images
    _check_images(model, images)
    classes = _check_classes(model, class_index, len(images))
    heat_of = _heat_function(model, images.shape[1:], method, layer, normalize)
    chunks = [slice(start, start + _CHUNK) for start in range(0, len(images), _CHUNK)]
    heat = [heat_of(tf.constant(images[part], tf.float32), tf.constant(classes[part])).numpy() for part in chunks]
    return np.concatenate(heat) if heat else np.zeros([0, *heat_of.output_shapes[1:]], np.float32)


def _check_images(model, images):
    if images.ndim != 4 or images.dtype.kind not in "uif":
        received = f"{images.dtype} {list(images.shape)}"
        raise InvalidArgumentError("images", "numbers of shape [N, H, W, C] or [H, W, C]", received)
    if isinstance(model, keras.Sequential) and not model.built:
        model.build((None, *images.shape[1:]))
    shapes = [value.shape for value in getattr(model, "inputs", None) or []]
    if len(shapes) != 1 or len(shapes[0]) != 4 or len(model.outputs) != 1 or len(model.outputs[0].shape) != 2:
        raise InvalidArgumentError(
            "model", "a Functional or Sequential network from one image input to logits [N, K]", model.name
        )
    if any(wanted not in (None, size) for wanted, size in zip(shapes[0][1:], images.shape[1:], strict=True)):
        wanted = ", ".join(str(size or "any") for size in shapes[0][1:])
        raise InvalidArgumentError("images", f"of the shape that {model.name!r} takes, [N, {wanted}]", images.shape)


def _check_classes(model, class_index, count) -> np.ndarray:
    if class_index is None:
        return np.full(count, -1, np.int32)
    known = model.outputs[0].shape[-1]
    classes = np.asarray(class_index)
    allowed = f"None, an integer in 0..{known - 1} or one for each of the {count} images"
    if classes.shape not in ((), (count,)) or (classes.size and classes.dtype.kind not in "iu"):
        raise InvalidArgumentError("class_index", allowed, class_index)
    if ((classes < 0) | (classes >= known)).any():
        raise InvalidArgumentError("class_index", allowed, class_index)
    return np.broadcast_to(classes, [count]).astype(np.int32)


def _heat_function(model, image_shape, method, layer, normalize) -> Callable:
    path, layer = find_layer(model, layer)
    functions = _compiled.setdefault(model, {})
    key = (path, method, normalize, *image_shape)
    if key not in functions:
        activation_map = METHODS[method](model, layer)

        def heat_of(images, classes):
            heat = activation_map(images, classes)
            return _normalized(heat, image_shape[:2]) if normalize else heat

        signature = [tf.TensorSpec([None, *image_shape], tf.float32), tf.TensorSpec([None], tf.int32)]
        functions[key] = tf.function(heat_of, autograph=False).get_concrete_function(*signature)
    return functions[key]


def _normalized(heat, size):
    heat = tf.image.resize(heat[..., None], size)[..., 0]
    return tf.math.divide_no_nan(heat, tf.reduce_max(heat, axis=(1, 2), keepdims=True))
