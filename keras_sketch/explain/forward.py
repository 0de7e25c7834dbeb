"""Running a classifier once over images: its logits, and on the way the output of a layer."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.explain.layers import output_operation

CHUNK = 32
"""Images in one pass, so that any number of them takes the same memory."""

_compiled: weakref.WeakKeyDictionary[keras.Model, dict[tuple, Callable]] = weakref.WeakKeyDictionary()


def compiled(model: keras.Model, key: tuple, function: Callable, *shapes: Sequence[int | None]) -> Callable:
    """Compiles a function once for a model; later calls with the same key get the same one.

    Only what it computes is kept, neither `function` nor what that refers to, so that the model can be freed.

    Args:
        model: The model that `function` runs.
        key: What `function` depends on besides the model's weights and `shapes`.
        function: Takes tensors; run once, to be traced.
        shapes: One for each argument; those of rank 0 or 1 are int32 classes, the others float32.

    Returns:
        The compiled function; `output_shapes` and `structured_outputs` tell what it returns.
    """
    functions = _compiled.setdefault(model, {})
    key = (*key, *map(tuple, shapes))
    if key not in functions:
        signature = [tf.TensorSpec(shape, tf.int32 if len(shape) < 2 else tf.float32) for shape in shapes]
        functions[key] = tf.function(function, autograph=False).get_concrete_function(*signature)
    return functions[key]


def in_chunks(function: Callable, images: np.ndarray, *others: np.ndarray) -> np.ndarray:
    """Applies a compiled function to any number of images, `CHUNK` at a time; also to none.

    Args:
        function: From `compiled`; takes float32 images and a slice of each of `others`.
        images: `[N, H, W, C]`.
        others: `[N, ...]` each.

    Returns:
        What it returns, `[N, ...]`.
    """
    chunks = [slice(start, start + CHUNK) for start in range(0, len(images), CHUNK)]
    results = [
        function(tf.constant(images[part], tf.float32), *(tf.constant(other[part]) for other in others)).numpy()
        for part in chunks
    ]
    return np.concatenate(results) if results else np.zeros([0, *function.output_shapes[1:]], np.float32)


def logits_of(model: keras.Model, images: tf.Tensor) -> tf.Tensor:
    """Gives the logits, float32 `[N, K]`; where the model ends in a softmax, what goes into it."""
    with _softmax_passed_over(model):
        return tf.cast(model(images, training=False), tf.float32)


def features_and_logits(
    model: keras.Model, layer: keras.Operation, images: tf.Tensor, tape: tf.GradientTape | None = None
) -> tuple[tf.Tensor, tf.Tensor]:
    """Runs the model and catches the layer's output, wherever in the model the layer is called from.

    A second model from the inputs to the layer's output would not do: for a layer inside a nested network Keras
    answers that the graph is disconnected.

    Args:
        model: The classifier.
        layer: A layer of it.
        images: `[N, H, W, C]`.
        tape: Records what happens behind the layer.

    Returns:
        The layer's output, `[N, h, w, C]` in the layer's own dtype, and the logits.

    Raises:
        InvalidArgumentError: The layer is not called.
    """
    call = layer.call
    outputs = []

    def call_and_catch(*args, **kwargs):
        output = call(*args, **kwargs)
        if tape is not None:
            tape.watch(output)
        outputs.append(output)
        return output

    with _replaced(layer, "call", call_and_catch):
        logits = logits_of(model, images)
    if not outputs:
        raise unconnected(layer)
    return outputs[-1], logits


def chosen_or_predicted(logits: tf.Tensor, classes: tf.Tensor) -> tf.Tensor:
    """Puts the class with the highest logit where the class is -1; int32 `[N]`."""
    return tf.where(classes < 0, tf.argmax(logits, axis=-1, output_type=tf.int32), classes)


def class_probabilities(
    model: keras.Model, images: tf.Tensor, classes: tf.Tensor, activation: str = "softmax"
) -> tf.Tensor:
    """Gives the probability of each image's class, float32 `[N]`, by softmax or sigmoid; `classes` is int32 `[N]`."""
    logits = logits_of(model, images)
    probabilities = tf.sigmoid(logits) if activation == "sigmoid" else tf.nn.softmax(logits)
    return tf.gather(probabilities, classes, batch_dims=1)


def unconnected(layer: keras.Operation) -> InvalidArgumentError:
    """Makes the error for a layer that has nothing to do with the logits."""
    return InvalidArgumentError("layer", "one that the logits depend on", layer.name)


def _softmax_passed_over(model: keras.Model) -> contextlib.AbstractContextManager:
    last = output_operation(model)
    if getattr(last, "activation", None) is keras.activations.softmax:
        return _replaced(last, "activation", keras.activations.linear)
    if type(last).__name__ == "Softmax":  # keras.layers.Softmax, and the operation behind keras.ops.softmax
        return _replaced(last, "call", lambda inputs, *_, **__: inputs)
    return contextlib.nullcontext()


@contextlib.contextmanager
def _replaced(layer: keras.Operation, name: str, value: object) -> Iterator[None]:
    """Gives the layer another attribute for a while, past Keras' own tracking of what is assigned."""
    attributes = vars(layer)
    before = attributes.get(name)
    attributes[name] = value
    try:
        yield
    finally:
        if before is None:
            del attributes[name]
        else:
            attributes[name] = before
