"""A folder with a sub-folder for each class, or an archive of one: what is in it, and names that can be written."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

from tfds_builders.image_files import is_clutter


def as_text(path: str) -> str:
    """Gives a path as text that can be written to a file; bytes that are not UTF-8 become escapes."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def sub_folders(folder: Path) -> list[Path]:
    """Lists the folders in a folder, sorted by name, the operating system's left out."""
    with os.scandir(folder) as entries:
        return sorted(folder / entry.name for entry in entries if entry.is_dir() and not is_clutter(entry.name))


def file_names(folder: Path) -> tuple[str, ...]:
    """Lists the names of what is in a folder, sorted, the operating system's left out."""
    return tuple(sorted(path.name for path in folder.iterdir() if not is_clutter(path.name)))


def files_below(folder: Path, above: tuple[Path, ...] = ()) -> list[Path]:
    """Lists the files below a class's folder, sub-folders included, sorted by path; links back to `above` end it."""
    above = (*above, folder.resolve())
    found = []
    for path in sorted(folder.iterdir()):
        if is_clutter(path.name):
            continue
        if not path.is_dir():
            found.append(path)
        elif path.resolve() not in above:
            found.extend(files_below(path, above))
    return found


@dataclasses.dataclass(frozen=True)
class ClassTree:
    """A published dataset's files by class, extracted or packed.

    Attributes:
        container: The manual folder, or an archive.
        root: Path in the container of the folder that has a folder for each class; `""` for the container itself.
        files: The files' names by class, sorted, the operating system's left out.
    """

    container: Path
    root: str
    files: Mapping[str, tuple[str, ...]]

    @property
    def is_archive(self) -> bool:
        """Whether the files lie in an archive."""
        return self.container.is_file()

    def place(self, name: str, file: str = "") -> str:
        """Names a class's folder or a file in it, as messages do: from the manual folder on."""
        path = as_text(f"{self.root}/{name}/{file}".strip("/"))
        return f"{self.container.name}/{path}" if self.is_archive else path
