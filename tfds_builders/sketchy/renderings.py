"""Where the sketches of one rendering lie in a manual folder: extracted, or in the archive as published."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from keras_sketch.errors import BadDataError, MissingDataError
from tfds_builders.class_folders import ClassTree, file_names, sub_folders
from tfds_builders.image_files import is_clutter
from tfds_builders.sketchy import HOMEPAGE, archives

INSTRUCTIONS = (
    f"Get `rendered_256x256.7z` and `info-06-04.7z` from {HOMEPAGE}, put them, or what they hold, into a folder and "
    "give it as the manual folder (`--manual-dir DIR`), so that there is DIR/rendered_256x256.7z or "
    "DIR/256x256/sketch/tx_000000000000/<class>/, and DIR/info-06-04.7z or DIR/info/testset.txt."
)

# What the published archives are called, and what people call the same trees when they pack them again.
_STEMS = ("rendered_256x256", "256x256", "info-06-04", "info", "sketchy")
_ROOTS = ("", "*/", "*/*/")
_NAME = re.compile(r"(?P<photo>(?P<wnid>n\d{8})_\d+)-(?P<number>\d+)\.png")


class SketchName(NamedTuple):
    """What a sketch's file name says.

    Attributes:
        id: The name without `.png`.
        photo: The photo that it was drawn from, `<wnid>_<number>`.
        wnid: The photo's WordNet id.
        number: Which of the photo's sketches it is, from 1.
    """

    id: str
    photo: str
    wnid: str
    number: int


def parse_name(file: str) -> SketchName:
    """Reads a sketch's file name, e.g. `n02691156_10151-3.png`.

    Raises:
        BadDataError: It is another kind of name, with a reason for the manifest.
    """
    match = _NAME.fullmatch(file)
    if match is None:
        raise BadDataError("the name is not <wnid>_<photo>-<number>.png, such as n02691156_10151-3.png")
    return SketchName(file.removesuffix(".png"), match["photo"], match["wnid"], int(match["number"]))


@dataclasses.dataclass(frozen=True)
class Rendering(ClassTree):
    """The sketches of one rendering."""

    @contextlib.contextmanager
    def opened(self, classes: Iterable[str], temporary: Path) -> Iterator[Path]:
        """Gives the folder with the classes' folders; of an archive, extracts them and removes them at the end.

        Args:
            classes: Those that are needed.
            temporary: An existing folder on a disk that has room for them (the published 75,471 sketches: 1 GB).
        """
        if not self.is_archive:
            yield self.container / self.root
            return
        with tempfile.TemporaryDirectory(prefix="extracted-", dir=temporary) as folder:
            names = [f"{self.root}/{name}/{file}" for name in classes for file in self.files[name]]
            archives.extract(self.container, names, Path(folder))
            yield Path(folder) / self.root


def find_archives(manual_dir: Path) -> list[Path]:
    """Lists the archives in a manual folder that may hold a part of the database."""
    paths = (manual_dir / f"{stem}{suffix}" for stem in _STEMS for suffix in archives.SUFFIXES)
    return [path for path in paths if path.is_file()]


def find_rendering(manual_dir: Path, name: str) -> Rendering:
    """Finds a rendering in a manual folder: extracted, at most two folders deep, or else in an archive.

    Args:
        manual_dir: The folder.
        name: The rendering's folder, e.g. `"tx_000000000000"`.

    Raises:
        MissingDataError: It is not there; says what is, and where to get it.
        BadDataError: It is there twice, or its archive is damaged.
    """
    found = [
        Rendering(manual_dir, path.relative_to(manual_dir).as_posix(), _listing(path))
        for root in _ROOTS
        for path in sorted(manual_dir.glob(f"{root}sketch/{name}"))
        if path.is_dir()
    ]
    if not found:
        found = [rendering for path in find_archives(manual_dir) for rendering in _packed(path, name)]
    if not found:
        raise MissingDataError(_what_is_missing(manual_dir, name))
    if len(found) > 1:
        places = " and in ".join(f"{each.container / each.root}" for each in found[:2])
        raise BadDataError(f"The sketches are there twice, in {places}. Give a manual folder with one of them.")
    if not found[0].files:
        raise MissingDataError(f"{found[0].container / found[0].root} has no folder of a class. {INSTRUCTIONS}")
    return found[0]


def _listing(folder: Path) -> dict[str, tuple[str, ...]]:
    return {path.name: file_names(path) for path in sub_folders(folder)}


def _packed(archive: Path, name: str) -> list[Rendering]:
    """Lists the places in an archive where a rendering is."""
    pattern = re.compile(rf"(?P<root>(?:[^/]+/)*sketch/{name})/(?P<label>[^/]+)(?:/(?P<file>[^/]+))?")
    trees: dict[str, dict[str, list[str]]] = {}
    for member in archives.member_names(archive):
        match = pattern.fullmatch(member)
        if match and not is_clutter(match["label"]):
            files = trees.setdefault(match["root"], {}).setdefault(match["label"], [])
            if match["file"] and not is_clutter(match["file"]):
                files.append(match["file"])
    return [
        Rendering(archive, root, {label: tuple(sorted(tree[label])) for label in sorted(tree)})
        for root, tree in sorted(trees.items())
    ]


def _what_is_missing(manual_dir: Path, name: str) -> str:
    paths = [path.as_posix() for root in _ROOTS for path in manual_dir.glob(f"{root}sketch/tx_*") if path.is_dir()]
    paths += [member for path in find_archives(manual_dir) for member in archives.member_names(path)]
    others = sorted({match[1] for path in paths if (match := re.search(r"(?:^|/)sketch/(tx_\d{12})(?:/|$)", path))})
    if others:
        return (
            f"{manual_dir} has no sketch/{name}, only {', '.join(others)}: ask for one of these "
            f"(`--config {others[0]}`), or extract the archive anew."
        )
    return f"There are no sketches in {manual_dir}, extracted or in an archive. {INSTRUCTIONS}"
