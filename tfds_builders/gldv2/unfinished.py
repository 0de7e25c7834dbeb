"""A preparation that can be stopped at any moment: what is read already lies beside the data, part by part."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import shutil
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from tfds_builders.gldv2.index import Bad
from tfds_builders.gldv2.parts import Part
from tfds_builders.writing import Example

log = logging.getLogger(__name__)

_LENGTHS = struct.Struct("<II")  # of the description, of the image
# The end of a part's file: where the list of its bad files begins, and the file's size.
_END = struct.Struct("<QQ")
_BUFFER_BYTES = 1 << 20


@contextlib.contextmanager
def alone(path: Path) -> Iterator[bool]:
    """Lets one process at a time into the body; the others wait, and say so.

    Args:
        path: A file that only this is for; its folder is created. A killed process does not hold it.

    Yields:
        Whether it had to wait.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    waited = False
    while True:
        with path.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not waited:
                    log.warning("Another process prepares this dataset (it holds %s); waiting for its end.", path)
                waited = True
                fcntl.flock(file, fcntl.LOCK_EX)
            # The one before may have removed the file: then another process can hold a new one of that name.
            if not path.exists() or not os.path.samestat(os.fstat(file.fileno()), path.stat()):
                continue
            try:
                yield waited
            finally:
                path.unlink(missing_ok=True)
            return


class Unfinished:
    """The folder of a preparation that is not finished: the index, and a file of examples for each part that is read.

    Attributes:
        folder: The folder.
    """

    def __init__(self, folder: Path, identity: str):
        """Opens the folder, or starts it anew if it is of another source.

        Args:
            folder: Created when needed.
            identity: Says what the source is.
        """
        self.folder = folder
        said = folder / "source.txt"
        if not said.is_file() or said.read_text() != identity:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            said.write_text(identity)
        for left in folder.glob("*-*/"):  # Temporary folders of one that was killed.
            shutil.rmtree(left, ignore_errors=True)

    @property
    def index(self) -> Path:
        """Where the index of the wanted images is, or is to be written."""
        return self.folder / "index.sqlite"

    def has(self, part: Part) -> bool:
        """Tells whether a part is read, and none of its images that could not be used has changed since."""
        try:
            with self._records(part).open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                end = _end(file, size)
                if end is None:
                    return False
                file.seek(end)
                bad = json.loads(file.read(size - _END.size - end))
                read = os.fstat(file.fileno()).st_mtime_ns
        except FileNotFoundError:
            return False
        return not any(_change(Path(part.path, name)) >= read for name in bad)

    def write(self, part: Part, items: Iterable[Example | Bad]) -> Iterator[None]:
        """Writes what a part gives; until that is done, the part counts as not read.

        Args:
            part: The part.
            items: From `read_part`.

        Yields:
            After each image.
        """
        records, bad = self._records(part), []
        partial = records.with_name(f"{records.name}.part")
        with partial.open("wb", buffering=_BUFFER_BYTES) as file:
            for item in items:
                file.write(_packed(item))
                if isinstance(item, Bad) and part.kind == "tree":
                    bad.append(item.file.removeprefix(f"{part.label}/"))
                yield
            names = json.dumps(bad).encode()
            end = file.tell()
            file.write(names + _END.pack(end, end + len(names) + _END.size))
        os.replace(partial, records)

    def read(self, part: Part) -> Iterator[Example | Bad]:
        """Yields what was written of a part."""
        return (_unpacked(said, image) for said, image in self._entries(part, images=True))

    def ids(self, parts: Iterable[Part]) -> Iterator[str]:
        """Yields the ids of the images that were found in parts, usable or not, without reading the images."""
        for part in parts:
            for said, _ in self._entries(part, images=False):
                if said["id"]:
                    yield said["id"]

    def _entries(self, part: Part, images: bool) -> Iterator[tuple[dict, bytes]]:
        with self._records(part).open("rb", buffering=_BUFFER_BYTES if images else 1 << 13) as file:
            end = _end(file, file.seek(0, os.SEEK_END))
            file.seek(0)
            position = 0
            while position < end:
                size, image = _LENGTHS.unpack(file.read(_LENGTHS.size))
                said = json.loads(file.read(size))
                position += _LENGTHS.size + size + image
                yield said, file.read(image) if images else b""
                if not images:
                    file.seek(position)

    def _records(self, part: Part) -> Path:
        return self.folder / f"{part.name}.records"


def _end(file: BinaryIO, size: int) -> int | None:
    """Finds where the entries end; None if the file is not whole, as after a power failure."""
    if size < _END.size:
        return None
    file.seek(size - _END.size)
    end, whole = _END.unpack(file.read(_END.size))
    return end if whole == size else None


def _change(path: Path) -> int:
    """When a file changed or came, in nanoseconds; -1 if it is not there."""
    try:
        stat = path.stat()
    except OSError:
        return -1
    return max(stat.st_mtime_ns, stat.st_ctime_ns)


def _packed(item: Example | Bad) -> bytes:
    if isinstance(item, Bad):
        said, image = {"reason": item.reason, "where": item.where, "counts": item.counts}, b""
    else:
        numbers = {name: value for name, value in item.features.items() if name != "image"}
        said, image = {"group": item.group, "split": item.split, "features": numbers}, item.features["image"]
    description = json.dumps({"id": item.id, "file": item.file, **said}).encode()
    return _LENGTHS.pack(len(description), len(image)) + description + image


def _unpacked(said: dict, image: bytes) -> Example | Bad:
    if "reason" in said:
        return Bad(**said)
    return Example(**{**said, "features": {**said["features"], "image": image}})
