"""MixUp and CutMix: pictures of two examples in one, and labels that say how much of each."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from keras_sketch.data.keyed_layers import CHOICE, MIXING, KeyedSeeds, batch_key


def mixing(mixup: float, cutmix: float, num_classes: int) -> Callable:
    """Returns Keras' MixUp (Zhang et al. 2018) or CutMix (Yun et al. 2019); where both are wanted, one of them a batch.

    Args:
        mixup: Alpha of MixUp's Beta distribution, to 1; 0: no MixUp.
        cutmix: Alpha of CutMix's Beta distribution, to 1; 0: no CutMix.
        num_classes: How many classes there are.
    """
    layers = []
    if mixup:
        layers.append(keras.layers.MixUp(mixup, dtype="float32"))
    if cutmix:
        # Given one number, Keras would draw alpha itself, between 0 and that number.
        layers.append(keras.layers.CutMix((cutmix, cutmix), dtype="float32"))

    def apply(images, labels, draws):
        key, shares = batch_key(draws, MIXING), as_shares(labels, num_classes)
        if len(layers) == 1:
            return _mixed(layers[0], images, shares, key)
        coin = tf.random.stateless_uniform([], batch_key(draws, CHOICE))
        return tf.cond(coin < 0.5, *(lambda layer=layer: _mixed(layer, images, shares, key) for layer in layers))

    return apply


def as_shares(labels: tf.Tensor, num_classes: int) -> tf.Tensor:
    """Returns float32 `[N, K]`, each row summing to 1, of integer labels `[N]`; shares stay as they are."""
    return tf.one_hot(labels, num_classes) if labels.shape.rank == 1 else labels


def _mixed(layer: keras.layers.Layer, images: tf.Tensor, shares: tf.Tensor, key: tf.Tensor):
    drawn = layer.get_random_transformation({"images": images, "labels": shares}, seed=KeyedSeeds(key))
    # Keras divides two Gamma draws; with a small alpha both may be 0. CutMix's mask is then empty, too.
    weight = drawn["mix_weight"]
    drawn["mix_weight"] = tf.where(tf.math.is_nan(weight), tf.ones_like(weight), weight)
    return layer.transform_images(images, drawn), layer.transform_labels(shares, drawn)
