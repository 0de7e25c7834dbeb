"""Writing files so that a reader, or the next run, sees the old one or the new one and nothing between."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str], mode: str = "w") -> Iterator[IO]:
    """Opens a temporary sibling for writing; when the block ends well it is flushed to disk and takes the name `path`.

    Args:
        path: The file to create or replace.
        mode: `"w"` (UTF-8, newlines as written) or `"wb"`.

    Raises:
        OSError: As the file system says, with the name `path`; that file is then as it was before.
    """
    path = Path(path)
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
    with temporary_sibling(path) as temporary:
        with temporary.open(mode, **text) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _flush_folder(path.parent)


@contextlib.contextmanager
def temporary_sibling(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives a path beside `path`, on the same disk and with the same suffix, and removes what is left there at the end.

    For writers that take a path: let them write there, then rename.

    Raises:
        OSError: As the file system says; one about the temporary path names `path` instead.
    """
    path = Path(path)
    folder = None
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        yield folder / path.name
    except OSError as error:
        if not _is_below(error.filename, path.with_name(f".{path.name}.")):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _flush_folder(folder: Path) -> None:
    """Lets a file's new name outlive a power failure, where the system knows how."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _is_below(name: object, prefix: Path) -> bool:
    """Whether an error's file name begins with this path, relative or not."""
    return isinstance(name, str | Path) and os.path.abspath(name).startswith(os.path.abspath(prefix))
