"""Classifiers for images that are not ordinary photographs: sketches, doodles, route art, street views, landmarks.

The public names are imported when first used, so that importing the package loads neither TensorFlow nor Keras.
"""

from __future__ import annotations

import importlib

__version__ = "0.1.0"

_PUBLIC = {
    "build_classifier": "keras_sketch.models",
    "list_models": "keras_sketch.models",
    "load_dataset": "keras_sketch.data",
    "list_datasets": "keras_sketch.data",
    "list_recipes": "keras_sketch.recipes",
    "train": "keras_sketch.workflows",
    "evaluate": "keras_sketch.workflows",
    "load_classifier": "keras_sketch.exporting",
    "export": "keras_sketch.exporting",
    "gradcam": "keras_sketch.explain",
}
__all__ = sorted(_PUBLIC)


def __getattr__(name: str):
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
