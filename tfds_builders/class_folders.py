"""A user's folder with a sub-folder for each class: what is in it, and names that can be written to a file."""

from __future__ import annotations

from pathlib import Path

from tfds_builders.image_files import is_clutter


def as_text(path: str) -> str:
    """Gives a path as text that can be written to a file; bytes that are not UTF-8 become escapes."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def sub_folders(folder: Path) -> list[Path]:
    """Lists the folders in a folder, sorted by name, the operating system's left out."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and not is_clutter(path.name))


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
