"""The published QuickDraw network."""

from __future__ import annotations

from keras import layers

from keras_sketch.models.pooling import pool


def quickdraw_cnn(scaled, pooling: str | None = None):
    """Two convolutions and two dense layers, for 28 x 28 drawings.

    Source: the notebook amelie-vogel/image-classification-quickdraw. Its "Dense 50" is followed by the output layer.

    Args:
        scaled: float32 `[N, H, W, C]` in 0..1.
        pooling: A name from `POOLINGS`; None: every position goes to the dense layers, as published.

    Returns:
        Features, `[N, 50]`.
    """
    x = layers.Conv2D(32, 5, activation="relu", name="conv1")(scaled)
    x = layers.MaxPooling2D(2, name="pool1")(x)
    x = layers.Conv2D(128, 3, activation="relu", name="conv2")(x)
    x = layers.MaxPooling2D(2, name="pool2")(x)
    x = layers.Dropout(0.4, name="dropout")(x)
    x = pool(x, pooling) if pooling else layers.Flatten(name="flatten")(x)
    x = layers.Dense(128, activation="relu", name="dense1")(x)
    return layers.Dense(50, activation="relu", name="dense2")(x)
