"""A classifier as one `.keras` file in which the labels travel along, and loading a run back."""

from __future__ import annotations

import importlib
import json
import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_sketch.errors import InvalidArgumentError, RunFolderError
from keras_sketch.files import temporary_sibling

if TYPE_CHECKING:
    import keras

MODEL_FILE = "model.keras"
"""What a finished run's folder holds; `load_classifier` reads it."""

_METADATA_ENTRY = "keras_sketch.json"


def save_classifier(model: keras.Model, path: str | os.PathLike[str], metadata: dict[str, Any]) -> None:
    """Writes a `.keras` file with metadata inside; Keras itself reads it like any other.

    The optimizer is left out: its state is two thirds of the file, and belongs to the run's checkpoints.

    A file of that name is replaced only once the new one is complete.

    Args:
        model: The classifier.
        path: The file, ending in `.keras`.
        metadata: What JSON can hold: `class_names` in the order of the outputs, the weights' tag, the preprocessing,
            the recipe, the seed, the layer for heat maps, ...

    Raises:
        InvalidArgumentError: `path` has another suffix, or JSON cannot hold `metadata`.
        RunFolderError: The file cannot be written.
    """
    path = Path(path)
    if path.suffix != ".keras":
        raise InvalidArgumentError("path", "a file name that ends in .keras", str(path))
    text = metadata_text(metadata)
    try:
        with temporary_sibling(path) as temporary:
            _without_optimizer(model).save(temporary)
            with zipfile.ZipFile(temporary, "a") as archive:
                archive.writestr(_METADATA_ENTRY, text)
            os.replace(temporary, path)
    except OSError as error:
        raise RunFolderError(f"Cannot write {path}: {error.strerror or error}.") from error


def _without_optimizer(model: keras.Model) -> keras.Model:
    import keras

    bare = keras.Model(model.inputs, model.outputs, name=model.name)
    bare.dtype_policy = model.dtype_policy
    return bare


def metadata_text(metadata: dict[str, Any]) -> str:
    """Gives metadata as JSON, in the order in which it came.

    Raises:
        InvalidArgumentError: JSON cannot hold it.
    """
    try:
        return json.dumps(metadata, indent=2, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError("metadata", f"what JSON can hold ({error})", metadata) from error


def read_metadata(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads what `save_classifier` stored, without loading the model or Keras.

    Args:
        path: A finished run's folder, or a `.keras` file.

    Returns:
        The metadata; empty for a `.keras` file that `save_classifier` did not write.

    Raises:
        RunFolderError: There is no such file or run, or it is damaged.
    """
    path = _model_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            if _METADATA_ENTRY not in archive.namelist():
                return {}
            return json.loads(archive.read(_METADATA_ENTRY))
    except (zipfile.BadZipFile, ValueError, EOFError) as error:
        raise RunFolderError(
            f"{path} is damaged, it cannot be read as a .keras file: train or copy it again."
        ) from error
    except OSError as error:
        raise RunFolderError(f"Cannot read {path}: {error.strerror or error}.") from error


def load_classifier(path: str | os.PathLike[str]) -> keras.Model:
    """Loads a classifier, ready for `predict` and `gradcam` (not compiled: for training on, compile it).

    Args:
        path: A finished run's folder, or a `.keras` file from anywhere.

    Returns:
        The model, with two more attributes: `class_names`, a tuple of str in the order of the outputs, and `metadata`,
        the dict that `save_classifier` got. For a `.keras` file made elsewhere they are None and empty. Saving the
        model with `keras` leaves them out; `save_classifier(model, path, model.metadata)` keeps them.

    Raises:
        RunFolderError: There is no such file or run, the run is not finished, or the file is damaged.
    """
    import keras

    for module in ("delf", "layers", "pooling"):  # which register the classes that a file may name
        importlib.import_module(f"keras_sketch.models.{module}")
    metadata = read_metadata(path)
    file = _model_file(path)
    try:
        model = keras.saving.load_model(file, compile=False)
    except (ValueError, TypeError, KeyError, OSError, zipfile.BadZipFile) as error:
        reason = str(error).strip().splitlines()[0][:200]
        raise RunFolderError(f"Keras cannot load {file}: {reason}") from error
    names = metadata.get("class_names")
    # Plain values: assigned the usual way, Keras would wrap the dict to look for variables in it.
    vars(model).update(class_names=None if names is None else tuple(names), metadata=metadata)
    return model


def _model_file(path: str | os.PathLike[str]) -> Path:
    path = Path(path)
    if not path.exists():
        raise RunFolderError(f"There is no file or folder {path}.")
    if not path.is_dir():
        return path
    if (path / MODEL_FILE).is_file():
        return path / MODEL_FILE
    if (path / "recipe.json").is_file():
        raise RunFolderError(f"The run in {path} is not finished, it has no {MODEL_FILE}: continue it with --resume.")
    raise RunFolderError(f"{path} is not a run's folder: it holds neither {MODEL_FILE} nor recipe.json.")
