"""One decoder: builders, pipelines and the exported model read the same files and turn them the same way.

TensorFlow is loaded when a function is called, not when this module is imported.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from keras_sketch.curation.bytes_in_graph import (
    after_sub_blocks,
    byte_window,
    find_gif_picture,
    next_segment,
    number,
    palette_bytes,
    search,
)
from keras_sketch.curation.image_header import MAX_BYTES, MAX_PASSES, MAX_PIXELS, read_header
from keras_sketch.errors import BadDataError, InvalidArgumentError

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf

_BAND = 1 << 20
"""Pixels for which wider numbers than bytes are held at a time."""

_LARGE = threading.Lock()
"""Held while a large image is decoded: two threads with one each would need twice the memory."""


def check_image(contents: bytes, channels: int | None = None) -> np.ndarray:
    """Decodes an image for a builder or a user, or says in a few words why that cannot be done.

    Args:
        contents: A whole PNG, JPEG, GIF (not animated) or BMP file.
        channels: 1 or 3; None: 1 where a JPEG or PNG stores grey, otherwise 3.

    Returns:
        uint8 `[H, W, C]` as `decode_image` gives it.

    Raises:
        BadDataError: With a short reason that names no file: the caller knows which one it was.
    """
    import tensorflow as tf

    if len(contents) > MAX_BYTES:
        raise BadDataError(f"the file has {len(contents) >> 20} MiB, more than {MAX_BYTES >> 20}")
    header = read_header(contents)
    pixels = header.width * header.height
    if not 0 < pixels <= MAX_PIXELS:
        what = f"more than {MAX_PIXELS // 1_000_000} million" if pixels else "which is none"
        raise BadDataError(f"the {header.format} declares {header.width} x {header.height} pixels, {what}")
    if pixels * header.passes > MAX_PIXELS * MAX_PASSES:
        raise BadDataError(f"the {header.format} goes over its {pixels} pixels {header.passes} times")
    channels = channels or header.channels
    try:
        with _LARGE if pixels > MAX_PIXELS // 8 else contextlib.nullcontext():
            if header.format == "JPEG" and channels == 3 and b"Exif\0\0" not in contents:
                return tf.io.decode_jpeg(contents, 3).numpy()  # What the graph does where there is nothing to turn.
            return _compiled(channels)(contents).numpy()
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
    start = byte_window(contents, 0, 4)
    decoders = [
        (start[:2] == [0xFF, 0xD8], _decode_jpeg),
        (start == list(b"\x89PNG"), _decode_png),
        (start[:3] == list(b"GIF"), _decode_gif),
        (start[:2] == list(b"BM"), _decode_bmp),
    ]
    cases = [(tf.reduce_all(same), functools.partial(decoder, contents)) for same, decoder in decoders]
    image = tf.case(cases, default=lambda: tf.io.decode_image(contents, 3, expand_animations=False))
    if channels == 1:
        image = _by_bands(_luminance, image, 3, 1)
    return tf.ensure_shape(image, [None, None, channels])


def _luminance(rgb):
    import tensorflow as tf

    weighted = tf.cast(rgb, tf.int32) * tf.constant([19595, 38470, 7471])
    return tf.cast((tf.reduce_sum(weighted, -1, keepdims=True) + 0x8000) // 0x10000, tf.uint8)


def _by_bands(function: Callable, image: tf.Tensor, before: int, after: int) -> tf.Tensor:
    """Applies a function of single pixels to a large image bit by bit: what it holds meanwhile is far larger.

    Args:
        function: uint8 `[P, before]` -> uint8 `[P, after]`.
        image: uint8 `[H, W, before]`.
        before: Channels of the image.
        after: Channels of the result.

    Returns:
        uint8 `[H, W, after]`.
    """
    import tensorflow as tf

    pixels = tf.reshape(image, [-1, before])
    count = tf.shape(pixels)[0]

    def piecewise():
        bands = tf.TensorArray(tf.uint8, (count - 1) // _BAND + 1, infer_shape=False, element_shape=[None, after])
        _, bands = tf.while_loop(
            lambda place, _: place * _BAND < count,
            lambda place, bands: (
                place + 1,
                bands.write(place, function(pixels[place * _BAND : (place + 1) * _BAND])),
            ),
            (0, bands),
            parallel_iterations=1,
        )
        return bands.concat()

    changed = tf.cond(count <= _BAND, lambda: function(pixels), piecewise)
    return tf.reshape(changed, tf.concat([tf.shape(image)[:2], [after]], 0))


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
        found = tf.reduce_all(window[:2] == [0xFF, 0xE1]) & tf.reduce_all(window[4:10] == list(b"Exif\0\0"))
        return found, next_segment(position, window)

    found, position = search(contents, 2, step)

    def read():
        size = tf.maximum(number(byte_window(contents, position + 2, 2)), 8) - 8
        return _tiff_orientation(tf.strings.substr(contents, position + 10, size))

    return tf.cond(found, read, lambda: tf.constant(1, tf.int64))


def _tiff_orientation(tiff):
    """Reads tag 0x0112 (a SHORT, though some programs write a LONG) from the first directory of a TIFF header."""
    import tensorflow as tf

    head = byte_window(tiff, 0, 8)
    little = tf.reduce_all(head[:2] == list(b"II"))
    directory = number(head[4:8], little)
    length = tf.cast(tf.strings.length(tiff), tf.int64)
    count = tf.minimum(number(byte_window(tiff, directory, 2), little), (length - directory - 2) // 12)
    entries = tf.reshape(byte_window(tiff, directory + 2, 12 * tf.maximum(count, 1)), [-1, 12])
    kind = number(entries[:, 2:4], little)
    value = tf.where(kind == 4, number(entries[:, 8:12], little), number(entries[:, 8:10], little))
    fits = (number(entries[:, :2], little) == 0x0112) & ((kind == 3) | (kind == 4)) & (value >= 1) & (value <= 8)
    known = (little | tf.reduce_all(head[:2] == list(b"MM"))) & (number(head[2:4], little) == 42)
    first = tf.argmax(fits)
    return tf.where(known & fits[first], value[first], tf.constant(1, tf.int64))


def _decode_png(contents):
    """Asks for four channels only where there is transparency: TensorFlow fills in others for files below 8 bits."""
    import tensorflow as tf

    def step(position, window):
        ends = tf.reduce_all(window[4:8] == list(b"IDAT"))
        after = tf.where(ends, tf.constant(-1, tf.int64), position + 12 + number(window[:4]))
        return tf.reduce_all(window[4:8] == list(b"tRNS")), after

    colour_type = byte_window(contents, 25, 1)[0]
    has_transparency, _ = search(contents, 8, step)
    has_alpha = (colour_type == 4) | (colour_type == 6) | has_transparency
    return tf.cond(
        has_alpha,
        lambda: _by_bands(_on_white, tf.io.decode_png(contents, 4), 4, 3),
        lambda: tf.io.decode_png(contents, 3),
    )


def _on_white(rgba):
    import tensorflow as tf

    rgba = tf.cast(rgba, tf.int32)
    alpha = rgba[..., 3:]
    return tf.cast((rgba[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255, tf.uint8)


def _decode_gif(contents):
    """Whitens the transparent colour first, which TensorFlow would leave black, in the file's own palette.

    What follows the first frame is cut off: TensorFlow would decode all frames, whatever their number.
    """
    import tensorflow as tf

    _, picture = find_gif_picture(contents)
    data = picture + 11 + palette_bytes(byte_window(contents, picture + 9, 1)[0])
    contents = tf.strings.join(
        [tf.strings.substr(contents, tf.zeros([], tf.int64), after_sub_blocks(contents, data)), b"\x3b"]
    )
    head = byte_window(contents, 0, 65536)
    shifted = {offset: head[offset : offset - 8 or None] for offset in (0, 1, 2, 7, 8)}
    control = [(0, 0x21), (1, 0xF9), (2, 4), (7, 0), (8, 0x2C)]
    found = functools.reduce(tf.logical_and, [shifted[offset] == value for offset, value in control])
    at = tf.argmax(found)
    flags, index, local = head[at + 3], head[at + 6], byte_window(contents, at + 17, 1)[0]
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
    begin = 14 + number(byte_window(contents, 14, 4), True)
    entries = (number(byte_window(contents, 10, 4), True) - begin) // 4

    def looked_up():
        palette = tf.reshape(byte_window(contents, begin, 4 * tf.clip_by_value(entries, 1, 256)), [-1, 4])
        colours = tf.cast(palette[:, 2::-1], tf.uint8)
        last = tf.shape(palette)[0] - 1
        return _by_bands(lambda grey: tf.gather(colours, tf.minimum(tf.cast(grey[:, 0], tf.int32), last)), image, 3, 3)

    has_palette = (number(byte_window(contents, 28, 2), True) == 8) & (entries > 0)
    return tf.cond(has_palette, looked_up, lambda: image)
