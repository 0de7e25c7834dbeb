"""The folder that a user gives, and the files in it."""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Iterator
from pathlib import Path

from keras_sketch.curation.image_header import MAX_BYTES
from keras_sketch.errors import BadDataError, KerasSketchError, MissingDataError


@contextlib.contextmanager
def reading(path: Path | str) -> Iterator[None]:
    """Names the file or folder in a refusal of the operating system while the body reads it.

    Args:
        path: What is read; named if the refusal itself names nothing.

    Raises:
        MissingDataError: In place of an `OSError`; errors that are written for the user pass.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, KerasSketchError):
            raise
        raise MissingDataError(f"Cannot read {error.filename or path}: {error.strerror}.") from error


def read_image_file(path: Path) -> bytes:
    """Reads a file that should be an image: no more of it than an image may have, and nothing that never ends.

    Raises:
        OSError: The operating system refuses.
        BadDataError: It is a pipe or a device, or too large; the reason names no file.
    """
    found = path.stat()
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        raise BadDataError("not a file but a pipe or device")
    if found.st_size > MAX_BYTES:
        raise BadDataError(f"the file has {found.st_size >> 20} MiB, more than {MAX_BYTES >> 20}")
    return path.read_bytes()


def existing_folder(folder: Path | str) -> Path:
    """Checks that a folder that the user gave is there and not empty.

    Args:
        folder: The folder.

    Returns:
        Its path, `~` expanded.

    Raises:
        MissingDataError: If it is not there, not a folder, empty, or cannot be read.
    """
    path = Path(folder).expanduser()
    with reading(path):
        if not path.is_dir():
            what = "is a file" if path.exists() else "does not exist"
            raise MissingDataError(f"The folder {path} (manual_dir) {what}.")
        if not any(path.iterdir()):
            raise MissingDataError(f"The folder {path} (manual_dir) is empty.")
    return path
