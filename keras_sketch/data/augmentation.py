"""Random changes of training images: draws an example, operations a batch.

Each example carries its own draws, made from (seed, epoch, index) with stateless generators, so that two runs with one
seed, and a resumed run, see the same pixels. An operation takes the batch and its draws, and is a pure function.
"""

from __future__ import annotations

import tensorflow as tf

from keras_sketch.data.warping import ELASTIC_GRID, warp
from keras_sketch.recipes import Augmentation

NONE = Augmentation()
UNIFORM_DRAWS = {
    "rotation": 1,
    "shear": 1,
    "zoom": 1,
    "aspect": 1,
    "shift": 2,
    "flip": 1,
    "elastic": 2 * ELASTIC_GRID**2,
    "thickness": 2,
    "erase": 5,
    "mix": 1,
}


def draw(seed: int, epoch: tf.Tensor, index: tf.Tensor, augmentation: Augmentation) -> dict[str, tf.Tensor]:
    """Draws what one example's augmentation needs.

    Args:
        seed: The run's seed.
        epoch: int64 scalar.
        index: int64 scalar, the example's place in the stored split.
        augmentation: Its `mix` is the parameter of one of the distributions.

    Returns:
        float32 `[k]` each, uniform in [0, 1), named as in `UNIFORM_DRAWS`; and `share` `[1]`, from Beta(mix, mix).
            Nothing where nothing is to change.
    """
    if augmentation == NONE:
        return {}
    key = tf.random.experimental.stateless_fold_in(tf.constant([seed, 0], tf.int64), epoch)
    key = tf.random.experimental.stateless_fold_in(key, index)
    uniform = tf.random.stateless_uniform([sum(UNIFORM_DRAWS.values())], seed=key)
    draws = dict(zip(UNIFORM_DRAWS, tf.split(uniform, list(UNIFORM_DRAWS.values())), strict=True))
    if augmentation.mix:
        gamma = tf.random.stateless_gamma([2], seed=key, alpha=augmentation.mix) + 1e-9
        draws["share"] = gamma[:1] / tf.reduce_sum(gamma)
    return draws


def augment(
    images: tf.Tensor, labels: tf.Tensor, draws: dict[str, tf.Tensor], augmentation: Augmentation, num_classes: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Applies the augmentation to a batch.

    Args:
        images: uint8 or float32 `[N, H, W, C]` in 0..255.
        labels: int64 `[N]`.
        draws: From `draw`, batched.
        augmentation: The ranges and probabilities.
        num_classes: K.

    Returns:
        float32 images `[N, H, W, C]` in 0..255 and the labels; with `mix` the labels are float32 `[N, K]`, shares.
    """
    images = tf.cast(images, tf.float32)
    if augmentation == NONE:
        return images, labels
    images = warp(images, draws, augmentation)
    if augmentation.thickness:
        images = change_thickness(images, draws["thickness"], augmentation.thickness)
    if augmentation.erase:
        images = erase(images, draws["erase"], augmentation.erase, augmentation.fill)
    if augmentation.mix:
        return mix(images, tf.one_hot(labels, num_classes), draws["mix"], draws["share"])
    return images, labels


def change_thickness(images: tf.Tensor, draws: tf.Tensor, probability: float) -> tf.Tensor:
    """Makes light strokes up to 0.4 of a 3 x 3 dilation thicker, or fades their soft edges; draws `[N, 2]`."""
    amount = (draws[:, 0] * 2 - 1)[:, None, None, None]
    dilated = tf.nn.max_pool2d(images, 3, strides=1, padding="SAME")
    thicker = images + 0.4 * amount * (dilated - images)
    thinner = images + 1.4 * amount * images * (1 - images / 255)
    changed = tf.clip_by_value(tf.where(amount > 0, thicker, thinner), 0.0, 255.0)
    return tf.where((draws[:, 1] < probability)[:, None, None, None], changed, images)


def erase(images: tf.Tensor, draws: tf.Tensor, probability: float, fill: float) -> tf.Tensor:
    """Covers a rectangle with the paper's colour; draws `[N, 5]`: centre y and x, height, width, whether."""
    height, width = images.shape[1], images.shape[2]
    half = (0.1 + 0.26 * draws[:, 2:4]) / 2
    rows = tf.abs(tf.linspace(0.0, 1.0, height)[None] - draws[:, 0:1]) < half[:, 0:1]
    columns = tf.abs(tf.linspace(0.0, 1.0, width)[None] - draws[:, 1:2]) < half[:, 1:2]
    covered = rows[:, :, None] & columns[:, None, :] & (draws[:, 4] < probability)[:, None, None]
    return tf.where(covered[..., None], fill, images)


def mix(images: tf.Tensor, targets: tf.Tensor, draws: tf.Tensor, share: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Mixes half of the images, and their targets, with those at the mirrored places of the batch (mixup)."""
    share = tf.where(draws < 0.5, tf.maximum(share, 1 - share), 1.0)
    own = share[:, :, None, None]
    return images * own + images[::-1] * (1 - own), targets * share + targets[::-1] * (1 - share)
