"""Layers that several networks share."""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_sketch")
class LightOnDark(keras.layers.Layer):
    """Turns drawings on light paper into light ink on a dark ground, and leaves the others as they are.

    Drawings come both ways: Quick, Draw!'s bitmaps are white on black, scans and sketches black on white. An image
    whose mean pixel is above the middle of the range is inverted (`255 - pixel`), so that a network trained on one
    kind reads the other. Input and output: float `[N, H, W, C]` in 0..255.
    """

    def __init__(self, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)

    def call(self, pixels):
        """Returns the pixels with bright-paper images inverted."""
        bright = ops.mean(pixels, axis=(1, 2, 3), keepdims=True) > 127.5
        return ops.where(bright, 255.0 - pixels, pixels)

    def compute_output_shape(self, input_shape):
        """Returns the input's shape."""
        return input_shape


@keras.saving.register_keras_serializable(package="keras_sketch")
class RgbToBgr(keras.layers.Layer):
    """Reverses the channels, for networks whose weights were trained in Caffe.

    Input and output: float `[N, H, W, 3]`.
    """

    def __init__(self, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)

    def call(self, pixels):
        """Returns blue, green, red for red, green, blue."""
        return ops.flip(pixels, axis=-1)

    def compute_output_shape(self, input_shape):
        """Returns the input's shape."""
        return input_shape
