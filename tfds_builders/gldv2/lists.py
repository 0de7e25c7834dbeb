"""The published lists, read row by row; what is wrong with a row is said in a few words, with its line."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote

from keras_sketch.curation.folders import reading
from keras_sketch.errors import BadDataError

_ID = re.compile(r"[0-9a-f]{16}")
_LANDMARK = re.compile(r"\d{1,18}", re.ASCII)
_NOT_A_WORD = re.compile(r"[\W\d_]+")

Row = tuple[int, str, int, str]
"""Line, id, landmark, the url's file name."""

Wrong = tuple[int, int | None, str]
"""Line, the landmark if it could be read, and what is wrong."""


def is_id(text: str) -> bool:
    """Tells whether a text is an image's id, 16 hexadecimal digits in lower case."""
    return _ID.fullmatch(text) is not None


def no_id(text: str) -> str:
    """Says that a text is no id."""
    return f"the id {_short(text)} is not 16 hexadecimal digits in lower case"


def series_of(file_name: str) -> str:
    """Gives what names of a series have in common: Wikimedia's differ in a number, `Church_01.jpg`, `Church_02.jpg`.

    Args:
        file_name: The last part of a url, percent signs and all.

    Returns:
        Its words in lower case, without extension, digits and punctuation, one blank between; perhaps empty.
    """
    name = unquote(file_name) if "%" in file_name else file_name
    stem = name.rpartition(".")[0] or name
    return _NOT_A_WORD.sub(" ", stem).strip().lower()


def read_train(path: Path) -> Iterator[Row | Wrong]:
    """Reads the list of images, `id,url,landmark_id` in any order, of which `url` need not be there.

    Args:
        path: The list.

    Yields:
        Each row, or what is wrong with it.

    Raises:
        MissingDataError: The list cannot be read.
        BadDataError: Its first line does not name the columns, or it is no CSV.
    """
    rows = _rows(path, ("id", "landmark_id"))
    header = next(rows)[1]
    width, id_at, landmark_at = len(header), header.index("id"), header.index("landmark_id")
    url_at = header.index("url") if "url" in header else None
    is_image, is_landmark = _ID.fullmatch, _LANDMARK.fullmatch
    for line, row in rows:
        if len(row) != width:
            yield line, None, f"the row has {len(row)} columns, not {width}: {','.join(header)}"
            continue
        image, landmark = row[id_at], row[landmark_at]
        if not is_landmark(landmark):
            yield line, None, f"the landmark_id {_short(landmark)} is not a number"
        elif not is_image(image):
            yield line, int(landmark), no_id(image)
        else:
            yield line, image, int(landmark), "" if url_at is None else row[url_at].rpartition("/")[2]


def read_clean(path: Path) -> Iterator[tuple[int, int, Sequence[str]] | Wrong]:
    """Reads the cleaned list, `landmark_id,images`, the images' ids being separated by blanks.

    Args:
        path: The list.

    Yields:
        Line, landmark and the images' ids, none of them checked; or what is wrong with the row.

    Raises:
        MissingDataError: The list cannot be read.
        BadDataError: Its first line does not name the columns.
    """
    with reading(path), path.open(encoding="utf-8-sig", errors="replace") as file:
        header = [name.strip() for name in file.readline().split(",")]
        if header != ["landmark_id", "images"]:
            raise _wrong_header(path, header, ("landmark_id", "images"))
        for line, row in enumerate(file, start=2):
            landmark, comma, images = row.strip().partition(",")
            if not landmark and not comma:
                continue
            if not comma:
                yield line, None, "the row has 1 column, not 2: landmark_id,images"
            elif not _LANDMARK.fullmatch(landmark):
                yield line, None, f"the landmark_id {_short(landmark)} is not a number"
            else:
                yield line, int(landmark), images.strip('"').split()


def read_solution(path: Path) -> Iterator[tuple[int, str, Sequence[str]] | Wrong]:
    """Reads the test images' landmarks, `id,landmarks,Usage`; several are separated by blanks.

    Args:
        path: The list.

    Yields:
        Line, id and landmarks, none for an image of no landmark; or what is wrong with the row.

    Raises:
        MissingDataError: The list cannot be read.
        BadDataError: Its first line does not name the columns, or it is no CSV.
    """
    rows = _rows(path, ("id", "landmarks"))
    header = next(rows)[1]
    id_at, landmarks_at = header.index("id"), header.index("landmarks")
    for line, row in rows:
        if len(row) != len(header):
            yield line, None, f"the row has {len(row)} columns, not {len(header)}: {','.join(header)}"
        elif not is_id(row[id_at]):
            yield line, None, no_id(row[id_at])
        else:
            yield line, row[id_at], row[landmarks_at].split()


def read_categories(path: Path) -> set[int]:
    """Reads the landmarks that `train_label_to_category.csv` lists; rows without a number are passed over.

    Raises:
        MissingDataError: The list cannot be read.
        BadDataError: Its first line does not name the column `landmark_id`.
    """
    rows = _rows(path, ("landmark_id",))
    at = next(rows)[1].index("landmark_id")
    return {int(row[at]) for _, row in rows if len(row) > at and _LANDMARK.fullmatch(row[at])}


def _rows(path: Path, needed: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Yields the line and cells of the header, which has the needed columns, and of each row that is not empty."""
    with reading(path), path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        reader = csv.reader(file)
        try:
            header = [name.strip() for name in next(reader, [])]
            if not set(needed) <= set(header):
                raise _wrong_header(path, header, needed)
            yield 1, header
            for row in reader:
                if row:
                    yield reader.line_num, row
        except csv.Error as error:
            raise BadDataError(
                f"{path}, line {reader.line_num}: this is no CSV ({error}); get the list again."
            ) from error


def _wrong_header(path: Path, header: Sequence[str], needed: Sequence[str]) -> BadDataError:
    return BadDataError(
        f"{path}, line 1: it must name the columns, {' and '.join(needed)} among them; it says "
        f"{_short(','.join(header))}."
    )


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}...")
