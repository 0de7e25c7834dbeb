"""Route art: screenshots and GPX files of routes that draw something, to be recognized among ImageNet's classes."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import tensorflow_datasets as tfds

from keras_sketch.curation.decode import check_image
from keras_sketch.curation.imagenet import find_class
from keras_sketch.curation.splits import SplitScheme
from keras_sketch.drawing.gpx import draw_gpx
from keras_sketch.drawing.route_art import extract_route
from keras_sketch.drawing.route_picture import frame_route
from keras_sketch.errors import BadDataError, MissingDataError, UnknownNameError
from tfds_builders.class_folders import as_text, files_below, sub_folders
from tfds_builders.config import GroupSplitConfig
from tfds_builders.drawings import encode_png
from tfds_builders.image_files import read_file, stored_image
from tfds_builders.imagenet_labels import WNIDS, ImageNetLabelsBuilder, check_present
from tfds_builders.route_art.contact_sheet import contact_sheet, thumbnail
from tfds_builders.writing import Example

log = logging.getLogger(__name__)

SHEET = "routes.png"
"""The file beside the prepared data that shows the first routes before and after."""

_ON_SHEET = 24


@dataclasses.dataclass(eq=False, kw_only=True, repr=False)
class RouteArtConfig(GroupSplitConfig):
    """What is made of the user's files.

    Attributes:
        side: Side of the routes' pictures in pixels; the longest side of a screenshot that stays one.
    """

    split: str = "all"
    side: int = 512


class Builder(ImageNetLabelsBuilder):
    """Prepares a folder of screenshots and GPX files, one sub-folder a class."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    BUILDER_CONFIGS = [
        RouteArtConfig(name="route_art", description="The routes alone, black on white, from screenshots and GPX."),
        RouteArtConfig(name="screenshot", description="The screenshots with their maps; no GPX."),
    ]
    SPLIT_SCHEMES = {
        "all": SplitScheme(train=0, test=1),
        "hash": SplitScheme(train=0.8, validation=0.1, test=0.1),
        "holdout": SplitScheme(train=0.8, test=0.2),
    }
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Make a folder with one sub-folder for each class, named by its WordNet id or name (n02123045, tabby), put "
        "screenshots (PNG, JPEG, GIF, BMP) and .gpx files of routes into it, and give the outer folder as the manual "
        "folder (`--manual-dir DIR`)."
    )

    @classmethod
    def available_classes(cls, config, manual_dir):
        """Lists all 1000; those that are asked for must have a folder."""
        if manual_dir is None:
            raise MissingDataError(f"The dataset 'route_art' needs a manual folder. {cls.MANUAL_DOWNLOAD_INSTRUCTIONS}")
        folders = class_folders(manual_dir)
        check_present(config, folders, manual_dir)
        return WNIDS

    @classmethod
    def source_files(cls, config, manual_dir):
        """Lists every file below the classes' sub-folders, other than the operating system's."""
        folders = class_folders(manual_dir)
        wanted = config.classes or folders
        return [path for wnid in wanted for folder in folders.get(wnid, ()) for path in files_below(folder)]

    def _info(self) -> tfds.core.DatasetInfo:
        side = self.builder_config.side
        image = tfds.features.Image(shape=(None, None, 3))
        if self.builder_config.base == "route_art":
            image = tfds.features.Image(shape=(side, side, 1), encoding_format="png")
        text = tfds.features.Text()
        return self._dataset_info(image, self._wnids, wnid=text, class_name=text, source=text)

    def _examples(self, source, manifest) -> Iterator[Example]:
        folders = class_folders(source)
        shown = []
        for label, wnid in enumerate(self._wnids):
            count = 0
            for path in (path for folder in folders.get(wnid, ()) for path in files_below(folder)):
                is_gpx = path.suffix.lower() == ".gpx"
                if count == self.builder_config.per_class or (is_gpx and self.builder_config.base == "screenshot"):
                    continue
                identity = as_text(path.relative_to(source).as_posix())
                try:
                    contents = read_file(path)
                    image = self._picture(contents, is_gpx, identity, shown)
                except BadDataError as error:
                    manifest.add_bad(identity, "", str(error))
                    continue
                count += 1
                facts = {"wnid": wnid, "class_name": find_class(wnid).name, "source": "gpx" if is_gpx else "screenshot"}
                group = hashlib.blake2b(contents, digest_size=16).hexdigest()
                yield Example(identity, group, {"image": image, "label": label, **facts}, identity)
        if shown:
            cv2.imwrite(str(Path(self.data_dir) / SHEET), contact_sheet(shown)[..., ::-1])

    def _picture(self, contents: bytes, is_gpx: bool, identity: str, shown: list) -> bytes:
        """Gives the image to store, as a file, and puts the first routes on the list of what is shown."""
        side = self.builder_config.side
        if self.builder_config.base == "screenshot":
            return stored_image(contents, side)
        before = None
        if is_gpx:
            route = draw_gpx(contents, side)
        else:
            before = check_image(contents)
            route = _extracted(np.broadcast_to(before, (*before.shape[:2], 3)), side, identity)
        if len(shown) < _ON_SHEET:
            shown.append((identity, before if before is None else thumbnail(before), thumbnail(route)))
        return encode_png(route[np.newaxis, ..., np.newaxis])[0]


def class_folders(folder: Path) -> dict[str, list[Path]]:
    """Gives the sub-folders by the WordNet ids of their classes; two of one class count as one.

    Args:
        folder: The manual folder.

    Raises:
        MissingDataError: It has no sub-folders.
        BadDataError: One bears no class's name; it is named, with the nearest class.
    """
    found: dict[str, list[Path]] = {}
    for path in sub_folders(folder):
        try:
            found.setdefault(find_class(path.name).wnid, []).append(path)
        except UnknownNameError as error:
            raise BadDataError(
                f"The sub-folder {as_text(path.name)!r} of {folder} is no class: {error} Rename or remove it."
            ) from error
    if not found:
        raise MissingDataError(f"{folder} has no sub-folders. {Builder.MANUAL_DOWNLOAD_INSTRUCTIONS}")
    return found


def _extracted(image: np.ndarray, side: int, identity: str) -> np.ndarray:
    """Extracts a route; where that was doubtful, the log says so with the file's name."""
    with warnings.catch_warnings(record=True) as doubts:
        warnings.simplefilter("always")
        route = frame_route(extract_route(image), side)
    for doubt in doubts:
        log.warning("%s: %s.", identity, doubt.message)
    return route
