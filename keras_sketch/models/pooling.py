"""Layers that make one row of numbers of an image's maps: the average, the generalized mean, attention."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers, ops

from keras_sketch.errors import InvalidArgumentError, UnknownNameError
from keras_sketch.recipes.validation import POOLINGS

ATTENTION_UNITS = 512
"""Channels between the two convolutions of the attention (Noh et al. 2017, section 3.2)."""

_LARGEST = 1e6
"""So large an exponent gives the maximum to seven digits, and its gradients are finite still."""
_SMALLEST = 1e-37
"""Maps with no larger number count as all zero: what is smaller, some devices take for zero."""


@keras.saving.register_keras_serializable(package="keras_sketch")
class ExponentRange(keras.constraints.Constraint):
    """Keeps exponents where the generalized mean lies between the average and the maximum: 1 to 10^6."""

    def __call__(self, exponent):
        """Returns the exponents, or the nearest ones in the range."""
        return ops.clip(exponent, 1.0, _LARGEST)


@keras.saving.register_keras_serializable(package="keras_sketch")
class GeM(layers.Layer):
    """Generalized-mean pooling with a learnt exponent: `mean(x ** p) ** (1 / p)` over the positions of each channel.

    Source: Radenovic et al. 2018 (arXiv:1711.02512), equations 3 and 4, with p = 3 at first. p = 1 is the average, and
    the larger p is, the nearer it comes to the maximum; p stays in 1..10^6 while it is trained.

    The published definition raises numbers below 10^-6 to that. Here a channel whose smallest number is below zero
    is shifted to begin at zero, and the result shifted back: p = 1 is the average and p = infinity the maximum of any
    input, and for networks that end in ReLU nothing changes. The arithmetic is float32's at least under any precision,
    on maps divided by their maximum, so that powers neither overflow nor vanish.

    Input: float `[N, H, W, C]`. Output: `[N, C]` in the layer's precision.
    """

    def __init__(self, p: float = 3.0, per_channel: bool = False, **kwargs):
        """Sets the exponent at first.

        Args:
            p: 1 to 10^6.
            per_channel: Whether each channel learns an exponent of its own.
            **kwargs: Of every layer.

        Raises:
            InvalidArgumentError: p is out of range.
        """
        super().__init__(**kwargs)
        if not 1 <= p <= _LARGEST:
            raise InvalidArgumentError("p", "a number of 1 to 10^6", p)
        self.initial_p, self.per_channel = float(p), per_channel
        self.precise = keras.backend.result_type(self.compute_dtype, "float32")

    @property
    def p(self) -> np.ndarray:
        """The exponent, `[]` or `[C]`."""
        return keras.ops.convert_to_numpy(self.exponent)

    def build(self, input_shape):
        """Makes the exponent."""
        self.exponent = self.add_weight(
            name="exponent",
            shape=(input_shape[-1],) if self.per_channel else (),
            initializer=keras.initializers.Constant(self.initial_p),
            dtype=self.precise,
            autocast=False,
            constraint=ExponentRange(),
        )

    def call(self, features):
        """Returns the generalized mean of each channel."""
        x = ops.cast(features, self.precise)
        smallest = ops.min(x, axis=(1, 2), keepdims=True)
        below = ops.where(smallest < 0, smallest, ops.zeros_like(smallest))
        x = x - below
        # The result does not depend on what the maps are divided by, so no gradient needs to pass through it.
        largest = ops.stop_gradient(ops.max(x, axis=(1, 2), keepdims=True))
        empty = largest <= _SMALLEST
        scale = ops.where(empty, ops.ones_like(largest), largest)
        powers = ops.mean(ops.power(x / scale, self.exponent), axis=(1, 2), keepdims=True)
        # The root's slope at zero is infinite; of maps that are zero everywhere the mean and its slope are taken.
        roots = ops.power(ops.where(empty, ops.ones_like(powers), powers), 1.0 / self.exponent)
        mean = ops.mean(x, axis=(1, 2), keepdims=True)
        pooled = below + ops.where(empty, mean, scale * roots)
        return ops.cast(ops.squeeze(pooled, axis=(1, 2)), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        """Returns `(N, C)`."""
        return (input_shape[0], input_shape[-1])

    def get_config(self):
        """Returns what it takes to make the layer again."""
        return {**super().get_config(), "p": self.initial_p, "per_channel": self.per_channel}


@keras.saving.register_keras_serializable(package="keras_sketch")
class AttentionPooling(layers.Layer):
    """The mean over all positions of the features times their scores (Noh et al. 2017, arXiv:1612.06321, equation 3).

    The paper takes the sum; with the mean, images of any size give features of the same magnitude.

    Input: features, float `[N, H, W, C]`, and scores of at least 0, float `[N, H, W, 1]`. Output: `[N, C]` in the
    layer's precision, computed in float32 at least.
    """

    def call(self, inputs):
        """Returns the weighted mean of each channel."""
        precise = keras.backend.result_type(self.compute_dtype, "float32")
        features, scores = (ops.cast(each, precise) for each in inputs)
        return ops.cast(ops.mean(features * scores, axis=(1, 2)), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        """Returns `(N, C)`."""
        return (input_shape[0][0], input_shape[0][-1])


def pool(features, pooling: str, tower: str | None = None):
    """Puts the layer named `pooling` behind a backbone, for attention also those that give the scores.

    Attention is constant at first (its last kernel and bias are zeros, softplus of which is ln 2), so that it pools
    ln 2 times the average until it is trained.

    Args:
        features: `[N, H, W, C]`.
        pooling: A name from `POOLINGS`.
        tower: Of a network with several towers, the one that is pooled; the layer is named `pooling_<tower>` then.

    Returns:
        `[N, C]`.

    Raises:
        UnknownNameError: No such pooling.
    """
    if pooling not in POOLINGS:
        raise UnknownNameError("pooling", pooling, POOLINGS)
    end = f"_{tower}" if tower else ""
    name = f"pooling{end}"
    if pooling == "avg":
        return layers.GlobalAveragePooling2D(name=name)(features)
    if pooling != "attention":
        return GeM(per_channel=pooling == "gem_channels", name=name)(features)
    hidden = layers.Conv2D(ATTENTION_UNITS, 1, activation="relu", name=f"attention{end}_conv")(features)
    scores = layers.Conv2D(1, 1, activation="softplus", kernel_initializer="zeros", name=f"attention{end}_score")(
        hidden
    )
    return AttentionPooling(name=name)([features, scores])
