"""The authors' lists: the photos held back for the test, and the sketches that reviewers called invalid."""

from __future__ import annotations

import collections
import dataclasses
import logging
import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from keras_sketch.errors import BadDataError, MissingDataError
from tfds_builders.sketchy import HOMEPAGE, archives
from tfds_builders.sketchy.renderings import find_archives

log = logging.getLogger(__name__)

INVALID = ("ambiguous", "context", "error", "pose")
"""The reasons for which reviewers called a sketch invalid, as in the names of the lists."""

TEST_LIST = "testset.txt"

_TEST_PHOTO = re.compile(r"(?P<name>[^/]+/n\d{8}_\d+)\.jpg")
_SKETCH = re.compile(r"(?:[^/]+/)?(?P<name>n\d{8}_\d+-\d+)(?:\.png)?")


@dataclasses.dataclass(frozen=True)
class NameList:
    """One list.

    Attributes:
        label: The file as messages name it, relative to the manual folder.
        lines: Line numbers, from 1, by what is named there: `<class>/<photo>` in the list of test photos, a sketch's id
            in the others.
    """

    label: str
    lines: Mapping[str, int]


def invalid_list(reason: str) -> str:
    """Gives the file name of the list of sketches that are invalid for a reason of `INVALID`."""
    return f"invalid-{reason}.txt"


def list_files(manual_dir: Path) -> list[Path]:
    """Lists the files and archives in a manual folder that `read_list` would read."""
    places = (_find(manual_dir, file) for file in (TEST_LIST, *map(invalid_list, INVALID)))
    return sorted({container / ("" if container.is_file() else name) for container, name in filter(None, places)})


def read_list(manual_dir: Path, file: str) -> NameList | None:
    """Reads a list from `info/`, at most two folders deep, or else from an archive.

    Args:
        manual_dir: The manual folder.
        file: `TEST_LIST`, or what `invalid_list` gives.

    Returns:
        The list, or None if it is not there.

    Raises:
        BadDataError: A line names neither a photo nor a sketch; says which line.
    """
    place = _find(manual_dir, file)
    if place is None:
        return None
    container, name = place
    label = (container / name).relative_to(manual_dir).as_posix()
    pattern = _TEST_PHOTO if file == TEST_LIST else _SKETCH
    lines: dict[str, int] = {}
    for number, text in enumerate(_text(container, name).splitlines(), start=1):
        match = pattern.fullmatch(text.strip())
        if match:
            lines.setdefault(match["name"], number)
        elif text.strip():
            expected = "<class>/<wnid>_<photo>.jpg" if file == TEST_LIST else "<wnid>_<photo>-<number>"
            raise BadDataError(f"{label}, line {number}: {text.strip()[:80]!r} is not {expected}. Get the list again.")
    return NameList(label, lines)


def require_list(manual_dir: Path, file: str, purpose: str) -> NameList:
    """Reads a list that is needed.

    Args:
        manual_dir: The manual folder.
        file: As for `read_list`.
        purpose: What needs it, the beginning of a sentence.

    Raises:
        MissingDataError: It is not there; says where to get it and where to put it.
        BadDataError: As `read_list`.
    """
    found = read_list(manual_dir, file)
    if found is None:
        raise MissingDataError(
            f"{purpose} needs the list {file}, and {manual_dir} has none. It is in `info-06-04.7z` from "
            f"{HOMEPAGE}: put that into the folder, or the list into {manual_dir / 'info'}."
        )
    return found


class InvalidSketches:
    """What the lists of invalid sketches say of each sketch."""

    def __init__(self, lists: Mapping[str, NameList]):
        """Combines lists.

        Args:
            lists: Those that are there, by reason.
        """
        self._reasons: dict[str, tuple[str, ...]] = {}
        self._places: dict[str, dict[str, str]] = collections.defaultdict(dict)
        self._otherwise = "none" if set(lists) == set(INVALID) else "unknown"
        self._missing: list[str] = []
        for reason, names in sorted(lists.items()):
            for sketch, line in names.lines.items():
                self._reasons[sketch] = (*self._reasons.get(sketch, ()), reason)
                self._places[sketch.rsplit("-", 1)[0]].setdefault(sketch, f"{names.label}, line {line}")

    def reasons(self, sketch: str) -> tuple[str, ...]:
        """Gives the reasons for which a sketch is on a list, sorted."""
        return self._reasons.get(sketch, ())

    def described(self, sketch: str) -> str:
        """Gives the reasons as the feature `invalid`: with commas; `"none"`, or `"unknown"` if a list is missing."""
        return ", ".join(self.reasons(sketch)) or self._otherwise

    def note_missing(self, sketches: Iterable[tuple[str, str]]) -> None:
        """Notes the listed sketches that are not there though others of the same photo are.

        Args:
            sketches: Id and photo of every sketch of a class.
        """
        there = collections.defaultdict(set)
        for sketch, photo in sketches:
            there[photo].add(sketch)
        for photo, ids in there.items():
            listed = self._places.get(photo, {})
            self._missing += [f"{place}: {sketch}" for sketch, place in listed.items() if sketch not in ids]

    def warn(self) -> None:
        """Names what `note_missing` found: it changes nothing, but the lists are of another set of sketches."""
        if self._missing:
            more = f"; and {len(self._missing) - 1} more" if len(self._missing) > 1 else ""
            log.warning("A list names sketches that are not there: %s%s.", self._missing[0], more)


def _find(manual_dir: Path, file: str) -> tuple[Path, str] | None:
    """Finds a list: the manual folder or an archive in it, and the path inside that."""
    for pattern in (f"info/{file}", f"*/info/{file}", f"*/*/info/{file}", file):
        for path in sorted(manual_dir.glob(pattern)):
            return manual_dir, path.relative_to(manual_dir).as_posix()
    for archive in find_archives(manual_dir):
        for member in archives.member_names(archive):
            if member == file or f"/{member}".endswith(f"/info/{file}"):
                return archive, member
    return None


def _text(container: Path, name: str) -> str:
    if not container.is_file():
        return (container / name).read_text(encoding="utf-8", errors="replace")
    with tempfile.TemporaryDirectory() as folder:
        archives.extract(container, [name], Path(folder))
        return (Path(folder) / name).read_text(encoding="utf-8", errors="replace")
