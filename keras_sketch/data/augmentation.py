"""Random changes of training images: draws an example, operations a batch.

Each example carries its own draws, made from (seed, epoch, index) with stateless generators, so that two runs with one
seed, and a resumed run, see the same pixels. An operation is made from the recipe's values; it is a pure function of
a batch and its draws. Where it draws for the batch as a whole, it does so from the key of the batch's first example.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Sequence

import tensorflow as tf

from keras_sketch.data.keyed_layers import erasing, jitter
from keras_sketch.data.mixing import mixing
from keras_sketch.data.policies import check_policy, policy
from keras_sketch.data.warping import ELASTIC_GRID, warping
from keras_sketch.errors import InvalidArgumentError
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
    # At the end: what stands before it draws what it drew without it.
    "crop": 3,
}
LIMITS = {
    "rotation": (0, 180),
    "shear": (0, 89),
    "aspect": (0, 10),
    "shift": (0, 1),
    "flip": (0, 1),
    "elastic": (0, 1),
    "unwarped": (0, 1),
    "thickness": (0, 1),
    "fill": (0, 255),
    # From 0.45 on, white paper can become darker than the middle of the range, and the drawing be taken for a negative.
    "jitter": (0, 0.4),
    "erasing": (0, 1),
    "mixup": (0, 1),
    "cutmix": (0, 1),
}


def check_augmentation(augmentation: Augmentation) -> None:
    """Checks the values, before anything is read or trained.

    Raises:
        InvalidArgumentError: A value is out of its range, or no number.
        UnknownNameError: There is no such policy.
    """
    for name, (low, high) in LIMITS.items():
        value = getattr(augmentation, name)
        if not isinstance(value, numbers.Real) or not low <= value <= high:
            raise InvalidArgumentError(f"augmentation.{name}", f"a number from {low} to {high}", value)
    if not _ordered(augmentation.zoom, math.inf):
        raise InvalidArgumentError(
            "augmentation.zoom", "two positive numbers, the smaller one first", augmentation.zoom
        )
    if not _ordered(augmentation.crop, 1):
        allowed = "two shares of the area, above 0 and at most 1, the smaller one first"
        raise InvalidArgumentError("augmentation.crop", allowed, augmentation.crop)
    if augmentation.policy is not None:
        check_policy(augmentation.policy)


def _ordered(limits: object, highest: float) -> bool:
    """Whether these are two positive finite numbers, the smaller one first, none above the highest."""
    if not isinstance(limits, Sequence) or len(limits) != 2:
        return False
    return all(isinstance(limit, numbers.Real) for limit in limits) and (
        0 < limits[0] <= limits[1] <= highest and limits[1] < math.inf
    )


def repeats(augmentation: Augmentation) -> bool:
    """Whether two runs with one seed see the same pixels: not with a policy of KerasCV's."""
    return augmentation.policy is None


def make_augment(augmentation: Augmentation, num_classes: int) -> Callable:
    """Returns the augmentation as one function of a batch: the operations asked for, one after another.

    The warp comes first, so that all others keep their crisp edges; rectangles of paper are laid down before the
    colours change, so that they change with the paper; pictures are mixed when each of them is finished.

    Args:
        augmentation: The ranges and probabilities.
        num_classes: How many classes there are.

    Returns:
        `(images, labels, draws) -> (images, labels)`. In: uint8 or float32 `[N, H, W, C]` in 0..255, integers `[N]`,
        and what `draw` returned. Out: float32 `[N, H, W, C]` in 0..255, and the labels as they came, or, where
        pictures are mixed, each class's share of the picture, float32 `[N, K]`.

    Raises:
        KerasSketchError: As `check_augmentation`.
    """
    check_augmentation(augmentation)
    a = augmentation
    listed = (
        (True, lambda: warping(a)),
        (a.thickness, lambda: thickness(a.thickness)),
        (a.erasing, lambda: erasing(a.erasing, a.fill)),
        (a.jitter, lambda: jitter(a.jitter)),
        (a.policy, lambda: policy(a.policy, a.fill, num_classes)),
        (a.mixup or a.cutmix, lambda: mixing(a.mixup, a.cutmix, num_classes)),
    )
    operations = [make() for wanted, make in listed if wanted]

    def augment(images, labels, draws):
        for operation in operations:
            images, labels = operation(images, labels, draws)
        return images, labels

    return augment


def draw(seed: int, epochs: tf.Tensor, indices: tf.Tensor) -> dict[str, tf.Tensor]:
    """Draws what the augmentation of a batch needs, each example's from (seed, epoch, index) alone.

    Args:
        seed: The run's seed.
        epochs: int64 `[N]`.
        indices: int64 `[N]`, the examples' places in the stored split.

    Returns:
        float32 `[N, k]` each, uniform in [0, 1), named as in `UNIFORM_DRAWS`; and `key`, int64 `[N, 2]`, from which
        further numbers can be drawn.
    """

    def one(epoch_and_index):
        key = tf.random.experimental.stateless_fold_in(tf.constant([seed, 0], tf.int64), epoch_and_index[0])
        key = tf.random.experimental.stateless_fold_in(key, epoch_and_index[1])
        return key, tf.random.stateless_uniform([sum(UNIFORM_DRAWS.values())], seed=key)

    keys, uniform = tf.map_fn(one, (epochs, indices), fn_output_signature=(tf.int64, tf.float32))
    draws = dict(zip(UNIFORM_DRAWS, tf.split(uniform, list(UNIFORM_DRAWS.values()), axis=1), strict=True))
    return {**draws, "key": keys}


def thickness(probability: float) -> Callable:
    """Returns `change_thickness` as an operation."""
    return lambda images, labels, draws: (change_thickness(images, draws["thickness"], probability), labels)


def change_thickness(images: tf.Tensor, draws: tf.Tensor, probability: float) -> tf.Tensor:
    """Makes light strokes up to 0.4 of a 3 x 3 dilation thicker, or fades their soft edges; draws `[N, 2]`."""
    amount = (draws[:, 0] * 2 - 1)[:, None, None, None]
    dilated = tf.nn.max_pool2d(images, 3, strides=1, padding="SAME")
    thicker = images + 0.4 * amount * (dilated - images)
    thinner = images + 1.4 * amount * images * (1 - images / 255)
    changed = tf.clip_by_value(tf.where(amount > 0, thicker, thinner), 0.0, 255.0)
    return tf.where((draws[:, 1] < probability)[:, None, None, None], changed, images)
