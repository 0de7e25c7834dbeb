"""Where views were taken: in their files' names, `<latitude>_<longitude>_v<k>.jpg`, or in a table of the user's."""

from __future__ import annotations

import csv
import dataclasses
import logging
import re
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

from keras_sketch.curation.folders import reading
from keras_sketch.curation.manifest import Manifest
from keras_sketch.errors import BadDataError

log = logging.getLogger(__name__)

Point = tuple[float, float]
"""Latitude and longitude in degrees."""

_NUMBER = r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?"
_NAME = re.compile(rf"(?P<latitude>{_NUMBER})_(?P<longitude>{_NUMBER})_v\d+\.\w+", re.IGNORECASE)
_DELIMITERS = ",;\t"
_COLUMNS = {
    "file": ("file", "filename", "file_name", "image", "path"),
    "latitude": ("latitude", "lat"),
    "longitude": ("longitude", "lng", "lon", "long"),
}


def named_point(file: str) -> Point | None:
    """Reads a view's coordinates from its file's name; None if the name has none.

    Raises:
        BadDataError: The name has some, and they are not on Earth.
    """
    match = _NAME.fullmatch(file)
    return match and _point(match["latitude"], match["longitude"])


def _point(latitude: str, longitude: str) -> Point:
    try:
        point = float(latitude), float(longitude)
    except ValueError as error:
        raise BadDataError(f"latitude {latitude!r} and longitude {longitude!r} are not both numbers") from error
    for name, value, limit in (("latitude", point[0], 90), ("longitude", point[1], 180)):
        if not abs(value) <= limit:
            raise BadDataError(f"the {name} {value:g} is not in -{limit}..{limit}")
    return point


@dataclasses.dataclass(frozen=True)
class Table:
    """A CSV file with a row for a view.

    Attributes:
        path: The file.
        columns: The numbers of the columns with file, latitude and longitude.
        delimiter: What stands between columns; where it is not a comma, numbers may have a decimal comma.
    """

    path: Path
    columns: tuple[int, int, int]
    delimiter: str = ","

    def points(self, names: Collection[str], manifest: Manifest) -> dict[str, Point]:
        """Reads the views' coordinates.

        Args:
            names: All the views that are there, as `<folder>/<file>`.
            manifest: Where rows go that are about no view, have no coordinates, or contradict an earlier row.

        Returns:
            Coordinates by view, for those that have a usable row.
        """
        by_file = Counter(name.split("/")[-1] for name in names)
        unique = {name.split("/")[-1]: name for name in names if by_file[name.split("/")[-1]] == 1}
        known, points = set(names), {}
        for number, row in self._rows():
            try:
                name, point = self._read(row, known, unique, by_file)
                if points.setdefault(name, point) != point:
                    raise BadDataError(f"{name} is in an earlier row with other coordinates, which are used")
            except BadDataError as error:
                manifest.add_note(self.path.name, f"line {number}", str(error))
        return points

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        with reading(self.path), self.path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            reader = csv.reader(file, delimiter=self.delimiter)
            next(reader)
            try:
                yield from ((reader.line_num, row) for row in reader if row)
            except csv.Error as error:
                raise BadDataError(f"{self.path}, line {reader.line_num}: {error}.") from error

    def _read(self, row: list[str], known: set[str], unique: dict[str, str], by_file: Counter) -> tuple[str, Point]:
        if len(row) <= max(self.columns):
            raise BadDataError("the row is shorter than the first line")
        text, latitude, longitude = (row[column].strip() for column in self.columns)
        parts = text.replace("\\", "/").split("/")
        name = "/".join(parts[-2:]) if len(parts) > 1 else unique.get(text, text)
        if name not in known:
            several = f"{by_file[text]} views are called {text}: write <Country>/{text}"
            raise BadDataError(several if by_file[text] > 1 else f"there is no view {text}")
        if self.delimiter != ",":
            latitude, longitude = latitude.replace(",", "."), longitude.replace(",", ".")
        return name, _point(latitude, longitude)


def find_table(folders: Collection[Path]) -> Table | None:
    """Finds the table among the CSV files of some folders; None if none has the columns.

    Raises:
        BadDataError: Two have them.
        MissingDataError: A CSV file cannot be read.
    """
    paths = dict.fromkeys(path for folder in folders for path in sorted(folder.glob("*.csv")) if path.is_file())
    tables = []
    for path in paths:
        table = _table(path)
        if table is None:
            log.warning("%s is not used: its first line does not name columns file, latitude and longitude.", path)
        else:
            tables.append(table)
    if len(tables) > 1:
        raise BadDataError(f"Coordinates are in {tables[0].path} and in {tables[1].path}. Leave one of them there.")
    return tables[0] if tables else None


def _table(path: Path) -> Table | None:
    with reading(path), path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        first = file.readline()
    delimiter = max(_DELIMITERS, key=first.count)
    names = [name.strip().lower() for name in next(csv.reader([first], delimiter=delimiter), [])]
    found = [next((names.index(name) for name in choices if name in names), None) for choices in _COLUMNS.values()]
    return None if None in found else Table(path, tuple(found), delimiter)
