"""The ways to turn features into a heat map, by name.

`ActivationMap` owns what they share; a method overrides one function and has one row in `METHODS`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras
import tensorflow as tf

from keras_sketch.errors import InvalidArgumentError


class ActivationMap:
    """A weighted sum of a layer's channels, of which the positive part is kept."""

    def __init__(self, model: keras.Model, layer: keras.Operation):
        """Keeps the network and the layer of it whose output is summed."""
        self.model = model
        self.layer = layer

    def __call__(self, images: tf.Tensor, classes: tf.Tensor) -> tf.Tensor:
        """Gives one heat map an image, at the layer's size.

        Args:
            images: `[N, H, W, C]`, what the model takes.
            classes: int32 `[N]`; -1 stands for the class with the highest logit.

        Returns:
            float32 `[N, h, w]`, at least 0.
        """
        features, gradients = self.features_and_gradients(images, classes)
        weights = self.channel_weights(features, gradients)
        return tf.nn.relu(tf.einsum("nhwc,nc->nhw", features, weights))

    def channel_weights(self, features: tf.Tensor, gradients: tf.Tensor) -> tf.Tensor:
        """Says how much each channel counts.

        Args:
            features: float32 `[N, h, w, C]`, the layer's output.
            gradients: float32 `[N, h, w, C]`, of the class's logit with respect to `features`.

        Returns:
            float32 `[N, C]`.
        """
        raise NotImplementedError

    def features_and_gradients(self, images: tf.Tensor, classes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Runs the model once forward, and backward from the class's logit to the layer's output only.

        The logit is multiplied by h * w on the way, and the gradient divided by it afterwards: behind an average over
        h * w positions it would otherwise sink below what float16 can hold exactly (6.1e-5).
        """
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            with _watched(self.layer, tape) as outputs:
                logits = tf.cast(self.model(images, training=False), tf.float32)
            if not outputs:
                raise self._unconnected()
            features = outputs[-1]
            positions = tf.cast(tf.reduce_prod(tf.shape(features)[1:3]), tf.float32)
            predicted = tf.argmax(logits, axis=-1, output_type=tf.int32)
            chosen = tf.where(classes < 0, predicted, classes)
            score = tf.gather(logits, chosen, batch_dims=1) * positions
        gradients = tape.gradient(score, features)
        if gradients is None:
            raise self._unconnected()
        return tf.cast(features, tf.float32), tf.cast(gradients, tf.float32) / positions

    def _unconnected(self):
        return InvalidArgumentError("layer", "one that the logits depend on", self.layer.name)


@contextlib.contextmanager
def _watched(layer: keras.Operation, tape: tf.GradientTape) -> Iterator[list[tf.Tensor]]:
    """Lets the tape start at the layer's output, wherever in the model the layer is called from.

    A second model from the inputs to the layer's output would not do: for a layer inside a nested network Keras
    answers that the graph is disconnected.
    """
    call = layer.call
    outputs = []

    def call_and_watch(*args, **kwargs):
        output = call(*args, **kwargs)
        tape.watch(output)
        outputs.append(output)
        return output

    vars(layer)["call"] = call_and_watch
    try:
        yield outputs
    finally:
        del vars(layer)["call"]


class GradCam(ActivationMap):
    """Grad-CAM: Selvaraju et al., ICCV 2017, equations 1 and 2."""

    def channel_weights(self, features: tf.Tensor, gradients: tf.Tensor) -> tf.Tensor:
        """Gives the mean gradient of each channel."""
        return tf.reduce_mean(gradients, axis=(1, 2))


METHODS: dict[str, type[ActivationMap]] = {"gradcam": GradCam}
