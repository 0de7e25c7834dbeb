"""The published files of Google Landmarks v2: downloaded once, continued where a download stopped, checked."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path

import requests

from keras_sketch.errors import BadDataError, InvalidArgumentError, MissingDataError, UnknownNameError
from keras_sketch.files import atomic_write
from tfds_builders.gldv2.transfer import BY_HAND, CONNECT_SECONDS, download, failed, get_text, make_session

log = logging.getLogger(__name__)

# Addresses: the README of https://github.com/cvdfoundation/google-landmark, version 2.1.
BASE = "https://s3.amazonaws.com/google-landmark"
# The lists that are used, and the folder of the bucket that each is in.
CSV_FILES = {
    "train.csv": "metadata",
    "train_clean.csv": "metadata",
    "train_label_to_category.csv": "metadata",
    "test.csv": "metadata",
    "recognition_solution_v2.1.csv": "ground_truth",
}
# Number of tar files; one of train is about 1 GB, one of test about 0.5 GB.
TAR_FILES = {"train": 500, "test": 20}


class Downloads:
    """A folder with the published files, laid out as `train.csv` and `train/images_000.tar`; fills itself on demand.

    A file has its name once it is whole. Before that it is `<name>.part`, and the next attempt, of this process or
    of another one, goes on behind its last byte. Beside a checked tar lies `<name>.verified`; as long as the tar's
    size and time of change are those in it, nothing is asked of the network, nor is the tar read again.
    """

    def __init__(self, folder: Path | str, base: str = BASE):
        """Downloads nothing yet.

        Args:
            folder: Where the files are kept; created when needed.
            base: The bucket's address.
        """
        self.folder = Path(folder)
        self.base = base.rstrip("/")
        self._session = make_session()

    def problem(self) -> MissingDataError | None:
        """Asks once for the list of the images, and gives the error to raise if that does not work."""
        url = self._csv_url("train.csv")
        try:
            self._session.head(url, timeout=CONNECT_SECONDS, allow_redirects=True).raise_for_status()
        except requests.RequestException as error:
            return failed(url, error)
        return None

    def csv(self, name: str) -> Path:
        """Gives one of the lists; no md5 of them is published, so its length is what is checked.

        Args:
            name: A key of `CSV_FILES`.

        Returns:
            The file, whole.

        Raises:
            UnknownNameError: There is no list of that name.
            MissingDataError: It cannot be downloaded or written.
        """
        if name not in CSV_FILES:
            raise UnknownNameError("list of Google Landmarks v2", name, CSV_FILES)
        path = self.folder / name
        if not path.is_file():
            with _writing(path):
                download(self._session, self._csv_url(name), _partial(path))
                os.replace(_partial(path), path)
        return path

    def tar(self, number: int, part: str = "train") -> Path:
        """Gives one of the archives of images.

        Args:
            number: From 0; see `TAR_FILES`.
            part: `"train"` or `"test"`.

        Returns:
            The file, whole, with the published md5.

        Raises:
            UnknownNameError: There is no such part.
            InvalidArgumentError: There is no archive of that number.
            MissingDataError: It cannot be downloaded or written.
            BadDataError: It does not have the published md5, after two downloads.
        """
        if part not in TAR_FILES:
            raise UnknownNameError("part of Google Landmarks v2", part, TAR_FILES)
        if not 0 <= number < TAR_FILES[part]:
            raise InvalidArgumentError("number", f"between 0 and {TAR_FILES[part] - 1} for {part}", number)
        path = self.folder / part / f"images_{number:03}.tar"
        with _writing(path):
            if not _is_verified(path):
                md5 = self._published_md5(part, path.stem)
                if not _is_right(path, md5):
                    self._download_checked(f"{self.base}/{part}/{path.name}", path, md5)
                with atomic_write(_mark(path)) as file:
                    file.write(f"{md5} {_stamp(path)}")
        return path

    def _csv_url(self, name: str) -> str:
        return f"{self.base}/{CSV_FILES[name]}/{name}"

    def _published_md5(self, part: str, name: str) -> str:
        """The md5 of an archive, 32 hexadecimal digits, from the small file that is published beside the archives."""
        url = f"{self.base}/md5sum/{part}/md5.{name}.txt"
        text = get_text(self._session, url)
        if not (found := re.match(r"\W*([0-9a-fA-F]{32})\b", text)):
            raise BadDataError(f"{url} holds no md5 but {text[:40]!r}: try again later, or {BY_HAND}.")
        return found[1].lower()

    def _download_checked(self, url: str, path: Path, expected: str) -> None:
        partial = _partial(path)
        for _ in range(2):
            download(self._session, url, partial, has_md5=True)
            if (found := _md5(partial)) == expected:
                os.replace(partial, path)
                return
            partial.unlink()
        raise BadDataError(
            f"{url} came twice with another md5 than is published, {found} instead of {expected}: nothing of it was "
            f"kept; try again later, or {BY_HAND}."
        )


def _is_right(path: Path, expected: str) -> bool:
    """Whether the file is there and has its md5; one that has not is removed."""
    if not path.is_file():
        return False
    if (found := _md5(path)) == expected:
        return True
    log.warning("%s is damaged (md5 %s instead of %s): it is downloaded again.", path, found, expected)
    path.unlink()
    return False


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Makes one sentence of what the disk refuses."""
    try:
        yield
    except (MissingDataError, BadDataError):
        raise
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise MissingDataError(
            f"Cannot write {error.filename or path}: {reason}; make room, or choose another folder with --data-dir DIR."
        ) from error


def _partial(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _mark(path: Path) -> Path:
    return path.with_name(f"{path.name}.verified")


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def _stamp(path: Path) -> str:
    stat = path.stat()
    return f"{stat.st_size} {stat.st_mtime_ns}"


def _is_verified(path: Path) -> bool:
    """Whether the tar is the one whose md5 was found right, by its size and time of change."""
    mark = _mark(path)
    return path.is_file() and mark.is_file() and mark.read_text().partition(" ")[2] == _stamp(path)
