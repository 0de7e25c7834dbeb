"""Keras' random layers, made to repeat: what they draw depends on a key, not on how often they were called."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

# What stands before the layer's name in a key; new operations get new numbers, so that no other's draws change.
ERASING, JITTER, MIXING, CHOICE = range(4)


class KeyedSeeds(keras.random.SeedGenerator):
    """The seeds of one call of a layer: each is made of the call's key and of how many were drawn before.

    Args:
        key: int64 `[2]`.
    """

    def __init__(self, key: tf.Tensor):
        # The base class would keep its count in a variable, which calls in parallel would share.
        self.key = key
        self.count = 0

    def next(self, ordered: bool = True) -> tf.Tensor:
        """Returns int64 `[2]`; `ordered` is the base class's argument, without a meaning here."""
        self.count += 1
        return tf.random.experimental.stateless_fold_in(self.key, self.count)


def batch_key(draws: dict[str, tf.Tensor], operation: int) -> tf.Tensor:
    """Returns the key of one operation on a batch, int64 `[2]`: that of its first example, in this epoch."""
    return tf.random.experimental.stateless_fold_in(draws["key"][0], operation)


def erasing(probability: float, fill: float) -> Callable:
    """Returns Keras' RandomErasing (Zhong et al. 2017): rectangles of 2 to 33 % of the area become paper.

    Args:
        probability: Of an image with a rectangle.
        fill: The grey, 0..255, of the paper.
    """
    # Given one number, Keras would draw the probability itself, between 0 and that number.
    layer = keras.layers.RandomErasing((probability, probability), fill_value=fill, dtype="float32")
    return lambda images, labels, draws: (_changed(layer, images, KeyedSeeds(batch_key(draws, ERASING))), labels)


def jitter(limit: float) -> Callable:
    """Returns Keras' brightness, contrast and, for RGB images, saturation, in this order.

    Brightness is added: up to `limit` of the whole range. The image's distance from its mean and its saturation are
    multiplied by 1 - `limit` to 1 + `limit`.

    Args:
        limit: 0 to 1; `check_augmentation` allows 0.4.
    """
    brightness = keras.layers.RandomBrightness(limit, value_range=(0, 255), dtype="float32")
    # Given one number, Keras 3.15 would only ever raise the contrast.
    contrast = keras.layers.RandomContrast((limit, limit), value_range=(0, 255), dtype="float32")
    # Keras multiplies the saturation by factor / (1 - factor), and clips it, a share, to `value_range`.
    factors = ((1 - limit) / (2 - limit), (1 + limit) / (2 + limit))
    saturation = keras.layers.RandomSaturation(factors, value_range=(0, 1), dtype="float32")

    def apply(images, labels, draws):
        seeds = KeyedSeeds(batch_key(draws, JITTER))
        for layer in (brightness, contrast, saturation)[: 3 if images.shape[-1] == 3 else 2]:
            images = _changed(layer, images, seeds)
        return images, labels

    return apply


def _changed(layer: keras.layers.Layer, images: tf.Tensor, seeds: KeyedSeeds) -> tf.Tensor:
    return layer.transform_images(images, layer.get_random_transformation(images, seed=seeds))
