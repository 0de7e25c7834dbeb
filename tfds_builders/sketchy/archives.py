"""Archives in which the database can lie: 7z as it is published, zip and tar of the same tree."""

from __future__ import annotations

import contextlib
import functools
import importlib
import tarfile
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path

from keras_sketch.errors import BadDataError, MissingDataError
from tfds_builders.sketchy import HOMEPAGE

SUFFIXES = (".7z", ".zip", ".tar", ".tar.gz", ".tgz")


def member_names(path: Path) -> tuple[str, ...]:
    """Lists an archive's members; the published one has 478,000, which takes some seconds the first time.

    Args:
        path: The archive.

    Returns:
        Paths with forward slashes, without a leading `./` or trailing slash, folders included where the archive has
        them; those that would lead out of the folder are left out.

    Raises:
        MissingDataError: It is a 7z archive and py7zr is not installed.
        BadDataError: It is damaged or cut off.
    """
    stat = path.stat()
    return tuple(_listed(path, stat.st_size, stat.st_mtime_ns))


def extract(path: Path, names: Collection[str], folder: Path) -> None:
    """Writes members of an archive to files below a folder.

    Args:
        path: The archive.
        names: Files among `member_names`.
        folder: An existing folder.

    Raises:
        MissingDataError: It is a 7z archive and py7zr is not installed.
        BadDataError: It is damaged or cut off.
    """
    stat = path.stat()
    members = _listed(path, stat.st_size, stat.st_mtime_ns)
    wanted = [members[name] for name in names]
    with _opened(path) as archive:
        if isinstance(archive, zipfile.ZipFile):
            archive.extractall(folder, wanted)
        elif isinstance(archive, tarfile.TarFile):
            chosen = set(wanted)
            archive.extractall(folder, [member for member in archive if member.name in chosen], filter="data")
        else:
            archive.extract(folder, wanted)


@functools.lru_cache(maxsize=4)
def _listed(path: Path, size: int, changed: int) -> dict[str, str]:
    """Gives the members' own names by the names that `member_names` returns; size and change make the cache notice."""
    with _opened(path) as archive:
        names = archive.namelist() if hasattr(archive, "namelist") else archive.getnames()
    inside = (name for name in names if not name.startswith("/") and ".." not in name.split("/"))
    return {name.removeprefix("./").rstrip("/"): name for name in inside}


@contextlib.contextmanager
def _opened(path: Path) -> Iterator:
    """Opens an archive; whatever its library says about damage becomes one sentence."""
    try:
        if path.suffix == ".7z":
            opened = _py7zr(path).SevenZipFile(path)
        elif path.suffix == ".zip":
            opened = zipfile.ZipFile(path)
        else:
            opened = tarfile.open(path)
        with opened as archive:
            yield archive
    except (MissingDataError, BadDataError):
        raise
    except Exception as error:  # The three libraries raise a dozen types for damage, some of them plain OSErrors.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise BadDataError(
            f"The archive {path} is damaged or cut off ({type(error).__name__}): get it again from {HOMEPAGE}."
        ) from error


def _py7zr(path: Path):
    try:
        return importlib.import_module("py7zr")
    except ImportError as error:
        raise MissingDataError(
            f"Reading {path} needs py7zr, which is not installed. Run `pip install keras_sketch[sketchy]`, or extract "
            f"the archive by hand (`7z x {path.name}`) where it lies."
        ) from error
