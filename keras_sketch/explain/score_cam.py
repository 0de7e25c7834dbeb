"""Score-CAM: a heat map from forward passes alone."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from keras_sketch.explain.activation_map import ActivationMap
from keras_sketch.explain.forward import CHUNK, chosen_or_predicted, class_probabilities, features_and_logits
from keras_sketch.explain.paper import paper_colour


class ScoreCam(ActivationMap):
    """Score-CAM: Wang et al., CVPR Workshops 2020, equations 6 to 10, with probabilities as the scores (section 3.2).

    A channel's weight is how much the class's probability exceeds that of an empty image X_b when the image is seen
    through the channel alone: the channel, enlarged to the image and scaled to 0..1, lets the image through where it is
    1 and shows X_b where it is 0. The paper's X_b is 0 in its normalized input, which is the mean colour of its photos;
    here it is the image's own paper colour (`paper_colour`), because on white paper black would be ink. Where no
    channel does better than the empty paper the map stays 0.

    It takes as many forward passes as the layer has channels, 2,048 for a ResNet50, `CHUNK` at a time; none is left
    out but those of channels that are constant over the image, which weigh nothing, as in the authors' own code.
    """

    def __call__(self, images: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """Gives one heat map an image (see `ActivationMap`); shows its progress if it takes over two seconds."""
        shape = list(images.shape[1:])
        features_of = self.compiled(self._features_and_class, [None, *shape], [None])
        channels = features_of.structured_outputs[0].shape
        maps = np.zeros([len(images), *channels[1:3]], np.float32)
        papers = paper_colour(images)
        with tqdm(total=len(images) * channels[-1], desc="Score-CAM", delay=2, disable=None, leave=False) as progress:
            for place, (image, paper) in enumerate(zip(images, papers, strict=True)):
                image, paper = tf.constant(image, tf.float32), tf.constant(paper)
                features, chosen = features_of(image[None], tf.constant(classes[place : place + 1]))
                weights = self._channel_weights(image, paper, features[0], chosen, progress)
                maps[place] = np.maximum(features[0].numpy() @ weights, 0)
        return maps

    def _channel_weights(self, image, paper, features, chosen, progress) -> np.ndarray:
        shape = list(image.shape)
        score_of = self.compiled(self._masked_scores, shape, [1, 1, shape[-1]], [*features.shape[:2], None], [1])
        empty_of = self.compiled(self._empty_score, shape, [1, 1, shape[-1]], [1])
        empty = empty_of(image, paper, chosen).numpy()
        values = features.numpy()
        varying = np.flatnonzero(values.max(axis=(0, 1)) > values.min(axis=(0, 1)))
        progress.update(values.shape[-1] - len(varying))
        weights = np.zeros(values.shape[-1], np.float32)
        for start in range(0, len(varying), CHUNK):
            part = varying[start : start + CHUNK]
            weights[part] = score_of(image, paper, tf.constant(values[..., part]), chosen).numpy() - empty
            progress.update(len(part))
        return weights

    def _features_and_class(self, images, classes):
        features, logits = features_and_logits(self.model, self.layer, images)
        return tf.cast(features, tf.float32), chosen_or_predicted(logits, classes)

    def _masked_scores(self, image, paper, channels, chosen):
        masks = tf.image.resize(channels, image.shape[:2])
        low, high = tf.reduce_min(masks, axis=(0, 1)), tf.reduce_max(masks, axis=(0, 1))
        masks = tf.transpose(tf.math.divide_no_nan(masks - low, high - low), [2, 0, 1])[..., None]
        return class_probabilities(self.model, paper + masks * (image - paper), tf.repeat(chosen, tf.shape(masks)[0]))

    def _empty_score(self, image, paper, chosen):
        return class_probabilities(self.model, (paper + tf.zeros_like(image))[None], chosen)
