"""Random changes of training images: draws an example, one warp a batch.

Each example carries its own uniform draws, made from (seed, epoch, index) with a stateless generator, so that two runs
with one seed, and a resumed run, see the same pixels.
"""

from __future__ import annotations

import math

import tensorflow as tf

from keras_sketch.recipes import Augmentation

NUM_DRAWS = 7


def draw(seed: int, epoch: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
    """Draws what one example's augmentation needs.

    Args:
        seed: The run's seed.
        epoch: int64 scalar.
        index: int64 scalar, the example's place in the stored split.

    Returns:
        float32 `[NUM_DRAWS]`, uniform in [0, 1).
    """
    key = tf.random.experimental.stateless_fold_in(tf.constant([seed, 0], tf.int64), epoch)
    return tf.random.stateless_uniform([NUM_DRAWS], seed=tf.random.experimental.stateless_fold_in(key, index))


def augment(images: tf.Tensor, draws: tf.Tensor, augmentation: Augmentation) -> tf.Tensor:
    """Applies the affine warp of each example's draws to a batch.

    Args:
        images: uint8 or float32 `[N, H, W, C]` in 0..255.
        draws: float32 `[N, NUM_DRAWS]` from `draw`.
        augmentation: The ranges.

    Returns:
        float32 `[N, H, W, C]` in 0..255.
    """
    images = tf.cast(images, tf.float32)
    height, width = images.shape[1], images.shape[2]
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=output_to_input(draws, augmentation, height, width),
        output_shape=[height, width],
        fill_value=augmentation.fill,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )


def output_to_input(draws: tf.Tensor, augmentation: Augmentation, height: int, width: int) -> tf.Tensor:
    """Returns the warps as TensorFlow takes them: each maps an output pixel to the input's, float32 `[N, 8]`.

    The image is mirrored, zoomed, sheared along x and rotated about its centre, then shifted.
    """
    signed = draws * 2 - 1
    angle = signed[:, 0] * (augmentation.rotation * math.pi / 180)
    shear = tf.tan(signed[:, 1] * (augmentation.shear * math.pi / 180))
    zoom = tf.exp(signed[:, 2:4] * math.log1p(augmentation.zoom))
    shift_x, shift_y = signed[:, 4] * augmentation.shift * width, signed[:, 5] * augmentation.shift * height
    mirror = tf.where(draws[:, 6] < augmentation.flip, -1.0, 1.0)

    cos, sin = tf.cos(angle), tf.sin(angle)
    # The inverse of rotate . shear . zoom . mirror, written out.
    a = mirror / zoom[:, 0]
    m00, m01 = a * (cos + shear * sin), a * (sin - shear * cos)
    m10, m11 = -sin / zoom[:, 1], cos / zoom[:, 1]
    centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
    from_x, from_y = centre_x + shift_x, centre_y + shift_y
    offset_x = centre_x - m00 * from_x - m01 * from_y
    offset_y = centre_y - m10 * from_x - m11 * from_y
    zero = tf.zeros_like(angle)
    return tf.stack([m00, m01, offset_x, m10, m11, offset_y, zero, zero], axis=1)
