"""What datasets labelled with ImageNet's classes have in common."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from keras_sketch.curation.imagenet import find_class, imagenet_classes
from keras_sketch.errors import MissingDataError
from tfds_builders.base import GroupSplitBuilder
from tfds_builders.config import GroupSplitConfig

WNIDS = tuple(each.wnid for each in imagenet_classes())
"""The WordNet ids of the 1000 classes; sorted, which is ImageNet's order."""


class ImageNetLabelsBuilder(GroupSplitBuilder, skip_registration=True):
    """A builder whose labels are all 1000 WordNet ids in ImageNet's order, unless classes are asked for."""

    @classmethod
    def class_named(cls, text):
        """Finds a class by WordNet id, name or synonym, and gives its id."""
        return find_class(text).wnid

    @property
    def _wnids(self) -> Sequence[str]:
        return self.builder_config.classes or WNIDS


def check_present(config: GroupSplitConfig, present: Collection[str], manual_dir: Path) -> None:
    """Raises MissingDataError for a class that is asked for and has no folder.

    Args:
        config: Its `classes` are WordNet ids, or None.
        present: The WordNet ids that have a folder.
        manual_dir: The folder that the user gave.
    """
    for wnid in config.classes or ():
        if wnid not in present:
            raise MissingDataError(f"There is no folder of {wnid} ({find_class(wnid).name}) in {manual_dir}.")
