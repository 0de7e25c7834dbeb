"""The geometric part of augmentation: one interpolation for all of it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import tensorflow as tf

from keras_sketch.recipes import Augmentation

ELASTIC_GRID = 4
_GEOMETRY = ("rotation", "shear", "zoom", "aspect", "shift", "flip", "elastic", "crop")


def warping(augmentation: Augmentation) -> Callable:
    """Returns `warp` as an operation, or where there is nothing to warp the mere change to float32."""
    if not warps(augmentation):
        return lambda images, labels, draws: (tf.cast(images, tf.float32), labels)
    return lambda images, labels, draws: (warp(images, draws, augmentation), labels)


def warps(augmentation: Augmentation) -> bool:
    """Whether any picture is moved at all."""
    still = dataclasses.replace(augmentation, **{name: getattr(Augmentation, name) for name in _GEOMETRY})
    return augmentation != still


def warp(images: tf.Tensor, draws: dict[str, tf.Tensor], augmentation: Augmentation) -> tf.Tensor:
    """Warps each image of a batch by its own draws, with one bilinear interpolation.

    The centre is that of the pixel grid, `(side - 1) / 2`, as in Keras; what lies outside is `fill`, towards which the
    outermost pixels fade over one pixel, as in `ImageProjectiveTransformV3`, Keras' kernel. XLA makes one loop of it
    that takes a fifth of that kernel's time.

    Args:
        images: uint8 or float32 `[N, H, W, C]`; H, W and C known.
        draws: Uniform in [0, 1), `[N, k]` each: `rotation`, `shear`, `zoom`, `aspect`, `flip`, `unwarped` (k = 1),
            `shift` (2), `elastic` (2 x 4 x 4), `crop` (3).
        augmentation: The ranges.

    Returns:
        float32 `[N, H, W, C]`.
    """
    height, width = images.shape[1], images.shape[2]
    transforms = output_to_input(draws, augmentation, height, width)
    displacement = _displacement(draws, augmentation, height, width) if augmentation.elastic else None
    if augmentation.fill != round(augmentation.fill):
        images = tf.cast(images, tf.float32)
    return _sample(images, transforms, displacement, float(augmentation.fill))


def output_to_input(draws: dict[str, tf.Tensor], augmentation: Augmentation, height: int, width: int) -> tf.Tensor:
    """Returns the affine warps, row by row: each maps an output pixel (x, y) to the input's, float32 `[N, 6]`.

    The image, or what is cropped of it, is mirrored, zoomed, sheared along x and rotated about its centre, then
    shifted. A positive rotation is clockwise, a positive shear moves the lower half to the right, a positive shift goes
    right or down. Where a crop is turned or shifted, its corners show what lies beside it in the picture.
    """
    warped = _warped(draws, augmentation)

    def plus_or_minus(name, limit, place=0):
        return (draws[name][:, place] * 2 - 1) * limit * warped

    angle = plus_or_minus("rotation", math.radians(augmentation.rotation))
    shear = tf.tan(plus_or_minus("shear", math.radians(augmentation.shear)))
    low, high = (math.log(limit) for limit in augmentation.zoom)
    zoom_y = tf.exp((low + draws["zoom"][:, 0] * (high - low)) * warped)
    aspect = plus_or_minus("aspect", augmentation.aspect)
    crops = tuple(augmentation.crop) != Augmentation.crop
    zoom_x = zoom_y if crops else zoom_y * tf.exp(aspect)
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
    transforms = tf.stack([m00, m01, offset_x, m10, m11, offset_y], axis=1)
    return _of_crop(transforms, draws, augmentation, height, width) if crops else transforms


def _of_crop(
    transforms: tf.Tensor, draws: dict[str, tf.Tensor], augmentation: Augmentation, height: int, width: int
) -> tf.Tensor:
    """Returns transforms that read from a random rectangle of the image what these read from the whole, `[N, 6]`.

    As torchvision's RandomResizedCrop (after Szegedy et al. 2015): the share of the area is uniform, the logarithm of
    the ratio of the sides is, the place is. Ratios that do not fit into the picture are not drawn; torchvision draws
    area and ratio anew. The rectangle's outermost pixel centres lie on the picture's or inside, so that nothing is
    read from outside: less than half a pixel is lost at each border.
    """
    low, high = augmentation.crop
    share = 1 - (1 - low - draws["crop"][:, 0] * (high - low)) * _warped(draws, augmentation)
    # As wide as the picture at the most, and as high.
    most = tf.minimum(augmentation.aspect, -tf.math.log(share))
    ratio = tf.exp((1 - draws["aspect"][:, 0] * 2) * most)
    across, down = tf.sqrt(share * ratio), tf.sqrt(share / ratio)
    left = draws["crop"][:, 1] * (1 - across) * (width - 1)
    top = draws["crop"][:, 2] * (1 - down) * (height - 1)
    m = transforms
    return tf.stack(
        [across * m[:, 0], across * m[:, 1], across * m[:, 2] + left]
        + [down * m[:, 3], down * m[:, 4], down * m[:, 5] + top],
        axis=1,
    )


def _warped(draws: dict[str, tf.Tensor], augmentation: Augmentation) -> tf.Tensor:
    """Returns 1 for the images to warp and 0 for those that are at most mirrored, float32 `[N]`."""
    return tf.cast(draws["unwarped"][:, 0] >= augmentation.unwarped, tf.float32)


def _displacement(draws: dict[str, tf.Tensor], augmentation: Augmentation, height: int, width: int) -> tf.Tensor:
    """Returns pixels to add to the input's coordinates, float32 `[N, H, W, 2]` (x, y): smooth, normally distributed."""
    normal = tf.math.ndtri(tf.clip_by_value(draws["elastic"], 1e-6, 1 - 1e-6))
    size = augmentation.elastic * _warped(draws, augmentation)[:, None, None, None]
    grid = tf.reshape(normal, [-1, ELASTIC_GRID, ELASTIC_GRID, 2]) * size
    return tf.image.resize(grid, [height, width], "bicubic") * tf.constant([width, height], tf.float32)


