"""Images that wait on disk until it is known what all of them are."""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterator
from pathlib import Path


class Spool:
    """Pieces of bytes in a temporary file, read back in the order in which they were put in; a context manager."""

    def __init__(self, folder: Path):
        """Starts an empty spool.

        Args:
            folder: An existing folder on a disk that has room for the pieces.
        """
        self._file = tempfile.TemporaryFile(dir=folder)
        self._lengths = array("Q")

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *raised: object) -> None:
        self._file.close()

    def add(self, piece: bytes) -> None:
        """Puts a piece at the end."""
        self._file.write(piece)
        self._lengths.append(len(piece))

    def __iter__(self) -> Iterator[bytes]:
        self._file.seek(0)
        for length in self._lengths:
            yield self._file.read(length)
