"""A folder of your own images, one sub-folder a class."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from pathlib import Path

import tensorflow_datasets as tfds

from keras_sketch.curation.splits import SplitScheme
from keras_sketch.errors import BadDataError, MissingDataError
from tfds_builders.base import GroupSplitBuilder
from tfds_builders.class_folders import as_text, files_below, sub_folders
from tfds_builders.config import GroupSplitConfig
from tfds_builders.image_files import read_file, stored_image
from tfds_builders.writing import Example


@dataclasses.dataclass(eq=False, kw_only=True, repr=False)
class FolderConfig(GroupSplitConfig):
    """What is kept of the user's images.

    Attributes:
        max_side: Longest side in pixels; larger images are made smaller by averaging over areas, keeping their shape.
    """

    max_side: int = 512


class Builder(GroupSplitBuilder):
    """Prepares PNG, JPEG, GIF (not animated) and BMP files; each is decoded before it is stored."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    BUILDER_CONFIGS = [FolderConfig(name="folder", description="Images of the user, at their own size up to a limit.")]
    SPLIT_SCHEMES = {
        "hash": SplitScheme(train=0.8, validation=0.1, test=0.1),
        "holdout": SplitScheme(train=0.8, test=0.2),
    }
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Make a folder with one sub-folder for each class, named after it, put PNG, JPEG, GIF or BMP images of the "
        "class into it, and give the outer folder as the manual folder."
    )

    @classmethod
    def available_classes(cls, config, manual_dir):
        """Lists the sub-folders."""
        if manual_dir is None:
            raise MissingDataError(f"The dataset 'folder' needs a manual folder. {cls.MANUAL_DOWNLOAD_INSTRUCTIONS}")
        names = tuple(path.name for path in sub_folders(manual_dir))
        for name in names:
            if as_text(name) != name or len(name.splitlines()) > 1:
                raise BadDataError(
                    f"The sub-folder {as_text(name)!r} of {manual_dir} cannot be a class: its name is not UTF-8 or has "
                    "more than one line. Rename it."
                )
        if len(names) < 2:
            found = f"only one sub-folder, {names[0]!r}" if names else "no sub-folders"
            raise MissingDataError(
                f"{manual_dir} has {found}; at least two classes are needed. {cls.MANUAL_DOWNLOAD_INSTRUCTIONS}"
            )
        return names

    @classmethod
    def source_files(cls, config, manual_dir):
        """Lists every file below the classes' sub-folders, other than the operating system's."""
        names = config.classes or cls.available_classes(config, manual_dir)
        return [path for name in names for path in files_below(manual_dir / name)]

    def _info(self) -> tfds.core.DatasetInfo:
        return self._dataset_info(tfds.features.Image(shape=(None, None, 3)), self.builder_config.classes)

    def _fetch(self, dl_manager, manual_dir) -> tuple[Path, tuple[str, ...]]:
        """Gives the folder and the classes, which `tfds.load` alone cannot know before."""
        names = self._classes_of(self.builder_config, manual_dir)
        self.info.features["label"].names = list(names)
        return manual_dir, names

    def _examples(self, source, manifest) -> Iterator[Example]:
        folder, names = source
        for label, name in enumerate(names):
            count = 0
            for path in files_below(folder / name):
                if count == self.builder_config.per_class:
                    break
                identity = as_text(path.relative_to(folder).as_posix())
                try:
                    contents = read_file(path)
                    image = stored_image(contents, self.builder_config.max_side)
                except BadDataError as error:
                    manifest.add_bad(identity, "", str(error))
                    continue
                count += 1
                group = hashlib.blake2b(contents, digest_size=16).hexdigest()
                yield Example(identity, group, {"image": image, "label": label}, identity)
            if not count:
                manifest.check()
                raise BadDataError(
                    f"The class {name!r} has no usable image: {folder / name} holds no PNG, JPEG, GIF or BMP that can "
                    "be decoded."
                )
