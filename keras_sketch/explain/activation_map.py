"""What the ways to turn features into a heat map have in common."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from keras_sketch.explain.forward import chosen_or_predicted, compiled, features_and_logits, in_chunks, unconnected


class ActivationMap:
    """A weighted sum of a layer's channels, of which the positive part is kept.

    A method overrides `weights`; one that needs more than the layer's output and its gradient overrides `__call__`.

    Args:
        model: The classifier.
        path: The layer's full name, as `find_layer` gives it.
        layer: The layer whose channels are summed.
    """

    def __init__(self, model: keras.Model, path: str, layer: keras.Operation):
        self.model = model
        self.path = path
        self.layer = layer

    def __call__(self, images: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """Gives one heat map an image, at the layer's size.

        Args:
            images: `[N, H, W, C]`, what the model takes.
            classes: int32 `[N]`; -1 stands for the class with the highest logit.

        Returns:
            float32 `[N, h, w]`, at least 0.
        """
        heat_of = self.compiled(self._heat, [None, *images.shape[1:]], [None])
        return in_chunks(heat_of, images, classes)

    def weights(self, features: tf.Tensor, gradients: tf.Tensor) -> tf.Tensor:
        """Says how much each channel counts, everywhere or at each position.

        Args:
            features: float32 `[N, h, w, C]`, the layer's output.
            gradients: float32 `[N, h, w, C]`, of the class's logit with respect to `features`. Where they are not
                used, they are not computed.

        Returns:
            float32 `[N, 1, 1, C]` or `[N, h, w, C]`.
        """
        raise NotImplementedError

    def compiled(self, function, *shapes):
        """Compiles one of the method's functions (see `forward.compiled`)."""
        return compiled(self.model, (self.path, type(self).__name__, function.__name__), function, *shapes)

    def _heat(self, images, classes):
        features, gradients = self._features_and_gradients(images, classes)
        return tf.nn.relu(tf.reduce_sum(features * self.weights(features, gradients), axis=-1))

    def _features_and_gradients(self, images, classes):
        """Runs the model once forward, and backward from the class's logit to the layer's output only.

        The logit is multiplied by h * w on the way, and the gradient divided by it afterwards: behind an average over
        h * w positions it would otherwise sink below what float16 can hold exactly (6.1e-5).
        """
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            features, logits = features_and_logits(self.model, self.layer, images, tape)
            positions = tf.cast(tf.reduce_prod(tf.shape(features)[1:3]), tf.float32)
            score = tf.gather(logits, chosen_or_predicted(logits, classes), batch_dims=1) * positions
        gradients = tape.gradient(score, features)
        if gradients is None:
            raise unconnected(self.layer)
        return tf.cast(features, tf.float32), tf.cast(gradients, tf.float32) / positions
