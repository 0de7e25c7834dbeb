"""A user's image files as a trained model takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_sketch.curation.decode import check_image, decode_image
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


def _read(path: Path, channels: int) -> tf.Tensor:
    try:
        contents = path.read_bytes()
    except OSError as error:
        raise MissingDataError(f"Cannot read {path}: {error.strerror}.") from error
    try:
        check_image(contents)
    except BadDataError as error:
        raise BadDataError(f"{path}: {error}") from error
    return decode_image(tf.constant(contents), channels)
