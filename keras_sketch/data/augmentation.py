"""Random changes of training images: draws an example, operations a batch.

Each example carries its own draws, made from (seed, epoch, index) with stateless generators, so that two runs with one
seed, and a resumed run, see the same pixels. An operation takes the batch and its draws, and is a pure function.
"""

from __future__ import annotations

import tensorflow as tf

from keras_sketch.data.warping import ELASTIC_GRID, warp
from keras_sketch.recipes import Augmentation

UNIFORM_DRAWS = {
    "rotation": 1,
    "shear": 1,
    "zoom": 1,
    "aspect": 1,
    "shift": 2,
    "flip": 1,
    "elastic": 2 * ELASTIC_GRID**2,
    "thickness": 2,
    "unwarped": 1,
}


def draw(seed: int, epoch: tf.Tensor, index: tf.Tensor) -> dict[str, tf.Tensor]:
    """Draws what one example's augmentation needs.

    Args:
        seed: The run's seed.
        epoch: int64 scalar.
        index: int64 scalar, the example's place in the stored split.

    Returns:
        float32 `[k]` each, uniform in [0, 1), named as in `UNIFORM_DRAWS`.
    """
    key = tf.random.experimental.stateless_fold_in(tf.constant([seed, 0], tf.int64), epoch)
    key = tf.random.experimental.stateless_fold_in(key, index)
    uniform = tf.random.stateless_uniform([sum(UNIFORM_DRAWS.values())], seed=key)
    return dict(zip(UNIFORM_DRAWS, tf.split(uniform, list(UNIFORM_DRAWS.values())), strict=True))


def augment(images: tf.Tensor, draws: dict[str, tf.Tensor], augmentation: Augmentation) -> tf.Tensor:
    """Applies the augmentation to a batch.

    Args:
        images: uint8 or float32 `[N, H, W, C]` in 0..255.
        draws: From `draw`, batched.
        augmentation: The ranges and probabilities.

    Returns:
        float32 `[N, H, W, C]` in 0..255.
    """
    images = warp(tf.cast(images, tf.float32), draws, augmentation)
    if augmentation.thickness:
        images = change_thickness(images, draws["thickness"], augmentation.thickness)
    return images


def change_thickness(images: tf.Tensor, draws: tf.Tensor, probability: float) -> tf.Tensor:
    """Makes light strokes up to 0.4 of a 3 x 3 dilation thicker, or fades their soft edges; draws `[N, 2]`."""
    amount = (draws[:, 0] * 2 - 1)[:, None, None, None]
    dilated = tf.nn.max_pool2d(images, 3, strides=1, padding="SAME")
    thicker = images + 0.4 * amount * (dilated - images)
    thinner = images + 1.4 * amount * images * (1 - images / 255)
    changed = tf.clip_by_value(tf.where(amount > 0, thicker, thinner), 0.0, 255.0)
    return tf.where((draws[:, 1] < probability)[:, None, None, None], changed, images)
