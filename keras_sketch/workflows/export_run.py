"""`export`: a trained model as `model.keras` and SavedModel, with its labels."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from keras_sketch.workflows.classification import open_classifier
from keras_sketch.workflows.run_folder import RunFolder

if TYPE_CHECKING:
    import keras

    from keras_sketch.data.loading import DatasetInfo


def export(run: str, output_dir: str | None = None) -> Path:
    """Writes a run's model as a SavedModel that takes image files and gives labels.

    Args:
        run: The run's folder, or a .keras file of this package.
        output_dir: The SavedModel's folder. Default: saved_model in the run's folder.

    Returns:
        The SavedModel's folder.

    Raises:
        RunFolderError: No finished run there, or the folder cannot be written.
    """
    source = Path(run)
    folder = Path(output_dir) if output_dir else (source if source.is_dir() else source.parent) / "saved_model"
    _export(open_classifier(source), folder)
    print(folder)
    return folder


def describe(model: keras.Model, settings: dict, info: DatasetInfo) -> dict:
    """Returns what travels with every checkpoint and export of a run: its settings, labels and preprocessing."""
    from keras_sketch.explain import feature_layer_name

    return {
        **settings,
        "class_names": list(info.class_names),
        "preprocessing": {
            "image_size": info.image_shape[0],
            "channels": info.image_shape[2],
            "resize": settings["recipe"]["resize"],
            "pixels": "0..255",
        },
        "feature_layer": feature_layer_name(model),
    }


def save_model(model: keras.Model, run: RunFolder, metadata: dict) -> None:
    """Writes `model.keras` and `saved_model/` into the run's folder."""
    from keras_sketch.exporting import save_classifier

    save_classifier(model, run.path / "model.keras", metadata)
    _export(open_classifier(run.path), run.path / "saved_model")


def _export(model: keras.Model, folder: Path) -> None:
    from keras_sketch.data.resizing import fit_square
    from keras_sketch.exporting import export_saved_model

    preprocessing = model.metadata["preprocessing"]
    square = functools.partial(fit_square, side=preprocessing["image_size"], how=preprocessing["resize"])
    export_saved_model(model, folder, model.class_names, square, metadata=model.metadata)