@tf.function(jit_compile=True, autograph=False)
def _sample(images: tf.Tensor, transforms: tf.Tensor, displacement: tf.Tensor | None, fill: float) -> tf.Tensor:
    """Reads each output pixel bilinearly where its transform and displacement point; outside is `fill`."""
    height, width, channels = images.shape[1:]
    x, y = (axis[None] for axis in tf.meshgrid(tf.range(width, dtype=tf.float32), tf.range(height, dtype=tf.float32)))
    m = transforms[:, :, None, None]
    from_x = m[:, 0] * x + m[:, 1] * y + m[:, 2]
    from_y = m[:, 3] * x + m[:, 4] * y + m[:, 5]
    if displacement is not None:
        from_x, from_y = from_x + displacement[..., 0], from_y + displacement[..., 1]

    # A border of paper all around takes every point that lies outside.
    padded = tf.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]], constant_values=tf.cast(fill, images.dtype))
    flat = tf.reshape(padded, [-1, channels])
    from_x, from_y = tf.clip_by_value(from_x + 1, 0.0, width + 1.0), tf.clip_by_value(from_y + 1, 0.0, height + 1.0)
    left, top = tf.minimum(tf.floor(from_x), width), tf.minimum(tf.floor(from_y), height)
    first = tf.range(tf.shape(images)[0])[:, None, None] * (height + 2) * (width + 2)
    corner = first + tf.cast(top, tf.int32) * (width + 2) + tf.cast(left, tf.int32)

    def pixels(offset):
        return tf.cast(tf.gather(flat, corner + offset), tf.float32)

    across, down = (from_x - left)[..., None], (from_y - top)[..., None]
    upper = pixels(0) * (1 - across) + pixels(1) * across
    lower = pixels(width + 2) * (1 - across) + pixels(width + 3) * across
    return upper * (1 - down) + lower * down
