"""What an exported graph refuses to decode, and why: as `check_image` says it, where no Python runs.

TensorFlow is loaded when a function is called, not when this module is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from keras_sketch.curation.bytes_in_graph import byte_window, find_gif_picture, next_segment, number, search
from keras_sketch.curation.image_header import MAX_BYTES, MAX_PASSES, MAX_PIXELS, MAX_TEXTS

if TYPE_CHECKING:
    import tensorflow as tf


def declared(contents: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Says what a file declares, and why it is not to be decoded: before anything of that size is held.

    Args:
        contents: Scalar string tensor, a file.

    Returns:
        Scalar string tensor, the reason in a few words, empty where there is none: whether the pixels behind such a
        header can be decoded shows when they are. And the number of pixels, scalar int64, 0 where there is a reason.
    """
    import tensorflow as tf

    start = byte_window(contents, 0, 8)
    readers = [(b"\xff\xd8", _jpeg), (b"\x89PNG\r\n\x1a\n", _png), (b"GIF8", _gif), (b"BM", _bmp)]
    cases = [
        (tf.reduce_all(start[: len(magic)] == list(magic)), lambda reader=reader: reader(contents))
        for magic, reader in readers
    ]

    def refused(reason):
        return lambda: (tf.constant(reason), tf.zeros([], tf.int64))

    length = tf.strings.length(contents)
    cases = [
        (length == 0, refused("the file is empty")),
        (length > MAX_BYTES, refused(f"the file has more than {MAX_BYTES >> 20} MiB")),
        *cases,
    ]
    return tf.case(cases, default=refused("not a PNG, JPEG, GIF or BMP image"))


def _judged(
    kind: str, width: tf.Tensor, height: tf.Tensor, *others: tuple[tf.Tensor, list]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Gives the first reason whose condition holds, its parts joined, and the pixels; those of the size come first."""
    import tensorflow as tf

    size = [f"the {kind} declares ", width, " x ", height, " pixels, "]
    # Divided, not multiplied: the product of two sides may not fit into 64 bits.
    too_many = width > MAX_PIXELS // tf.maximum(height, 1)
    reasons = [
        ((width < 1) | (height < 1), [*size, "which is none"]),
        (too_many, [*size, f"more than {MAX_PIXELS // 1_000_000} million"]),
        *others,
    ]
    said = tf.constant("")
    for condition, parts in reversed(reasons):
        text = tf.strings.join([part if isinstance(part, str) else tf.strings.as_string(part) for part in parts])
        said = tf.where(condition, text, said)
    return said, tf.where(said == "", width * height, 0)


def _count(contents: tf.Tensor, piece: bytes) -> tf.Tensor:
    import tensorflow as tf

    return tf.size(tf.strings.split(contents, piece), tf.int64) - 1


def _jpeg(contents: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    import tensorflow as tf

    def step(position, window):
        marker = window[1]
        frame = (marker >= 0xC0) & (marker <= 0xCF) & (marker != 0xC4) & (marker != 0xC8) & (marker != 0xCC)
        return (window[0] == 0xFF) & frame, next_segment(position, window)

    found, position = search(contents, 2, step)
    frame = byte_window(contents, position, 9)
    height, width = number(frame[5:7]), number(frame[7:9])
    progressive = (frame[1] == 0xC2) | (frame[1] == 0xCA)
    passes = _count(contents, b"\xff\xda")
    said, pixels = _judged(
        *("JPEG", width, height),
        (
            progressive & (height * width * passes > MAX_PIXELS * MAX_PASSES),
            ["the JPEG goes over its ", height * width, " pixels ", passes, " times"],
        ),
    )
    return tf.where(found, said, "the JPEG has no frame header"), tf.where(found, pixels, 0)


def _png(contents: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    texts = _count(contents, b"zTXt") + _count(contents, b"iTXt")
    return _judged(
        *("PNG", number(byte_window(contents, 16, 4)), number(byte_window(contents, 20, 4))),
        (texts > MAX_TEXTS, [f"the PNG has more than {MAX_TEXTS} compressed texts"]),
    )


def _gif(contents: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    import tensorflow as tf

    def pair(position):
        window = byte_window(contents, position, 4)
        return tf.stack([number(window[:2], True), number(window[2:], True)])

    screen = pair(6)
    found, picture = find_gif_picture(contents)
    fills = tf.reduce_all(pair(picture + 1) == 0) & tf.reduce_all(pair(picture + 5) == screen)
    return _judged(
        *("GIF", screen[0], screen[1]),
        (tf.logical_not(found), ["the GIF has no picture"]),
        (tf.logical_not(fills), ["the picture in the GIF does not fill its canvas"]),
    )


def _bmp(contents: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    import tensorflow as tf

    def signed(position):
        value = number(byte_window(contents, position, 4), True)
        return tf.where(value >= 1 << 31, value - (1 << 32), value)

    return _judged(
        *("BMP", tf.abs(signed(18)), tf.abs(signed(22))),
        (signed(14) < 40, ["the BMP has the header of OS/2"]),
    )
