"""The manifest of bad examples: what could not be used, where it was, and why; and what else is odd in a source."""

from __future__ import annotations

import csv
import os
import shutil
from pathlib import Path
from types import TracebackType

from keras_sketch.errors import BadDataError, InvalidArgumentError

FILE_NAME = "bad_examples.csv"
COLUMNS = ("file", "where", "reason")
# How many bad examples an error message shows; the CSV file holds all.
SHOWN = 3


class Manifest:
    """Counts the examples seen, writes down the bad ones as they come, and stops a preparation with too many.

    The list goes to a file at once, not to memory, so that it survives a preparation that fails or is interrupted and
    its length does not matter. A context manager: leaving it closes the file, and removes it if the
    preparation failed for another reason and there is nothing in it.

    Attributes:
        path: The CSV file (columns `file`, `where`, `reason`) that is being written.
        seen: Number of examples seen, good and bad.
        bad: Number of bad ones.
        notes: Number of rows that name no bad example.
    """

    def __init__(self, path: Path | str, max_bad: float = 0.01):
        """Starts an empty manifest, replacing one that an earlier attempt left.

        Args:
            path: The CSV file to write; its folder is created.
            max_bad: Largest share of bad examples that is accepted, 0 to 1.

        Raises:
            InvalidArgumentError: If `max_bad` is not in 0..1.
        """
        if not 0 <= max_bad <= 1:
            raise InvalidArgumentError("max_bad", "a share between 0 and 1", max_bad)
        self.path = Path(path)
        self.max_bad = max_bad
        self.seen = 0
        self.bad = 0
        self.notes = 0
        self._first: list[str] = []
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("w", newline="", encoding="utf-8")
        self._rows = csv.writer(self._file)
        self._rows.writerow(COLUMNS)

    def __enter__(self) -> Manifest:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()
        if error is not None and not self.bad and not self.notes:
            self.path.unlink(missing_ok=True)

    def add_good(self, count: int = 1) -> None:
        """Counts examples that can be used.

        Args:
            count: How many.
        """
        self.seen += count

    def add_bad(self, file: str | os.PathLike, where: str, reason: str) -> None:
        """Counts and names an example that cannot be used.

        Args:
            file: The file that holds it, relative to the dataset's source folder.
            where: Its place in the file, e.g. `"line 12"` or `"row 7"`; empty if the file is the example.
            reason: Why it cannot be used.
        """
        self.seen += 1
        self._name(file, where, reason)

    def recall(self, file: str | os.PathLike, where: str, reason: str) -> None:
        """Counts and names an example as bad that `add_good` has counted before.

        Args:
            file: The file that holds it, relative to the dataset's source folder.
            where: Its place in the file.
            reason: Why it cannot be used after all.
        """
        self._name(file, where, reason)

    def add_note(self, file: str | os.PathLike, where: str, reason: str) -> None:
        """Names something odd in the source that costs no example, and so does not count.

        Args:
            file: The file, relative to the dataset's source folder.
            where: The place in the file.
            reason: What is odd about it.
        """
        self.notes += 1
        self._rows.writerow((os.fspath(file), where, reason))

    def _name(self, file: str | os.PathLike, where: str, reason: str) -> None:
        self.bad += 1
        self._rows.writerow((os.fspath(file), where, reason))
        if len(self._first) < SHOWN:
            self._first.append(f"{os.fspath(file)}{', ' if where else ''}{where}: {reason}")

    def check(self) -> None:
        """Stops the preparation when too many examples are bad.

        Raises:
            BadDataError: If the share of bad examples is over `max_bad`: the counts, the first few with file, place
                and reason, and where the full list is.
        """
        if self.bad <= self.max_bad * self.seen:
            return
        self._file.flush()
        more = f"; and {self.bad - SHOWN} more" if self.bad > SHOWN else ""
        raise BadDataError(
            f"{self.bad} of {self.seen} examples {'is' if self.bad == 1 else 'are'} bad, which is more than the "
            f"accepted {self.max_bad:.1%}: {'; '.join(self._first)}{more}. The full list is in {self.path}. "
            "Mend or remove them, or accept a larger share (`--max-bad`)."
        )

    def move_to(self, folder: Path | str) -> Path:
        """Ends the manifest and puts it beside the data it belongs to.

        Args:
            folder: The prepared dataset's folder.

        Returns:
            The file's new path, `bad_examples.csv` in `folder`. It has no rows if every example was good and
            nothing was noted.
        """
        self._file.close()
        self.path = Path(shutil.move(self.path, Path(folder) / FILE_NAME))
        return self.path
