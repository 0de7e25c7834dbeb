"""Image files as dataset examples: which of a folder's files count, and the bytes that are stored for them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import tensorflow as tf

from keras_sketch.curation.decode import check_image
from keras_sketch.curation.folders import read_image_file
from keras_sketch.errors import BadDataError
from tfds_builders.drawings import encode_png

# What operating systems leave in folders; these, and names that begin with a dot, are no examples and not counted.
_CLUTTER = frozenset({"thumbs.db", "desktop.ini", "icon\r", "__macosx"})
# Bit depth and colour type of a PNG that every decoder reads alike unless it has transparency: 8 bits, RGB.
_PLAIN_PNG = bytes([8, 2])


def is_clutter(name: str) -> bool:
    """Tells whether a file or folder of this name is the operating system's, not the user's."""
    return name.startswith(".") or name.lower() in _CLUTTER


def read_file(path: Path) -> bytes:
    """Reads a file.

    Raises:
        BadDataError: It is no regular file, too large, or the operating system refuses; a reason for the manifest.
    """
    try:
        return read_image_file(path)
    except OSError as error:
        raise BadDataError(f"cannot be read: {error.strerror}") from error


def stored_image(contents: bytes, max_side: int | None = None) -> bytes:
    """Decodes an image file and gives the bytes to store: its own where TFDS reads the same pixels from them.

    Args:
        contents: A whole PNG, JPEG, GIF (not animated) or BMP file.
        max_side: Longest side in pixels; a larger image is made smaller, keeping its shape. None: as it is.

    Returns:
        A PNG or JPEG file: upright, on white. What is encoded anew is a PNG, so that nothing but the smaller size sets
        it apart from the file that a trained model will be shown.

    Raises:
        BadDataError: It cannot be decoded, with a reason for the manifest.
    """
    return stored_bytes(contents, check_image(contents), max_side)


def stored_bytes(contents: bytes, pixels: np.ndarray, max_side: int | None = None) -> bytes:
    """Does the second half of `stored_image`, for a file that is decoded already.

    Args:
        contents: The file.
        pixels: What `check_image` gives for it.
        max_side: As there.

    Returns:
        As there; `contents` itself where the file can be stored as it is.
    """
    height, width = pixels.shape[:2]
    if max_side is not None and max(height, width) > max_side:
        pixels = _smaller(pixels, max_side / max(height, width))
    elif contents.startswith((b"\xff\xd8", b"\x89PNG")) and _reads_as(contents, pixels):
        return contents
    return encode_png(pixels[np.newaxis])[0]


def stored_jpeg(contents: bytes, pixels: np.ndarray, shorter_side: int, quality: int) -> bytes:
    """Gives the JPEG to store for a photo, of which a smaller one will do.

    Args:
        contents: The file.
        pixels: What `check_image` gives for it.
        shorter_side: In pixels; an image whose shorter side is longer is made smaller by averaging over areas, keeping
            its shape.
        quality: 1 to 100, of what is encoded anew.

    Returns:
        A JPEG file, upright, on white; `contents` itself where it is that already and small enough.
    """
    height, width = pixels.shape[:2]
    if min(height, width) > shorter_side:
        pixels = _smaller(pixels, shorter_side / min(height, width))
    elif contents.startswith(b"\xff\xd8") and _reads_as(contents, pixels):
        return contents
    ordered = pixels if pixels.shape[-1] == 1 else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", ordered, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def _smaller(pixels: np.ndarray, scale: float) -> np.ndarray:
    height, width = pixels.shape[:2]
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], -1)


def _reads_as(contents: bytes, pixels: np.ndarray) -> bool:
    """Tells whether the decoder that TFDS's `Image` feature uses gives these pixels."""
    if contents.startswith(b"\x89PNG") and contents[24:26] == _PLAIN_PNG and b"tRNS" not in contents:
        return True
    # Of a large image, a copy each for TensorFlow, NumPy and the comparison would be a gigabyte.
    decoded = np.asarray(memoryview(tf.io.decode_image(contents, channels=3)))
    return decoded.shape[:2] == pixels.shape[:2] and all(
        map(np.array_equal, decoded, np.broadcast_to(pixels, decoded.shape))
    )
