"""The datasets as TFDS builders: a folder here is a dataset, and its name is the folder's.

Importing this package registers them with TFDS, but for `imagenet_sketch`, since TFDS has a builder of that name:

    import tensorflow_datasets as tfds
    import tfds_builders

    train = tfds.load("doodles", split="train")
"""

from __future__ import annotations

import importlib
from pathlib import Path

BUILDERS = {
    path.parent.name: importlib.import_module(f"{__name__}.{path.parent.name}.{path.stem}").Builder
    for path in sorted(Path(__file__).parent.glob("*/*_dataset_builder.py"))
}
"""The builders' classes by name."""
