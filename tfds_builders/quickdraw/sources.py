"""The files of Quick, Draw!: where they are, and what in them can be used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from keras_sketch.curation.folders import reading
from keras_sketch.curation.manifest import Manifest
from keras_sketch.drawing.ndjson import parse_ndjson
from keras_sketch.errors import BadDataError
from tfds_builders.drawings import Drawing

BUCKET = "https://storage.googleapis.com/quickdraw_dataset/full"
# The bucket's folder and the file name's ending, for strokes and for bitmaps.
STROKES, BITMAPS = ("simplified", ".ndjson"), ("numpy_bitmap", ".npy")
BITMAP_SIDE = 28
# A header that declares more is damaged: this is 70 times the average class. A missing row is a line of the manifest.
_MAX_ROWS = 10_000_000


def url(name: str, kind: tuple[str, str]) -> str:
    """Gives the address of a class's file in the public bucket, spaces as they are: TFDS has checksums of these.

    Args:
        name: The class.
        kind: `STROKES` or `BITMAPS`.
    """
    folder, ending = kind
    return f"{BUCKET}/{folder}/{name}{ending}"


def candidates(name: str, kind: tuple[str, str]) -> tuple[str, str, str]:
    """Lists the paths, relative to the manual folder, at which a class's file may lie; the first found is used.

    Args:
        name: The class.
        kind: `STROKES` or `BITMAPS`.

    Returns:
        In the bucket's folder, alone, and under the name that a browser or `gsutil cp -r` gives it.
    """
    folder, ending = kind
    return f"{folder}/{name}{ending}", f"{name}{ending}", f"full_{folder}_{name}{ending}"


def find(manual_dir: Path, name: str, kind: tuple[str, str]) -> Path | None:
    """Finds a class's file in the manual folder.

    Args:
        manual_dir: The folder.
        name: The class.
        kind: `STROKES` or `BITMAPS`.

    Returns:
        The file, or None.
    """
    paths = (manual_dir / candidate for candidate in candidates(name, kind))
    return next((path for path in paths if path.is_file()), None)


def read_drawings(path: Path, name: str, label: int, file: str, manifest: Manifest) -> Iterator[Drawing]:
    """Reads the usable drawings of one ndjson file, a line at a time.

    Args:
        path: The file.
        name: The class that all its drawings must have.
        label: The class's number.
        file: What the manifest calls the file.
        manifest: Where the lines go that cannot be used.

    Yields:
        The drawings in the file's order.
    """
    for record in parse_ndjson(path, lambda line, reason: manifest.add_bad(file, f"line {line}", reason)):
        where = f"line {record.line}"
        if record.word == name:
            yield Drawing(record, label, file, where)
        else:
            manifest.add_bad(file, where, f"the drawing is of {record.word!r}, not of {name!r}")


def read_bitmaps(path: Path, file: str, manifest: Manifest) -> Iterator[np.ndarray]:
    """Reads the official bitmaps of one class, a block of rows at a time.

    Args:
        path: The `.npy` file.
        file: What errors and the manifest call the file.
        manifest: Where the rows go that the file's header declares but that are not there.

    Yields:
        uint8 `[n, 28, 28, 1]`, white on black, in the file's order; n is at most 1024.

    Raises:
        MissingDataError: If the file cannot be read.
        BadDataError: If the file is no NumPy file of uint8 `[N, 784]`; it is one line of the manifest then.
    """
    with reading(path), path.open("rb") as stream:
        try:
            declared = _declared_rows(stream)
        except BadDataError as error:
            manifest.add_bad(file, "", str(error))
            raise BadDataError(f"{file} cannot be used: {error}. Get it anew, or leave its class out.") from error
        row_bytes = BITMAP_SIDE**2
        present = min(declared, (path.stat().st_size - stream.tell()) // row_bytes)
        for start in range(0, present, 1024):
            count = min(1024, present - start)
            block = np.frombuffer(stream.read(count * row_bytes), np.uint8)
            yield block.reshape(count, BITMAP_SIDE, BITMAP_SIDE, 1)
    for row in range(present, declared):
        manifest.add_bad(file, f"row {row}", f"the row is missing: the file is cut off after {present} of {declared}")


def _declared_rows(stream: BinaryIO) -> int:
    """Reads the header, leaves the stream at the first row, and gives the number of rows."""
    try:
        version = np.lib.format.read_magic(stream)
    except ValueError as error:
        raise BadDataError("it is not a NumPy file") from error
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    try:
        shape, column_major, dtype = read(stream)
    except OSError:
        raise
    except Exception as error:  # NumPy parses the header as Python; a damaged one can raise nearly anything.
        raise BadDataError("its NumPy header is damaged") from error
    if dtype != np.uint8 or len(shape) != 2 or shape[1] != BITMAP_SIDE**2 or column_major:
        order = ", column after column" if column_major else ""
        raise BadDataError(
            f"it must hold uint8 [N, {BITMAP_SIDE**2}], row after row, and holds {dtype} {list(shape)}{order}"
        )
    if not 0 <= shape[0] <= _MAX_ROWS:
        raise BadDataError(f"its header declares {shape[0]} rows, not between 0 and {_MAX_ROWS:,}")
    return shape[0]
