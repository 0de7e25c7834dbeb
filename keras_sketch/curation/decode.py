"""One decoder: builders, pipelines and the exported model read the same files and turn them the same way.

TensorFlow is loaded when a function is called, not when this module is imported.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from keras_sketch.curation.image_header import read_header
from keras_sketch.errors import BadDataError, InvalidArgumentError

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf

MAX_PIXELS = 100_000_000
"""Images that declare more than this are refused before they are decoded: 300 MB as RGB."""

_MAX_STEPS = 1000
"""Segments or chunks to look through for the orientation or for transparency; real files have fewer than a hundred."""


def check_image(contents: bytes) -> np.ndarray:
    """Decodes an image for a builder, or says in a few words why that cannot be done.

    Args:
        contents: A whole PNG, JPEG, GIF (not animated) or BMP file.

    Returns:
        uint8 `[H, W, C]` as `decode_image` gives it; C is 1 where a JPEG or PNG stores grey, otherwise 3.

    Raises:
        BadDataError: With a short reason that names no file: the caller knows which one it was.
    """
    import tensorflow as tf

    header = read_header(contents)
    if header.width * header.height > MAX_PIXELS:
        size = f"{header.width} x {header.height}"
        raise BadDataError(f"the {header.format} declares {size} pixels, more than {MAX_PIXELS // 1_000_000} million")
    try:
        if header.format == "JPEG" and header.channels == 3 and b"Exif\0\0" not in contents:
            return tf.io.decode_jpeg(contents, 3).numpy()  # What the graph does where there is nothing to turn.
        return _compiled(header.channels)(contents).numpy()
    except tf.errors.InvalidArgumentError as error:
        raise BadDataError(f"the {header.format} is damaged, truncated or of a rare kind") from error


@functools.cache
def _compiled(channels: int):
    import tensorflow as tf

    signature = [tf.TensorSpec([], tf.string)]
    return tf.function(functools.partial(decode_image, channels=channels), signature, autograph=False)


def decode_image(contents: tf.Tensor, channels: int = 3) -> tf.Tensor:
    """Decodes one image file as a person sees it; works eagerly, in `tf.data` and in an exported graph.

    A JPEG is turned as its EXIF orientation says. Transparent pixels lie on white. Palettes are looked up, 16-bit
    samples keep their upper 8 bits, and CMYK becomes RGB as TensorFlow does it. Of an animated GIF this is the first
    frame (`check_image` refuses those).

    Args:
        contents: Scalar string tensor, a whole PNG, JPEG, GIF or BMP file.
        channels: 3 for RGB; 1 for luminance (ITU-R BT.601, in the 16-bit integers that Pillow's `convert("L")` uses).

    Returns:
        uint8 `[H, W, channels]` in 0..255.

    Raises:
        InvalidArgumentError: `channels` is neither 1 nor 3.
        tf.errors.InvalidArgumentError: When the graph runs, for bytes that TensorFlow cannot decode.
    """
    import tensorflow as tf

    if channels not in (1, 3):
        raise InvalidArgumentError("channels", "1 or 3", channels)
    contents = tf.convert_to_tensor(contents, tf.string)
    start = _bytes(contents, 0, 4)
    decoders = [
        (start[:2] == [0xFF, 0xD8], _decode_jpeg),
        (start == list(b"\x89PNG"), _decode_png),
        (start[:3] == list(b"GIF"), _decode_gif),
        (start[:2] == list(b"BM"), _decode_bmp),
    ]
    cases = [(tf.reduce_all(same), functools.partial(decoder, contents)) for same, decoder in decoders]
    image = tf.case(cases, default=lambda: tf.io.decode_image(contents, 3, expand_animations=False))
    if channels == 1:
        weighted = tf.cast(image, tf.int32) * tf.constant([19595, 38470, 7471])
        image = tf.cast((tf.reduce_sum(weighted, -1, keepdims=True) + 0x8000) // 0x10000, tf.uint8)
    return tf.ensure_shape(image, [None, None, channels])


def _bytes(contents, position, count):
    """Gives `count` bytes from `position` as int64; those beyond the end are 0."""
    import tensorflow as tf

    position = tf.cast(position, tf.int64)
    length = tf.cast(tf.strings.length(contents), tf.int64)
    piece = tf.strings.substr(contents, tf.minimum(position, length), tf.cast(count, tf.int64))
    return tf.cast(tf.io.decode_raw(piece, tf.uint8, fixed_length=tf.cast(count, tf.int32)), tf.int64)


def _number(digits, little_endian=False):
    """Gives the unsigned number that 2 or 4 bytes (the last axis) stand for, as int64."""
    import tensorflow as tf

    digits = tf.where(little_endian, tf.reverse(digits, [-1]), digits)
    return tf.reduce_sum(digits * [256**power for power in reversed(range(digits.shape[-1]))], axis=-1)


def _search(contents, position, step):
    """Walks through a file: `step(position, window of 12 bytes) -> (found, next position, or -1 for the end)`.

    Returns:
        Whether it was found, and the position where the walk stopped.
    """
    import tensorflow as tf

    length = tf.cast(tf.strings.length(contents), tf.int64)

    def body(found, position):
        found, following = step(position, _bytes(contents, position, 12))
        return found, tf.where(found, position, tf.where(following < 0, length, following))

    return tf.while_loop(
        lambda found, position: tf.logical_and(tf.logical_not(found), position < length),
        body,
        (tf.constant(False), tf.constant(position, tf.int64)),
        maximum_iterations=_MAX_STEPS,
    )


def _decode_jpeg(contents):
    import tensorflow as tf

    return _turn(tf.io.decode_jpeg(contents, 3), _exif_orientation(contents))


def _turn(image, orientation):
    """Undoes an EXIF orientation (CIPA DC-008, tag 0x0112): 5 to 8 swap the axes, then rows or columns are reversed."""
    import tensorflow as tf

    def among(*values):
        return tf.reduce_any(orientation == list(values))

    def turned():
        upright = tf.cond(among(5, 6, 7, 8), lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
        upright = tf.cond(among(2, 3, 6, 7), lambda: tf.reverse(upright, [1]), lambda: upright)
        return tf.cond(among(3, 4, 7, 8), lambda: tf.reverse(upright, [0]), lambda: upright)

    return tf.cond(orientation == 1, lambda: image, turned)


def _exif_orientation(contents):
    """Gives 1 to 8, int64; 1 where there is no EXIF or it makes no sense."""
    import tensorflow as tf

    def step(position, window):
        marker = window[1]
        found = tf.reduce_all(window[:2] == [0xFF, 0xE1]) & tf.reduce_all(window[4:10] == list(b"Exif\0\0"))
        alone = (marker == 0x01) | ((marker >= 0xD0) & (marker <= 0xD8))
        after = tf.where(alone, position + 2, position + 2 + tf.maximum(_number(window[2:4]), 2))
        after = tf.where((window[0] != 0xFF) | (marker == 0xFF), position + 1, after)
        ends = (window[0] == 0xFF) & ((marker == 0xD9) | (marker == 0xDA))
        return found, tf.where(ends, tf.constant(-1, tf.int64), after)

    found, position = _search(contents, 2, step)

    def read():
        size = tf.maximum(_number(_bytes(contents, position + 2, 2)), 8) - 8
        return _tiff_orientation(tf.strings.substr(contents, position + 10, size))

    return tf.cond(found, read, lambda: tf.constant(1, tf.int64))


def _tiff_orientation(tiff):
    """Reads tag 0x0112 (a SHORT, though some programs write a LONG) from the first directory of a TIFF header."""
    import tensorflow as tf

    head = _bytes(tiff, 0, 8)
    little = tf.reduce_all(head[:2] == list(b"II"))
    directory = _number(head[4:8], little)
    length = tf.cast(tf.strings.length(tiff), tf.int64)
    count = tf.minimum(_number(_bytes(tiff, directory, 2), little), (length - directory - 2) // 12)
    entries = tf.reshape(_bytes(tiff, directory + 2, 12 * tf.maximum(count, 1)), [-1, 12])
    kind = _number(entries[:, 2:4], little)
    value = tf.where(kind == 4, _number(entries[:, 8:12], little), _number(entries[:, 8:10], little))
    fits = (_number(entries[:, :2], little) == 0x0112) & ((kind == 3) | (kind == 4)) & (value >= 1) & (value <= 8)
    known = (little | tf.reduce_all(head[:2] == list(b"MM"))) & (_number(head[2:4], little) == 42)
    first = tf.argmax(fits)
    return tf.where(known & fits[first], value[first], tf.constant(1, tf.int64))


def _decode_png(contents):
    """Asks for four channels only where there is transparency: TensorFlow fills in others for files below 8 bits."""
    import tensorflow as tf

    def step(position, window):
        ends = tf.reduce_all(window[4:8] == list(b"IDAT"))
        after = tf.where(ends, tf.constant(-1, tf.int64), position + 12 + _number(window[:4]))
        return tf.reduce_all(window[4:8] == list(b"tRNS")), after

    colour_type = _bytes(contents, 25, 1)[0]
    has_transparency, _ = _search(contents, 8, step)
    has_alpha = (colour_type == 4) | (colour_type == 6) | has_transparency
    return tf.cond(
        has_alpha,
        lambda: _on_white(tf.io.decode_png(contents, 4)),
        lambda: tf.io.decode_png(contents, 3),
    )


def _on_white(rgba):
    import tensorflow as tf

    rgba = tf.cast(rgba, tf.int32)
    alpha = rgba[..., 3:]
    return tf.cast((rgba[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255, tf.uint8)


def _decode_gif(contents):
    """Whitens the transparent colour first, which TensorFlow would leave black, in the file's own palette."""
    import tensorflow as tf

    head = _bytes(contents, 0, 65536)
    shifted = {offset: head[offset : offset - 8 or None] for offset in (0, 1, 2, 7, 8)}
    control = [(0, 0x21), (1, 0xF9), (2, 4), (7, 0), (8, 0x2C)]
    found = functools.reduce(tf.logical_and, [shifted[offset] == value for offset, value in control])
    at = tf.argmax(found)
    flags, index, local = head[at + 3], head[at + 6], _bytes(contents, at + 17, 1)[0]
    entry = 3 * index + tf.where(local >= 128, at + 18, tf.constant(13, tf.int64))

    def whitened():
        opaque = _replace(contents, at + 3, tf.constant(b"\x00"))
        return _replace(opaque, entry, tf.constant(b"\xff\xff\xff"))

    contents = tf.cond(found[at] & (flags % 2 == 1), whitened, lambda: contents)
    return tf.io.decode_image(contents, 3, expand_animations=False)


def _replace(contents, position, piece):
    import tensorflow as tf

    length = tf.cast(tf.strings.length(contents), tf.int64)
    after = tf.minimum(position + tf.cast(tf.strings.length(piece), tf.int64), length)
    before = tf.strings.substr(contents, tf.constant(0, tf.int64), tf.minimum(position, length))
    return tf.strings.join([before, piece, tf.strings.substr(contents, after, length)])


def _decode_bmp(contents):
    """Looks the palette of an 8-bit file up, which TensorFlow does not do."""
    import tensorflow as tf

    image = tf.io.decode_image(contents, 3, expand_animations=False)
    begin = 14 + _number(_bytes(contents, 14, 4), True)
    entries = (_number(_bytes(contents, 10, 4), True) - begin) // 4

    def looked_up():
        palette = tf.reshape(_bytes(contents, begin, 4 * tf.clip_by_value(entries, 1, 256)), [-1, 4])
        index = tf.minimum(tf.cast(image[..., 0], tf.int64), tf.shape(palette, tf.int64)[0] - 1)
        return tf.cast(tf.gather(palette[:, 2::-1], index), tf.uint8)

    has_palette = (_number(_bytes(contents, 28, 2), True) == 8) & (entries > 0)
    return tf.cond(has_palette, looked_up, lambda: image)
