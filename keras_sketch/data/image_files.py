"""A user's image files as a trained model takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_sketch.curation.decode import check_image
from keras_sketch.curation.folders import read_image_file
from keras_sketch.data.resizing import fit_square
from keras_sketch.errors import BadDataError, MissingDataError


def read_images(paths: Sequence[str], preprocessing: Mapping) -> np.ndarray:
    """Reads image files and makes them square as the model's training images were.

    Args:
        paths: PNG, JPEG, GIF or BMP files.
        preprocessing: The model's: `image_size`, `channels`, `resize`.

    Returns:
        uint8 `[len(paths), S, S, C]`.

    Raises:
        MissingDataError: A file is not there or cannot be read.
        BadDataError: A file is not an image that TensorFlow decodes; says which and why.
    """
    side, channels, how = (preprocessing[key] for key in ("image_size", "channels", "resize"))
    return np.stack([fit_square(_read(Path(path), channels), side, how).numpy() for path in paths])


def read_image(path: str, channels: int, longest_side: int) -> np.ndarray:
    """Reads an image file in its own shape.

    Args:
        path: A PNG, JPEG, GIF or BMP file.
        channels: 1 or 3.
        longest_side: What the longer side is made smaller to, antialiased; a smaller image stays as it is.

    Returns:
        uint8 `[H, W, channels]`.

    Raises:
        MissingDataError: The file is not there or cannot be read.
        BadDataError: It is not an image that TensorFlow decodes; says why.
    """
    image = _read(Path(path), channels)
    height, width = image.shape[:2]
    scale = longest_side / max(height, width)
    if scale >= 1:
        return image
    size = [max(1, round(scale * side)) for side in (height, width)]
    return tf.saturate_cast(tf.round(tf.image.resize(image, size, antialias=True)), tf.uint8).numpy()


def _read(path: Path, channels: int) -> np.ndarray:
    try:
        return check_image(read_image_file(path), channels)
    except BadDataError as error:
        raise BadDataError(f"{path}: {error}") from error
    except OSError as error:
        raise MissingDataError(f"Cannot read {path}: {error.strerror}.") from error
