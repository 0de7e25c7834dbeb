"""Arrays on a disk, each set under a key that says all they depend on; needs NumPy alone.

A set appears under its key in one step, when it is whole. Several processes may want the same one at once: the first
fills it, the others wait and read. One that was killed while it filled leaves a folder `KEY.part`, which the next
process that fills anything removes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import math
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO

import numpy as np

from keras_sketch.errors import BadDataError
from keras_sketch.files import locked

_RESERVE = 1e9
_LARGEST = float(np.finfo("float16").max)
# Below 6e-5 float16 has steps of 6e-8: for numbers of this size still a tenth of those that it has above.
_TYPICAL = 1e-3

Batches = Iterable[tuple[Sequence[np.ndarray], np.ndarray]]


@dataclasses.dataclass(frozen=True, eq=False)
class StoredArrays:
    """One set: arrays that are read from the disk as they are used, and labels.

    Attributes:
        folder: Where they are.
        arrays: float16 or float32 `[N, ...]` each.
        labels: int64 `[N]`.
        num_bytes: Of all the files together.
    """

    folder: Path
    arrays: tuple[np.ndarray, ...]
    labels: np.ndarray
    num_bytes: int


@dataclasses.dataclass(frozen=True, eq=False)
class WantedArrays:
    """A set to be read, or to be filled where it is not there.

    Attributes:
        key: What names it.
        shapes: Of the arrays: (N, ...).
        dtypes: "float32" or "float16" for each array. All become float32 where a number is too large for float16, or a
            batch of them too small to keep its precision.
        make_batches: Gives the N rows of each array, float32, and of the labels, integers, in batches; may be called
            twice.
        about: Written beside the arrays, for people.
    """

    key: str
    shapes: Sequence[tuple[int, ...]]
    dtypes: Sequence[str]
    make_batches: Callable[[], Batches]
    about: dict = dataclasses.field(default_factory=dict)

    @property
    def num_bytes(self) -> int:
        """Of the arrays together."""
        pairs = zip(self.shapes, self.dtypes, strict=True)
        return sum(math.prod(shape) * np.dtype(dtype).itemsize for shape, dtype in pairs)


class FeatureStore:
    """The sets in one folder.

    Args:
        root: The folder; made when it is needed.
        poll: Called now and then while another process is waited for; it may raise.
    """

    def __init__(self, root: Path, poll: Callable[[], None] = lambda: None):
        self.root, self._poll = root, poll

    def read(self, key: str) -> StoredArrays | None:
        """Returns a set that is there and whole: each file as long as it was when it was written."""
        folder = self.root / key
        try:
            sizes = json.loads((folder / "store.json").read_text())["files"]
            if any((folder / name).stat().st_size != size for name, size in sizes.items()):
                return None
            names = sorted(name for name in sizes if name != "labels.npy")
            arrays = tuple(np.load(folder / name, mmap_mode="r") for name in names)
            return StoredArrays(folder, arrays, np.load(folder / "labels.npy"), sum(sizes.values()))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def read_or_fill(self, wanted: Sequence[WantedArrays]) -> list[StoredArrays]:
        """Returns sets that are of use together, filling those first that are not there, or damaged.

        Raises:
            OSError: The folder cannot be written or read, or has too little room for all that are not there and a
                gigabyte, for what else is to be written. Then none that was made by this call is left.
            BadDataError: There are more or fewer rows than were announced.
            Exception: What the batches or `poll` raise; sets that are whole stay.
        """
        made: list[str] = []
        try:
            return [self._read_or_fill(each, wanted, made) for each in wanted]
        except OSError:
            for key in made:
                self._remove(key, self.root / key)
            raise

    def _read_or_fill(self, one: WantedArrays, wanted: Sequence[WantedArrays], made: list[str]) -> StoredArrays:
        found = self.read(one.key)
        if found:
            return found
        self.root.mkdir(parents=True, exist_ok=True)
        with locked(self._lock(one.key), self._poll, "Another process is storing the same features: waiting for it."):
            found = self.read(one.key)
            if found:
                return found
            if (self.root / one.key).exists():
                print(f"{self.root / one.key} is damaged: computing it again.", flush=True)
                shutil.rmtree(self.root / one.key)
            for part in self.root.glob("*.part"):
                self._remove(part.stem, part)
            _check_room(self.root, sum(each.num_bytes for each in wanted if not self.read(each.key)))
            try:
                self._fill(one)
            except _UnsuitedError:
                exact = dataclasses.replace(one, dtypes=["float32"] * len(one.shapes))
                _check_room(self.root, exact.num_bytes)
                self._fill(exact)
            made.append(one.key)
            filled = self.read(one.key)
        if filled is None:
            raise OSError(errno.EIO, "What was written cannot be read", str(self.root / one.key))
        return filled

    def _fill(self, wanted: WantedArrays) -> None:
        part = self.root / f"{wanted.key}.part"
        shutil.rmtree(part, ignore_errors=True)
        try:
            part.mkdir()
            _write(part, wanted.shapes, wanted.dtypes, wanted.make_batches())
            sizes = {file.name: file.stat().st_size for file in part.iterdir()}
            with (part / "store.json").open("w", encoding="utf-8") as file:
                json.dump({**wanted.about, "files": sizes}, file, indent=1)
                _flush(file)
            part.rename(self.root / wanted.key)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise

    def _lock(self, key: str) -> Path:
        return self.root / f"{key}.lock"

    def _remove(self, key: str, folder: Path) -> None:
        """Removes what belongs to a key, unless a process is filling it, or another account owns it."""
        with contextlib.suppress(OSError), locked(self._lock(key)):
            shutil.rmtree(folder, ignore_errors=True)


class _UnsuitedError(Exception):
    """Numbers would be lost in float16."""


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed + _RESERVE > free:
        besides = f"beside {_size(_RESERVE)} for checkpoints"
        reason = f"No room: {_size(needed)} are needed {besides}, {_size(free)} are free"
        raise OSError(errno.ENOSPC, reason, str(folder))


def _size(count: float) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"


def _write(folder: Path, shapes, dtypes, batches: Batches) -> None:
    """Writes the arrays row by row; plainly, since a full disk kills a process that writes to mapped memory."""
    written, labels = 0, []
    with contextlib.ExitStack() as stack:
        files = []
        for place, (shape, dtype) in enumerate(zip(shapes, dtypes, strict=True)):
            files.append(stack.enter_context((folder / f"features-{place:02d}.npy").open("wb")))
            header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": tuple(shape)}
            np.lib.format.write_array_header_1_0(files[-1], header)
        for rows, classes in batches:
            for file, values, dtype in zip(files, rows, dtypes, strict=True):
                if dtype == "float16" and not _suits_float16(values):
                    raise _UnsuitedError
                file.write(np.ascontiguousarray(values, dtype).data)
            written += len(classes)
            labels.append(np.asarray(classes, "int64"))
        for file in files:
            _flush(file)
    if written != shapes[0][0]:
        raise BadDataError(f"There are {written} examples where {shapes[0][0]} were announced: prepare the data again.")
    with (folder / "labels.npy").open("wb") as file:
        np.save(file, np.concatenate(labels))
        _flush(file)


def _suits_float16(values: np.ndarray) -> bool:
    typical = np.sqrt(np.mean(np.square(values, dtype="float64")))
    return bool(np.abs(values).max() <= _LARGEST and typical >= _TYPICAL)


def _flush(file: IO) -> None:
    file.flush()
    os.fsync(file.fileno())
