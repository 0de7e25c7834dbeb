"""The four-layer network of a published comparison on sketches."""

from __future__ import annotations

from keras import layers

from keras_sketch.models.pooling import pool

DROPOUT = 0.3
"""Before both dense layers; the paper does not say its rate."""


def sketch_cnn(scaled, pooling: str | None = None):
    """Four convolutions and a dense layer; the baseline of the paper "Sketch => Label".

    3 x 3 convolutions with 16, 32, 64 and 128 channels, each with ReLU and pooled: the first three by the maximum of
    2 x 2, the last one globally. 231,717 parameters with 133 outputs, as the paper counts them.

    Args:
        scaled: float32 `[N, H, W, 3]` in 0..1.
        pooling: A name from `POOLINGS`; None: the average, as published.

    Returns:
        Features, `[N, 512]`.
    """
    x = scaled
    for number, filters in enumerate((16, 32, 64), start=1):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"conv{number}")(x)
        x = layers.MaxPooling2D(2, name=f"pool{number}")(x)
    x = layers.Conv2D(128, 3, padding="same", activation="relu", name="conv4")(x)
    x = pool(x, pooling) if pooling else layers.GlobalAveragePooling2D(name="average")(x)
    x = layers.Dropout(DROPOUT, name="dropout")(x)
    return layers.Dense(512, activation="relu", name="dense1")(x)
