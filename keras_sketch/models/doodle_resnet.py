"""A small residual network for drawings."""

from __future__ import annotations

from keras import layers

from keras_sketch.models.pooling import pool


def doodle_resnet(scaled, pooling: str | None = None):
    """A convolution with a wide view, then residual blocks at half, quarter and eighth size; ours.

    About 41 million multiplications an image at 28 x 28. Strokes are thin, so the first step to half size is a pooling
    after a 5 x 5 convolution, not a stride.

    Args:
        scaled: float32 `[N, H, W, C]` in 0..1.
        pooling: A name from `POOLINGS`; None: the average and the maximum, side by side.

    Returns:
        Features, `[N, 512]`, or `[N, 256]` with a pooling that was asked for.
    """
    x = layers.Conv2D(32, 5, padding="same", use_bias=False, kernel_initializer="he_normal", name="stem")(scaled)
    x = layers.MaxPooling2D(2, name="stem_pool")(x)
    x = _normalized(x, "stem")
    x = _convolution(x, 64, "half_in")
    x = _residual(x, 64, "half")
    x = _convolution(x, 128, "quarter_in", strides=2)
    x = _residual(x, 128, "quarter")
    x = _convolution(x, 256, "eighth", strides=2)
    if pooling:
        return pool(x, pooling)
    average = layers.GlobalAveragePooling2D(name="average")(x)
    maximum = layers.GlobalMaxPooling2D(name="maximum")(x)
    return layers.Concatenate(name="features")([average, maximum])


def _residual(x, filters: int, name: str):
    y = _convolution(x, filters, f"{name}_a")
    y = layers.Conv2D(filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal", name=f"{name}_b")(y)
    y = layers.BatchNormalization(momentum=0.9, name=f"{name}_b_norm")(y)
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([x, y]))


def _convolution(x, filters: int, name: str, strides: int = 1):
    x = layers.Conv2D(
        filters, 3, strides=strides, padding="same", use_bias=False, kernel_initializer="he_normal", name=name
    )(x)
    return _normalized(x, name)


def _normalized(x, name: str):
    x = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x)
