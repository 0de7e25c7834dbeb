"""The datasets as TFDS builders: a folder here is a dataset, and its name is the folder's.

Importing this package loads neither TFDS nor TensorFlow. A builder registers itself with TFDS when its module is
imported, which `builder_class` does for one and `register` for all:

    import tensorflow_datasets as tfds
    import tfds_builders

    tfds_builders.register()
    train = tfds.load("doodles", split="train")
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from keras_sketch.errors import UnknownNameError

if TYPE_CHECKING:
    from tfds_builders.base import GroupSplitBuilder


def list_datasets() -> list[str]:
    """Lists the datasets.

    Returns:
        The names of the folders here that hold a `<name>_dataset_builder.py`, sorted.
    """
    return sorted(path.parent.name for path in Path(__file__).parent.glob("*/*_dataset_builder.py"))


def builder_class(name: str) -> type[GroupSplitBuilder]:
    """Imports a dataset's builder, which also registers it with TFDS.

    Args:
        name: One of `list_datasets()`.

    Returns:
        The builder's class.

    Raises:
        UnknownNameError: If there is no such dataset.
    """
    if name not in list_datasets():
        raise UnknownNameError("dataset", name, list_datasets())
    return importlib.import_module(f"{__name__}.{name}.{name}_dataset_builder").Builder


def register() -> None:
    """Makes every dataset here known to `tfds.load` and `tfds.builder`."""
    for name in list_datasets():
        builder_class(name)
