"""The images in a manual folder, extracted or in the archive as published."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Iterable
from pathlib import Path

from keras_sketch.curation.imagenet import find_class, imagenet_classes
from keras_sketch.errors import MissingDataError, UnknownNameError
from tfds_builders.class_folders import file_names, sub_folders
from tfds_builders.image_files import is_clutter
from tfds_builders.imagenet_labels import WNIDS
from tfds_builders.imagenet_sketch import ARCHIVE, HOMEPAGE, INSTRUCTIONS
from tfds_builders.packed_folders import ReadableTree, opened_zip

_ID = re.compile(r"n\d+")
_MEMBER = re.compile(r"(?P<root>(?:[^/]+/)*?sketch)/(?P<wnid>[^/]+)/(?P<file>[^/]+)")


@dataclasses.dataclass(frozen=True)
class Images(ReadableTree):
    """The image files by WordNet id."""

    HOMEPAGE = HOMEPAGE


def find_images(folder: Path) -> Images:
    """Finds the images in a manual folder: extracted, at most one folder deeper, or else in the archive.

    Args:
        folder: The folder; the one with the classes' folders will do.

    Raises:
        MissingDataError: They are not there; says where to get them.
        UnknownNameError: A class's folder is not named after one of the 1000 WordNet ids; says the nearest.
        BadDataError: The archive is damaged or cut off.
    """
    below = sub_folders(folder)
    for path in [folder / "sketch", *(each / "sketch" for each in below), folder, *below]:
        classes = sub_folders(path) if path.is_dir() else []
        if classes and (path.name == "sketch" or any(_ID.fullmatch(each.name) for each in classes)):
            _check_names(path, (each.name for each in classes))
            files = {each.name: file_names(each) for each in classes}
            return Images(folder, path.relative_to(folder).as_posix().removeprefix("."), files)
    if (folder / ARCHIVE).is_file():
        return packed_images(folder / ARCHIVE)
    raise MissingDataError(
        f"There are no sketches in {folder}, neither sketch/<WordNet id>/ nor {ARCHIVE}. {INSTRUCTIONS}"
    )


def packed_images(path: Path) -> Images:
    """Finds the images in an archive; the arguments and errors are those of `find_images`."""
    with opened_zip(path, HOMEPAGE) as archive:
        matches = [match for name in sorted(archive.namelist()) if (match := _MEMBER.fullmatch(name))]
    files: dict[str, list[str]] = {}
    roots = {match["root"] for match in matches if not match["root"].startswith("__MACOSX")}
    if len(roots) != 1:
        raise MissingDataError(
            f"{path} must hold one folder sketch/<WordNet id>/, and holds {len(roots)}. {INSTRUCTIONS}"
        )
    [root] = roots
    for match in matches:
        if match["root"] == root and not is_clutter(match["wnid"]) and not is_clutter(match["file"]):
            files.setdefault(match["wnid"], []).append(match["file"])
    _check_names(path, files)
    return Images(path, root, {name: tuple(found) for name, found in files.items()})


def _check_names(place: Path, names: Iterable[str]) -> None:
    for name in names:
        if name in WNIDS:
            continue
        kind, choices = f"class folder in {place}:", WNIDS
        hint = "Each is named by the WordNet id of its class: rename it, or put it elsewhere."
        if not _ID.fullmatch(name):
            choices = [each.name for each in imagenet_classes()]
            with contextlib.suppress(UnknownNameError):
                hint, choices = f"Name it {find_class(name).wnid}, as WordNet does.", WNIDS
        raise UnknownNameError(kind, name, choices, hint)
