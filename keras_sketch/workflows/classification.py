"""Image files through a trained classifier: what `predict` and `explain` have in common."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from keras_sketch.errors import InvalidArgumentError, RunFolderError
from keras_sketch.workflows.tensorflow_start import start_tensorflow

if TYPE_CHECKING:
    import keras
    import numpy as np


def open_classifier(path: str | os.PathLike[str]) -> keras.Model:
    """Loads a run's classifier, with its `class_names` and `metadata`.

    Raises:
        RunFolderError: No finished run there, or a `.keras` file that does not say how images become its input.
    """
    start_tensorflow()
    from keras_sketch.exporting import load_classifier

    model = load_classifier(path)
    if "preprocessing" not in model.metadata:
        raise RunFolderError(f"{path} was not made by keras_sketch: it has no class names and no preprocessing.")
    return model


def classify(run: str, images: Sequence[str]) -> tuple[keras.Model, np.ndarray, np.ndarray]:
    """Reads image files and classifies them.

    Args:
        run: The run's folder, or a .keras file of this package.
        images: PNG, JPEG, GIF or BMP files, at least one.

    Returns:
        The model, the pixels as it sees them (uint8 `[N, S, S, C]`), and probabilities (float32 `[N, K]`).

    Raises:
        KerasSketchError: No finished run there, or a file that is no image.
    """
    start_tensorflow()
    from keras_sketch.data.image_files import read_images
    from keras_sketch.losses.activation import activation_of, probabilities

    if not images:
        raise InvalidArgumentError("images", "at least one file", images)
    model = open_classifier(run)
    pixels = read_images(images, model.metadata["preprocessing"])
    activation = activation_of(model.metadata.get("recipe"))
    return model, pixels, probabilities(model.predict(pixels, verbose=0), activation)
