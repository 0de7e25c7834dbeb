"""The wanted images on disk: which they are, of which landmark and series; made once from the lists, read anywhere."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

from keras_sketch.errors import MissingDataError
from tfds_builders.gldv2.buckets import PREFIXES, Buckets, id_of, key_of
from tfds_builders.gldv2.choice import choose
from tfds_builders.gldv2.config import Gldv2Config
from tfds_builders.gldv2.layout import Source

NO_LANDMARK = -1
"""Label and landmark of a distractor."""

_TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -4096;
CREATE TABLE images (id INTEGER PRIMARY KEY, landmark INTEGER, line INTEGER, series TEXT, choice REAL);
CREATE TABLE distractors (id INTEGER PRIMARY KEY, landmark INTEGER, line INTEGER, series TEXT);
CREATE TABLE classes (landmark INTEGER PRIMARY KEY, label INTEGER, number INTEGER);
CREATE TABLE bad (file TEXT, line INTEGER, landmark INTEGER, reason TEXT);
CREATE TABLE lists (subset TEXT, file TEXT);
"""


@dataclasses.dataclass(frozen=True)
class Bad:
    """What cannot be used, for the manifest.

    Attributes:
        file: The file, relative to the source folder.
        where: The place in it.
        reason: Why.
        counts: False for what is odd but costs no example (`Manifest.add_note`).
        id: The image's, if it is known; empty otherwise.
    """

    file: str
    where: str
    reason: str
    counts: bool = True
    id: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """A wanted image.

    Attributes:
        id: 16 hexadecimal digits.
        landmark: Its landmark's id; `NO_LANDMARK` for a distractor.
        label: Its class's number; `NO_LANDMARK` for a distractor.
        line: Where it is in its list.
        group: The series that it belongs to.
    """

    id: str
    landmark: int
    label: int
    line: int
    group: str


@dataclasses.dataclass(frozen=True)
class Wanted:
    """The index of the wanted images and how they are stored. Opened when first asked; can be pickled and copied.

    Attributes:
        path: The index.
        side: In pixels; images whose shorter side is longer are stored smaller.
        quality: Of the JPEGs that are encoded anew, 1 to 100.
    """

    path: str
    side: int = 128
    quality: int = 95

    def __reduce__(self):
        return type(self), (self.path, self.side, self.quality)

    @functools.cached_property
    def _index(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{quote(self.path)}?mode=ro&immutable=1", uri=True, check_same_thread=False)

    @functools.cached_property
    def _labels(self) -> dict[int, int]:
        return {NO_LANDMARK: NO_LANDMARK, **dict(self._index.execute("SELECT landmark, label FROM classes"))}

    @functools.cached_property
    def lists(self) -> dict[str, str]:
        """What the manifest calls the lists that name the images, by subset."""
        return dict(self._index.execute("SELECT subset, file FROM lists"))

    @property
    def class_names(self) -> list[str]:
        """The wanted landmarks' ids as text, in the order of the labels."""
        return [str(landmark) for (landmark,) in self._index.execute("SELECT landmark FROM classes ORDER BY label")]

    @property
    def total(self) -> int:
        """How many images are wanted, distractors included."""
        [(total,)] = self._index.execute(
            "SELECT (SELECT coalesce(sum(number), 0) FROM classes) + (SELECT count(*) FROM distractors)"
        )
        return total

    def find(self, image: str, subset: str = "train") -> Row | None:
        """Looks an image up.

        Args:
            image: 16 hexadecimal digits.
            subset: `"train"`, or `"test"` for the distractors.

        Returns:
            Its row; None if it is not wanted.
        """
        sql = f"SELECT id, landmark, line, series FROM {_table(subset)} WHERE id = ?"
        found = self._index.execute(sql, [key_of(image)]).fetchone()
        return found and self._row(found)

    def of_prefix(self, prefix: str, subset: str = "train") -> Iterator[Row]:
        """Yields the wanted images whose ids begin with two digits, by id."""
        sql = f"SELECT id, landmark, line, series FROM {_table(subset)} WHERE id BETWEEN ? AND ? ORDER BY id"
        rows = self._index.execute(sql, (key_of(prefix + 14 * "0"), key_of(prefix + 14 * "f")))
        return filter(None, map(self._row, rows))

    def has(self, prefix: str, subset: str) -> bool:
        """Tells whether an image is wanted whose id begins with two digits."""
        return next(self.of_prefix(prefix, subset), None) is not None

    def bad(self) -> Iterator[Bad]:
        """Yields the rows of the lists that cannot be used; those of landmarks that are not wanted do not count."""
        for file, line, landmark, reason in self._index.execute("SELECT * FROM bad ORDER BY rowid"):
            yield Bad(file, f"line {line}", reason, landmark is None or landmark in self._labels)

    def unseen(self, images: Iterable[str], subset: str, folder: Path) -> Iterator[Bad]:
        """Yields the wanted images that were found nowhere.

        Args:
            images: The ids of those that were found.
            subset: `"train"` or `"test"`.
            folder: Where temporary files may be written.
        """
        with tempfile.TemporaryDirectory(prefix="seen-", dir=folder) as scratch:
            buckets = Buckets(Path(scratch) / "ids")
            for image in images:
                buckets.add(image)
            for prefix in PREFIXES:
                seen = {image for image, _ in buckets.read(prefix)}
                for row in self.of_prefix(prefix, subset):
                    if row.id not in seen:
                        yield Bad(self.lists[subset], f"line {row.line}", f"the image {row.id} is in no tar", id=row.id)

    def _row(self, found: tuple[int, int, int, str]) -> Row | None:
        key, landmark, line, series = found
        if (label := self._labels.get(landmark)) is None:
            return None
        image = id_of(key)
        return Row(image, landmark, label, line, f"{landmark}/{series}" if series else image)


def make_index(source: Source, config: Gldv2Config, path: Path) -> Wanted:
    """Reads the lists and writes the index of what a config wants of them, unless it is there.

    Args:
        source: Where the lists are.
        config: Says what is wanted.
        path: The index, in an existing folder with room for temporary files as large as the lists.

    Returns:
        What is wanted.

    Raises:
        UnknownNameError: For a class that is not in the list.
        MissingDataError: A list cannot be read, or the index not written.
        BadDataError: Fewer than two classes are left, or lists do not fit together.
    """
    wanted = Wanted(str(path), config.side)
    if path.exists():
        return wanted
    partial = path.with_name(f"{path.name}.part")
    partial.unlink(missing_ok=True)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="lists-", dir=path.parent) as scratch,
            contextlib.closing(sqlite3.connect(partial)) as index,
        ):
            index.executescript(_TABLES)
            choose(source, config, Path(scratch), index)
            index.commit()
    except sqlite3.OperationalError as error:  # A full disk, above all.
        raise MissingDataError(f"Cannot write {partial}: {error}.") from error
    os.replace(partial, path)
    return wanted


def _table(subset: str) -> str:
    return "images" if subset == "train" else "distractors"
