"""Every class a question of its own."""

from __future__ import annotations

import keras
from keras import ops

from keras_sketch.losses.targets import as_shares, default_dtype, precise


@keras.saving.register_keras_serializable(package="keras_sketch")
class BinaryCrossEntropy(keras.losses.Loss):
    """Cross entropy of each class's sigmoid, the mean over the classes, of integer labels or of shares of a picture.

    Of K classes one target is 1 and the others are 0, so that at logits of 0 the loss is ln 2, and a network that says
    no to everything is near 0: with many classes the loss alone says little. Label smoothing is Keras': the target y
    becomes y (1 - s) + s / 2.

    Args:
        label_smoothing: s, 0 to 1.
    """

    def __init__(self, label_smoothing: float = 0.0, name: str = "binary_cross_entropy", **kwargs):
        super().__init__(name=name, **{"dtype": default_dtype(), **kwargs})
        self.label_smoothing = label_smoothing

    def call(self, y_true, y_pred):
        """Returns floats `[N]` for logits `[N, K]` and integers `[N]` or `[N, 1]`, or shares `[N, K]`."""
        logits = precise(y_pred)
        shares = as_shares(y_true, logits.shape[-1], logits.dtype)
        targets = (1 - self.label_smoothing) * shares + self.label_smoothing / 2
        # ln(1 + e^z) - y z, written so that nothing overflows.
        of_class = ops.relu(logits) - targets * logits + ops.softplus(-ops.abs(logits))
        return ops.mean(of_class, axis=-1)

    def get_config(self):
        """Returns the arguments."""
        return {**super().get_config(), "label_smoothing": self.label_smoothing}
