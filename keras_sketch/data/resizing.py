"""How an image of any shape becomes a square; the same function serves training, evaluation and the export."""

from __future__ import annotations

import tensorflow as tf

from keras_sketch.errors import InvalidArgumentError

RESIZE_MODES = ("pad", "stretch", "crop")


def fit_square(image: tf.Tensor, side: int, how: str = "pad") -> tf.Tensor:
    """Resizes one image to a square, antialiased.

    Args:
        image: uint8 `[H, W, C]` in 0..255.
        side: Height and width of the result in pixels.
        how: `"pad"` keeps everything and continues the image's own border colour (the median of its four corners) on
            the short sides; `"stretch"` ignores the aspect ratio; `"crop"` keeps the middle square.

    Returns:
        uint8 `[side, side, C]`. An image of that size comes back unchanged.

    Raises:
        InvalidArgumentError: `how` is not one of the three, or `side` is not positive.
    """
    if how not in RESIZE_MODES:
        raise InvalidArgumentError("how", f"one of {', '.join(RESIZE_MODES)}", how)
    if side < 1:
        raise InvalidArgumentError("side", "a positive number of pixels", side)
    channels = image.shape[-1]
    size = tf.shape(image)
    same = tf.reduce_all(size[:2] == side)
    resized = tf.cond(same, lambda: tf.cast(image, tf.float32), lambda: _resize(image, side, how))
    rounded = tf.saturate_cast(tf.round(resized), tf.uint8)
    return tf.ensure_shape(rounded, [side, side, channels])


def _resize(image: tf.Tensor, side: int, how: str) -> tf.Tensor:
    height, width = tf.shape(image)[0], tf.shape(image)[1]
    if how == "crop":
        short = tf.minimum(height, width)
        image = image[(height - short) // 2 :, (width - short) // 2 :][:short, :short]
    if how != "pad":
        return tf.image.resize(image, [side, side], antialias=True)
    scale = side / tf.maximum(height, width)
    inner = tf.maximum(1, tf.cast(tf.round(tf.cast([height, width], tf.float64) * scale), tf.int32))
    resized = tf.image.resize(image, inner, antialias=True)
    border = _corner_median(resized)
    top, left = (side - inner[0]) // 2, (side - inner[1]) // 2
    padding = [[top, side - inner[0] - top], [left, side - inner[1] - left], [0, 0]]
    return tf.pad(resized - border, padding) + border


def _corner_median(image: tf.Tensor) -> tf.Tensor:
    corners = tf.stack([image[0, 0], image[0, -1], image[-1, 0], image[-1, -1]])
    ordered = tf.sort(tf.cast(corners, tf.float32), axis=0)
    return (ordered[1] + ordered[2]) / 2
