"""The folder that a user gives."""

from __future__ import annotations

from pathlib import Path

from keras_sketch.errors import MissingDataError


def existing_folder(folder: Path | str) -> Path:
    """Checks that a folder that the user gave is there and not empty.

    Args:
        folder: The folder.

    Returns:
        Its path, `~` expanded.

    Raises:
        MissingDataError: If it is not there, not a folder, or empty.
    """
    path = Path(folder).expanduser()
    if not path.is_dir():
        raise MissingDataError(f"The folder {path} (manual_dir) {'is a file' if path.exists() else 'does not exist'}.")
    if not any(path.iterdir()):
        raise MissingDataError(f"The folder {path} (manual_dir) is empty.")
    return path
