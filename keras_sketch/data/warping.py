"""The geometric part of augmentation: one interpolation for all of it."""

from __future__ import annotations

import math

import tensorflow as tf

from keras_sketch.recipes import Augmentation

ELASTIC_GRID = 4


def warp(images: tf.Tensor, draws: dict[str, tf.Tensor], augmentation: Augmentation) -> tf.Tensor:
    """Warps each image of a batch by its own draws.

    Args:
        images: float32 `[N, H, W, C]`.
        draws: Uniform in [0, 1), `[N, k]` each: `rotation`, `shear`, `zoom`, `aspect`, `flip`, `unwarped` (k = 1),
            `shift` (2), `elastic` (2 x 4 x 4).
        augmentation: The ranges.

    Returns:
        float32 `[N, H, W, C]`.
    """
    height, width = images.shape[1], images.shape[2]
    transforms = output_to_input(draws, augmentation, height, width)
    if augmentation.elastic:
        displacement = _displacement(draws, augmentation, height, width)
        return _sample(images, transforms, displacement, augmentation.fill)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=transforms,
        output_shape=[height, width],
        fill_value=augmentation.fill,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )


def output_to_input(draws: dict[str, tf.Tensor], augmentation: Augmentation, height: int, width: int) -> tf.Tensor:
    """Returns the affine warps as TensorFlow takes them: each maps an output pixel to the input's, float32 `[N, 8]`.

    The image is mirrored, zoomed, sheared along x and rotated about its centre, then shifted.
    """
    warped = _warped(draws, augmentation)

    def plus_or_minus(name, limit, place=0):
        return (draws[name][:, place] * 2 - 1) * limit * warped

    angle = plus_or_minus("rotation", math.radians(augmentation.rotation))
    shear = tf.tan(plus_or_minus("shear", math.radians(augmentation.shear)))
    low, high = (math.log(limit) for limit in augmentation.zoom)
    zoom_y = tf.exp((low + draws["zoom"][:, 0] * (high - low)) * warped)
    zoom_x = zoom_y * tf.exp(plus_or_minus("aspect", augmentation.aspect))
    shift_x = plus_or_minus("shift", augmentation.shift * width, 0)
    shift_y = plus_or_minus("shift", augmentation.shift * height, 1)
    mirror = tf.where(draws["flip"][:, 0] < augmentation.flip, -1.0, 1.0)

    cos, sin = tf.cos(angle), tf.sin(angle)
    # The inverse of rotate . shear . zoom . mirror, written out.
    across = mirror / zoom_x
    m00, m01 = across * (cos + shear * sin), across * (sin - shear * cos)
    m10, m11 = -sin / zoom_y, cos / zoom_y
    centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
    from_x, from_y = centre_x + shift_x, centre_y + shift_y
    offset_x = centre_x - m00 * from_x - m01 * from_y
    offset_y = centre_y - m10 * from_x - m11 * from_y
    zero = tf.zeros_like(angle)
    return tf.stack([m00, m01, offset_x, m10, m11, offset_y, zero, zero], axis=1)


def _warped(draws: dict[str, tf.Tensor], augmentation: Augmentation) -> tf.Tensor:
    """Returns 1 for the images to warp and 0 for those that are at most mirrored, float32 `[N]`."""
    return tf.cast(draws["unwarped"][:, 0] >= augmentation.unwarped, tf.float32)


def _displacement(draws: dict[str, tf.Tensor], augmentation: Augmentation, height: int, width: int) -> tf.Tensor:
    """Returns pixels to add to the input's coordinates, float32 `[N, H, W, 2]` (x, y): smooth, normally distributed."""
    normal = tf.math.ndtri(tf.clip_by_value(draws["elastic"], 1e-6, 1 - 1e-6))
    size = augmentation.elastic * _warped(draws, augmentation)[:, None, None, None]
    grid = tf.reshape(normal, [-1, ELASTIC_GRID, ELASTIC_GRID, 2]) * size
    return tf.image.resize(grid, [height, width], "bicubic") * tf.constant([width, height], tf.float32)


def _sample(images: tf.Tensor, transforms: tf.Tensor, displacement: tf.Tensor, fill: float) -> tf.Tensor:
    """Reads each output pixel bilinearly where its transform and displacement point; outside is `fill`."""
    height, width, channels = images.shape[1:]
    x, y = (axis[None] for axis in tf.meshgrid(tf.range(width, dtype=tf.float32), tf.range(height, dtype=tf.float32)))
    m = transforms[:, :6, None, None]
    from_x = m[:, 0] * x + m[:, 1] * y + m[:, 2] + displacement[..., 0]
    from_y = m[:, 3] * x + m[:, 4] * y + m[:, 5] + displacement[..., 1]

    # A border of paper all around takes every point that lies outside.
    padded = tf.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]], constant_values=fill)
    from_x = tf.clip_by_value(from_x + 1, 0.0, width + 0.999)
    from_y = tf.clip_by_value(from_y + 1, 0.0, height + 0.999)
    left, top = tf.floor(from_x), tf.floor(from_y)
    flat = tf.reshape(padded, [-1, (height + 2) * (width + 2), channels])
    corner = tf.cast(top * (width + 2) + left, tf.int32)

    def pixels(offset):
        places = tf.reshape(corner + offset, [-1, height * width])
        return tf.reshape(tf.gather(flat, places, batch_dims=1), [-1, height, width, channels])

    across, down = (from_x - left)[..., None], (from_y - top)[..., None]
    upper = pixels(0) * (1 - across) + pixels(1) * across
    lower = pixels(width + 2) * (1 - across) + pixels(width + 3) * across
    return upper * (1 - down) + lower * down
