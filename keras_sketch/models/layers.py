"""Layers that several networks share."""

from __future__ import annotations

import keras
from keras import ops

_ZERO = 1e-24
"""The squared length of a vector that counts as zero: in float32 its direction is about to be lost."""


def logits_dtype() -> str:
    """Returns the precision of the layers that give logits: float32 under any policy but float64, which stays."""
    return keras.backend.result_type(keras.config.dtype_policy().compute_dtype, "float32")


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


@keras.saving.register_keras_serializable(package="keras_sketch")
class CosineLogits(keras.layers.Layer):
    """An output layer whose logits are `scale` times the cosine between the features and each class's vector.

    What ArcFace (Deng et al. 2019, arXiv:1801.07698, section 2.1) and CosFace (Wang et al. 2018, arXiv:1801.09414,
    section 3.1) put their margins on. All-zero features have the cosine 0 with every class, and no gradient.

    Input: float `[N, D]`. Output: `[N, units]` in -scale..scale, of `logits_dtype()`.
    """

    def __init__(self, units: int, scale: float, **kwargs):
        """Sets the number of classes, and what the cosines are multiplied by."""
        kwargs.setdefault("dtype", logits_dtype())
        super().__init__(**kwargs)
        self.units, self.scale = units, scale

    def build(self, input_shape):
        """Makes the classes' vectors, `[D, units]`."""
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], self.units), initializer="glorot_uniform")

    def call(self, features):
        """Returns the logits."""
        return self.scale * ops.matmul(_unit_length(features, -1), _unit_length(self.kernel, 0))

    def compute_output_shape(self, input_shape):
        """Returns `(N, units)`."""
        return (*input_shape[:-1], self.units)

    def get_config(self):
        """Returns what it takes to make the layer again."""
        return {**super().get_config(), "units": self.units, "scale": self.scale}


def _unit_length(x, axis: int):
    # The slope of the square root at zero is infinite, so zeros are kept out of it.
    squares = ops.sum(ops.square(x), axis=axis, keepdims=True)
    is_zero = squares <= _ZERO
    return ops.where(is_zero, ops.zeros_like(x), x * ops.rsqrt(ops.where(is_zero, ops.ones_like(squares), squares)))
