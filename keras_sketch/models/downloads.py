"""Published weights that are downloaded once, and what is said when they cannot be."""

from __future__ import annotations

import re
from pathlib import Path

import keras

from keras_sketch.errors import MissingDataError

_HUB = "https://huggingface.co/{repository}/resolve/main/model.safetensors"


def download_from_hub(name: str, repository: str) -> Path:
    """Downloads a repository's `model.safetensors` to where Keras keeps its own weights, if it is not there yet.

    Args:
        name: The network, for errors.
        repository: `"owner/name"` on the Hugging Face hub.

    Returns:
        The file.

    Raises:
        MissingDataError: It cannot be downloaded.
    """
    file = f"{repository.replace('/', '_')}.safetensors"
    try:
        return Path(keras.utils.get_file(file, _HUB.format(repository=repository), cache_subdir="models"))
    except Exception as error:  # What Keras raises for a failed download is no more special.
        raise download_failed(name, error) from error


def download_failed(name: str, error: Exception) -> MissingDataError:
    """Makes the error for a network's weights out of Keras' own."""
    address = re.search(r"https?://\S+[^\s:]", str(error))
    reason = str(error).rsplit(" -- ", 1)[-1].strip().rstrip(".")
    what = f"{address[0].rsplit('/', 1)[-1]} from {address[0]}" if address else "its ImageNet weights"
    return MissingDataError(
        f"For {name}, Keras cannot download {what} ({reason}): go online, or give a weights file of {name} with "
        "--weights FILE."
    )
