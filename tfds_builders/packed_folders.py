"""Reading the files of a tree of class folders where they lie: in the folders or in a zip."""

from __future__ import annotations

import contextlib
import dataclasses
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

from keras_sketch.curation.image_header import MAX_BYTES
from keras_sketch.errors import BadDataError
from tfds_builders.class_folders import ClassTree
from tfds_builders.image_files import read_file


@dataclasses.dataclass(frozen=True)
class ReadableTree(ClassTree):
    """A tree whose files are read one by one, nothing being extracted."""

    HOMEPAGE: ClassVar[str]
    """Where a damaged archive can be got again."""

    @contextlib.contextmanager
    def opened(self) -> Iterator[Callable[[str], bytes]]:
        """Gives a function that reads a file by `<class folder>/<file>`; threads may share it.

        It raises BadDataError, with a reason for the manifest, for a file that cannot be read.
        """
        if not self.is_archive:
            yield lambda name: read_file(self.container / self.root / name)
            return
        with opened_zip(self.container, self.HOMEPAGE) as archive:

            def read(name: str) -> bytes:
                member = f"{self.root}/{name}".lstrip("/")
                if archive.getinfo(member).file_size > MAX_BYTES:
                    raise BadDataError(f"the file has more than {MAX_BYTES >> 20} MiB")
                try:
                    return archive.read(member)
                except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
                    raise BadDataError("is damaged in the archive") from error

            yield read


@contextlib.contextmanager
def opened_zip(path: Path, homepage: str) -> Iterator[zipfile.ZipFile]:
    """Opens a zip.

    Args:
        path: The archive.
        homepage: Where it can be got again.

    Raises:
        BadDataError: It is damaged or cut off.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        raise BadDataError(f"The archive {path} is damaged or cut off: get it again from {homepage}.") from error
    with archive:
        yield archive
