"""Lines on disk, spread by the image that they are about, so that those of few images at a time are in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tfds_builders.gldv2.layout import DIGITS

PREFIXES = tuple(first + second for first in DIGITS for second in DIGITS)
"""The first two digits that an id can have."""

# Ids become SQLite's integers, which are signed, in the same order.
_OFFSET = 1 << 63
# Some 5 MB of lines.
_HELD = 30_000


def key_of(image: str) -> int:
    """Gives the number under which the index has an image of this id."""
    return int(image, 16) - _OFFSET


def id_of(key: int) -> str:
    """Gives the id of the image that the index has under a number."""
    return f"{key + _OFFSET:016x}"


class Buckets:
    """256 lists of lines, one for each pair of digits that an image's id begins with."""

    def __init__(self, folder: Path):
        """Starts empty lists.

        Args:
            folder: Where the files go; created. Who asked for it removes it.
        """
        folder.mkdir()
        self._folder = folder
        self._buffers: dict[str, list[str]] = {prefix: [] for prefix in PREFIXES}
        self._held = 0

    def add(self, image: str, rest: str = "") -> None:
        """Adds a line.

        Args:
            image: An image's id.
            rest: What else the line says; without line breaks.
        """
        self._buffers[image[:2]].append(f"{image} {rest}\n")
        self._held += 1
        if self._held >= _HELD:
            self._spill()

    def read(self, prefix: str) -> Iterator[list[str]]:
        """Yields id and rest of the lines of a prefix, in the order in which they were added."""
        self._spill()
        path = self._folder / prefix
        if path.exists():
            with path.open(encoding="utf-8", newline="\n") as file:
                for line in file:
                    yield line[:-1].split(" ", 1)

    def _spill(self) -> None:
        for prefix, lines in self._buffers.items():
            if lines:
                with (self._folder / prefix).open("a", encoding="utf-8", newline="\n") as file:
                    file.writelines(lines)
                lines.clear()
        self._held = 0
