"""Reading the bytes of an image file inside a TensorFlow graph, where no Python runs.

TensorFlow is loaded when a function is called, not when this module is imported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf

_MAX_STEPS = 1000
"""Segments, chunks or blocks to look through; real files have fewer than a hundred before their pixels."""

_WINDOW = 1 << 14


def byte_window(contents: tf.Tensor, position: tf.Tensor | int, count: tf.Tensor | int) -> tf.Tensor:
    """Gives `count` bytes from `position` as int64 `[count]`; those beyond the end are 0."""
    import tensorflow as tf

    position = tf.cast(position, tf.int64)
    length = tf.cast(tf.strings.length(contents), tf.int64)
    piece = tf.strings.substr(contents, tf.minimum(position, length), tf.cast(count, tf.int64))
    return tf.cast(tf.io.decode_raw(piece, tf.uint8, fixed_length=tf.cast(count, tf.int32)), tf.int64)


def number(digits: tf.Tensor, little_endian: tf.Tensor | bool = False) -> tf.Tensor:
    """Gives the unsigned number that 2 or 4 bytes (the last axis) stand for, as int64."""
    import tensorflow as tf

    digits = tf.where(little_endian, tf.reverse(digits, [-1]), digits)
    return tf.reduce_sum(digits * [256**power for power in reversed(range(digits.shape[-1]))], axis=-1)


def search(contents: tf.Tensor, position: tf.Tensor | int, step: Callable) -> tuple[tf.Tensor, tf.Tensor]:
    """Walks through a file.

    Args:
        contents: Scalar string tensor.
        position: Where to begin.
        step: (position, the 12 bytes from there) -> (whether it was found, next position, or -1 for the end).

    Returns:
        Whether it was found, and the position where the walk stopped, int64.
    """
    import tensorflow as tf

    length = tf.cast(tf.strings.length(contents), tf.int64)

    def body(found, position):
        found, following = step(position, byte_window(contents, position, 12))
        return found, tf.where(found, position, tf.where(following < 0, length, following))

    return tf.while_loop(
        lambda found, position: tf.logical_and(tf.logical_not(found), position < length),
        body,
        (tf.constant(False), tf.cast(position, tf.int64)),
        maximum_iterations=_MAX_STEPS,
    )


def next_segment(position: tf.Tensor, window: tf.Tensor) -> tf.Tensor:
    """Gives where a JPEG's next marker segment may begin, or -1 where its pixels do; `window` as `search` gives it."""
    import tensorflow as tf

    marker = window[1]
    alone = (marker == 0x00) | (marker == 0x01) | ((marker >= 0xD0) & (marker <= 0xD8))
    after = tf.where(alone, position + 2, position + 2 + tf.maximum(number(window[2:4]), 2))
    after = tf.where((window[0] != 0xFF) | (marker == 0xFF), position + 1, after)
    ends = (window[0] == 0xFF) & ((marker == 0xD9) | (marker == 0xDA))
    return tf.where(ends, tf.constant(-1, tf.int64), after)


def find_gif_picture(contents: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Finds a GIF's first image descriptor: whether there is one, and where, int64."""
    import tensorflow as tf

    def step(position, window):
        skipped = tf.cond(
            window[0] == 0x21,
            lambda: after_sub_blocks(contents, position + 2),
            lambda: tf.constant(-1, tf.int64),
        )
        return window[0] == 0x2C, skipped

    return search(contents, 13 + palette_bytes(byte_window(contents, 10, 1)[0]), step)


def palette_bytes(flags: tf.Tensor) -> tf.Tensor:
    """Gives how long the palette is that a GIF's screen or picture has by its flags, int64."""
    import tensorflow as tf

    return tf.where(flags >= 128, 3 * tf.bitwise.left_shift(tf.ones_like(flags), flags % 8 + 1), 0)


def after_sub_blocks(contents: tf.Tensor, position: tf.Tensor) -> tf.Tensor:
    """Gives the position behind a GIF's sub-blocks, each a byte that says its length and so many bytes; 0 ends them.

    A window at a time: from every byte in it to the one that would be next if a sub-block began there, then twice as
    far, and so on. A step for each sub-block would take seconds for a large file.
    """
    import tensorflow as tf

    places = tf.range(_WINDOW + 256)

    def body(position, _):
        lengths = tf.cast(byte_window(contents, position, _WINDOW), tf.int32)
        following = tf.where(lengths == 0, places[:_WINDOW], places[:_WINDOW] + 1 + lengths)
        following = tf.concat([following, places[_WINDOW:]], 0)
        for _ in range(_WINDOW.bit_length() - 1):
            following = tf.gather(following, following)
        ended = following[0] < _WINDOW
        return position + tf.cast(following[0], tf.int64) + tf.cast(ended, tf.int64), ended

    return tf.while_loop(lambda _, ended: tf.logical_not(ended), body, (position, tf.constant(False)))[0]
