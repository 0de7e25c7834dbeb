"""Writing files so that a reader, or the next run, sees the old one or the new one and nothing between; locks."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

_WAIT_SECONDS = 0.2


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


@contextlib.contextmanager
def locked(path: Path, poll: Callable[[], None] | None = None, waiting: str = "") -> Iterator[None]:
    """Holds a lock file, which is gone afterwards; a process that dies lets go of it.

    Args:
        path: The file, in a folder that is there.
        poll: Called now and then while another process holds the lock; None: it is not waited for.
        waiting: What is printed, once, where it is.

    Raises:
        BlockingIOError: Another process holds it, and there is no `poll`.
        OSError: The folder may not be written to.
    """
    file = _lock_file(path, poll, waiting)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
        file.close()


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


def _lock_file(path: Path, poll: Callable[[], None] | None, waiting: str) -> IO:
    said = False
    while True:
        file = _open_lock(path)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_still(file, path):
                return file
            file.close()
        except BlockingIOError:
            file.close()
            if poll is None:
                raise
            if not said:
                print(waiting, flush=True)
            said = True
            poll()
            time.sleep(_WAIT_SECONDS)
        except BaseException:
            file.close()
            raise


def _open_lock(path: Path) -> IO:
    try:
        return path.open("a")
    except PermissionError:
        if not path.exists():
            raise
        # Another account's, which can be locked all the same.
        return path.open()


def _is_still(file: IO, path: Path) -> bool:
    """Whether the file that was locked still has its name: the one who held the lock before has removed it."""
    try:
        return os.fstat(file.fileno()).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False
