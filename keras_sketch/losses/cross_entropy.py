"""Losses over logits; targets are integer labels, or each class's share of the picture."""

from __future__ import annotations

import keras
from keras import ops

from keras_sketch.losses.targets import default_dtype, precise


@keras.saving.register_keras_serializable(package="keras_sketch")
class CrossEntropy(keras.losses.Loss):
    """Softmax cross entropy with label smoothing, of integer labels or of each class's share of a picture.

    The target is `1 - label_smoothing` times the label's (1) or the share, plus `label_smoothing / K` for every class
    (Szegedy et al. 2016, equation 5). Keras has smoothing for the latter kind of targets only.

    Args:
        label_smoothing: 0 to 1.
    """

    def __init__(self, label_smoothing: float = 0.0, name: str = "cross_entropy", **kwargs):
        super().__init__(name=name, **{"dtype": default_dtype(), **kwargs})
        self.label_smoothing = label_smoothing

    def call(self, y_true, y_pred):
        """Returns floats `[N]` for logits `[N, K]` and integers `[N]` or `[N, 1]`, or shares `[N, K]`."""
        log_probabilities = ops.log_softmax(precise(y_pred), axis=-1)
        if len(y_true.shape) == 2 and y_true.shape[-1] == y_pred.shape[-1]:
            of_target = ops.sum(ops.cast(y_true, log_probabilities.dtype) * log_probabilities, axis=-1)
        else:
            labels = ops.cast(ops.reshape(y_true, (-1, 1)), "int32")
            of_target = ops.squeeze(ops.take_along_axis(log_probabilities, labels, axis=-1), -1)
        return -(1 - self.label_smoothing) * of_target - self.label_smoothing * ops.mean(log_probabilities, axis=-1)

    def get_config(self):
        """Returns the arguments."""
        return {**super().get_config(), "label_smoothing": self.label_smoothing}
