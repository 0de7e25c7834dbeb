"""Several views of each stored picture: the whole, and crops of a larger reading of it."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from keras_sketch.data.pipeline import ImageSplit

_ENLARGED = 256 / 224
"""Crops of 224 x 224 from 256 x 256, as Krizhevsky et al. 2012 (section 4.1) tested their network."""


def large_side(side: int) -> int:
    """Returns the side in pixels at which a picture is read to take crops of `side` x `side` from it."""
    return round(side * _ENLARGED)


def view_boxes(side: int) -> np.ndarray:
    """Returns what part of the picture each view shows.

    Args:
        side: The network's input, in pixels.

    Returns:
        float64 `[6, 4]`: top, left, bottom and right end as shares of the height and width; the whole picture, then the
        crops at the top left, top right, bottom left and bottom right corner and in the centre.
    """
    corners = np.array(_corners(side))
    return np.concatenate([[[0, 0, 1, 1]], np.concatenate([corners, corners + side], axis=1) / large_side(side)])


def several_views(split: ImageSplit, batch_size: int) -> tf.data.Dataset:
    """Returns six views of every example once, in stored order.

    The first view is what `split.evaluation` gives. The others are crops of the same picture read 256/224 as large, so
    that 49 of 64 parts of its area are in each. Where at least so many pixels are stored the crops show detail that the
    first view lost; where fewer are, they show the same detail enlarged.

    Args:
        split: What to read; its `side` is the network's input.
        batch_size: Examples a batch; six times as many images.

    Returns:
        Batches of uint8 `[N, 6, S, S, C]`, in the order of `view_boxes`.
    """
    side = split.side
    large = dataclasses.replace(split, side=large_side(side))

    def views(whole, enlarged):
        crops = [enlarged[0][:, top : top + side, left : left + side] for top, left in _corners(side)]
        return tf.stack([whole[0], *crops], axis=1)

    both = tf.data.Dataset.zip(split.evaluation(batch_size), large.evaluation(batch_size))
    return both.map(views, num_parallel_calls=tf.data.AUTOTUNE).prefetch(1)


def _corners(side: int) -> list[tuple[int, int]]:
    """Returns top and left of each crop, in pixels of the large picture."""
    end = large_side(side) - side
    return [(0, 0), (0, end), (end, 0), (end, end), (end // 2, end // 2)]
