"""Reading the images of a tar as it is published, once from front to back, without unpacking it."""

from __future__ import annotations

import hashlib
import re
import tarfile
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

from keras_sketch.curation.folders import reading
from keras_sketch.errors import BadDataError
from tfds_builders.gldv2 import HOMEPAGE
from tfds_builders.gldv2.index import Bad, Row

_IMAGE = re.compile(r"(?:\./)?(?:(?:train|test)/)?([0-9a-f])/([0-9a-f])/([0-9a-f])/(\1\2\3[0-9a-f]{13})\.jpg")
_READ_BYTES = 1 << 20
# A whole tar ends in two blocks of zeros.
_END = bytes(1024)


def read_tar(path: str, label: str, md5: str, find: Callable[[str], Row | None]) -> Iterator[tuple[Row, bytes] | Bad]:
    """Gives the wanted images of a tar, and what is amiss in it; writes nothing, and follows no link.

    Args:
        path: The tar.
        label: What the manifest calls it.
        md5: 32 hexadecimal digits, which are compared once all is read; empty: not compared.
        find: Gives the row of an id, None if it is not wanted.

    Yields:
        Row and file of each wanted image.

    Raises:
        MissingDataError: It cannot be read.
        BadDataError: It is another tar than its md5 says, or none at all.
    """
    with reading(path), open(path, "rb") as file:
        watched = _Watched(file)
        damaged = ""
        try:
            with tarfile.open(fileobj=watched, mode="r|", bufsize=_READ_BYTES) as tar:
                yield from _members(tar, label, find)
        except (tarfile.TarError, EOFError) as error:
            damaged = type(error).__name__
        watched.finish()
        if md5 and watched.md5 != md5:
            raise BadDataError(
                f"The tar {path} is damaged: its md5 is {watched.md5}, not {md5}; get it again from {HOMEPAGE}, or its "
                "md5 file if that is the one that is wrong."
            )
        if damaged and not watched.length:
            raise BadDataError(f"The tar {path} is empty; get it again from {HOMEPAGE}.")
        if damaged or watched.end != _END:
            yield Bad(label, "", "the tar is damaged or cut off; its whole images are used", counts=False)


def _members(tar: tarfile.TarFile, label: str, find: Callable[[str], Row | None]) -> Iterator[tuple[Row, bytes] | Bad]:
    for member in tar:
        tar.members.clear()  # It would keep all that it has read.
        name = member.name
        file = f"{label}/{name}"
        if member.isdir():
            continue
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            yield Bad(file, "", "the path in the tar points outside; it is not used")
        elif not member.isfile():
            yield Bad(file, "", "is a link or a device in the tar; it is not followed")
        elif match := _IMAGE.fullmatch(name):
            row = find(match[4])
            if row is not None:
                contents = _contents(tar, member)
                yield Bad(file, "", "is cut off in the tar", id=row.id) if contents is None else (row, contents)
        elif name.endswith(".jpg"):
            yield Bad(file, "", "does not lie where an image of its name belongs, a/b/c/abc<13 digits>.jpg", False)


def _contents(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes | None:
    """Reads a member; None if the tar ends in it."""
    try:
        contents = tar.extractfile(member).read()
    except (tarfile.TarError, EOFError):
        return None
    return contents if len(contents) == member.size else None


class _Watched:
    """A file that is read once, with its md5 and its end.

    Attributes:
        length: Bytes read.
        end: The last 1024 bytes of them.
    """

    def __init__(self, file):
        self._file = file
        self._digest = hashlib.md5(usedforsecurity=False)
        self.length = 0
        self.end = b""

    @property
    def md5(self) -> str:
        return self._digest.hexdigest()

    def read(self, size: int) -> bytes:
        piece = self._file.read(size)
        self._digest.update(piece)
        self.length += len(piece)
        self.end = (self.end + piece[-len(_END) :])[-len(_END) :]
        return piece

    def finish(self) -> None:
        """Reads what is left."""
        while self.read(_READ_BYTES):
            pass
