"""The published layout: which lists and images are in a manual folder, and where."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from keras_sketch.errors import BadDataError, MissingDataError
from tfds_builders.gldv2 import HOMEPAGE, INSTRUCTIONS

if TYPE_CHECKING:
    from tfds_builders.gldv2.downloads import Downloads

DIGITS = "0123456789abcdef"
_TAR = re.compile(r"images_(\d{3})\.tar")
_MD5 = re.compile(r"[0-9a-fA-F]{32}")
_INDEX_LISTS = ("index_image_to_landmark.csv", "index.csv")


@dataclasses.dataclass(frozen=True)
class Tar:
    """A tar of images; `path` is None until it is downloaded, `md5` is its md5 file or None."""

    number: int
    path: Path | None
    md5: Path | None


@dataclasses.dataclass(frozen=True)
class Images:
    """The images of a subset, in tars or in a tree.

    Attributes:
        subset: `"train"` or `"test"`.
        tree: The folder that holds `a/b/c/<id>.jpg`, None where there are tars.
        tars: By number; empty where there is a tree.
    """

    subset: Literal["train", "test"]
    tree: Path | None = None
    tars: tuple[Tar, ...] = ()

    def files(self) -> Iterator[Path]:
        """Yields the files that tell whether the images have changed: of a tree its top folders alone."""
        for tar in self.tars:
            yield from filter(None, (tar.path, tar.md5))
        if self.tree is not None:
            yield self.tree
            yield from filter(Path.is_dir, (self.tree / digit for digit in DIGITS))


@dataclasses.dataclass(frozen=True)
class Source:
    """What a config reads.

    Attributes:
        folder: The manual folder, or the one for downloads; the manifest names files relative to it.
        train: The list of images, urls and landmarks.
        clean: The cleaned list; None if it is not used.
        solution: The test images' landmarks; None if distractors are not used.
        categories: The list of all landmarks, against which `train` is checked; None if it is not there.
        images: The images of the landmarks, and those of the test if distractors are used.
        downloads: Gets the tars; None for a manual folder.
    """

    folder: Path
    train: Path
    clean: Path | None
    solution: Path | None
    categories: Path | None
    images: tuple[Images, ...]
    downloads: Downloads | None = None

    def label(self, path: Path) -> str:
        """Gives what messages call a file."""
        return path.relative_to(self.folder).as_posix() if path.is_relative_to(self.folder) else path.name

    def files(self) -> list[Path]:
        """Lists the files that tell whether the source has changed."""
        lists = filter(None, (self.train, self.clean, self.solution, self.categories))
        return [*lists, *(path for images in self.images for path in images.files())]


def find_source(folder: Path, clean: bool = False, distractors: bool = False) -> Source:
    """Finds what a config reads in a manual folder; reads no file.

    Args:
        folder: An existing folder.
        clean: Whether the cleaned list is needed.
        distractors: Whether the test set is needed.

    Raises:
        MissingDataError: Something is not there; says what and where it should be.
    """
    train = _find(folder, "train.csv") or _find(folder, "train_sample.csv")
    if train is None:
        index = next(filter(None, (_find(folder, name) for name in _INDEX_LISTS)), None)
        hint = f"{index.name} there is the index set's, whose landmark ids are other ones. " if index else ""
        raise MissingDataError(f"There is no train.csv in {folder} or its folder metadata. {hint}{INSTRUCTIONS}")
    images = [_find_images(folder, "train", [folder / "train", folder])]
    solution = None
    if distractors:
        images.append(_find_images(folder, "test", [folder / "test"]))
        solutions = sorted(
            path for place in _places(folder) for path in place.glob("recognition_solution*.csv") if path.is_file()
        )
        if not solutions:
            raise MissingDataError(
                f"The distractors need recognition_solution_v2.1.csv in {folder} or its folder metadata: it says which "
                f"test images are of no landmark. It is on {HOMEPAGE}."
            )
        solution = solutions[-1]
    cleaned = _find(folder, "train_clean.csv") if clean else None
    if clean and cleaned is None:
        raise MissingDataError(
            f"There is no train_clean.csv in {folder} or its folder metadata. It is on {HOMEPAGE}; without `clean` in "
            "the config the full list is used."
        )
    categories = _find(folder, "train_label_to_category.csv")
    return Source(folder, train, cleaned, solution, categories, tuple(images))


def published(downloads: Downloads, clean: bool = False, distractors: bool = False) -> Source:
    """Gives the source that is downloaded: lists at once, tars when their part is read.

    Args:
        downloads: Gets the files; their folder has the published layout.
        clean: Whether the cleaned list is needed.
        distractors: Whether the test set is needed.

    Raises:
        MissingDataError: A list cannot be downloaded.
    """
    train = downloads.csv("train.csv")
    cleaned = downloads.csv("train_clean.csv") if clean else None
    solution = downloads.csv("recognition_solution_v2.1.csv") if distractors else None
    categories = downloads.csv("train_label_to_category.csv")
    subsets = {"train": 500, "test": 20} if distractors else {"train": 500}
    images = tuple(
        Images(subset, tars=tuple(Tar(number, None, None) for number in range(count)))
        for subset, count in subsets.items()
    )
    return Source(train.parent, train, cleaned, solution, categories, images, downloads)


def read_md5(path: Path | None) -> str:
    """Reads an md5 file, `<32 hexadecimal digits>  images_000.tar`; empty without one.

    Raises:
        BadDataError: It does not begin with an md5.
    """
    if path is None:
        return ""
    words = path.read_text(encoding="utf-8", errors="replace").split()
    if not words or not _MD5.fullmatch(words[0]):
        raise BadDataError(f"{path} does not begin with an md5 of 32 hexadecimal digits; get it again, or remove it.")
    return words[0].lower()


def _places(folder: Path) -> tuple[Path, ...]:
    return folder, folder / "metadata"


def _find(folder: Path, name: str) -> Path | None:
    return next((place / name for place in _places(folder) if (place / name).is_file()), None)


def _find_images(folder: Path, subset: Literal["train", "test"], places: Iterable[Path]) -> Images:
    """Finds a subset's tars or else its tree."""
    for place in places:
        names = sorted(path.name for path in place.iterdir() if _TAR.fullmatch(path.name)) if place.is_dir() else []
        if names:
            sums = (folder / "md5sum" / subset, folder / "md5sum", place / "md5sum", place)
            return Images(subset, tars=tuple(_tar(place / name, sums) for name in names))
    tree = folder / subset
    if not any((tree / digit).is_dir() for digit in DIGITS):
        raise MissingDataError(
            f"There are no images in {folder}: neither {subset}/0/0/0/ to {subset}/f/f/f/ nor tars images_<number>.tar"
            f"{' in test/' if subset == 'test' else ''}. {INSTRUCTIONS}"
        )
    return Images(subset, tree=tree)


def _tar(path: Path, sums: Iterable[Path]) -> Tar:
    name = f"md5.{path.stem}.txt"
    md5 = next((place / name for place in sums if (place / name).is_file()), None)
    return Tar(int(_TAR.fullmatch(path.name)[1]), path, md5)
