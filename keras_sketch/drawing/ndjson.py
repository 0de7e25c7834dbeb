"""QuickDraw's ndjson, one drawing a line, read with bounded memory; nothing bad passes unnoticed."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Sequence
from typing import IO

import orjson

from keras_sketch.errors import BadDataError, MissingDataError

MAX_LINE_BYTES = 16 * 2**20
"""Longest line that is parsed, in bytes: hundreds of times the longest raw drawing among the samples (29 kB)."""

_TEXT_FIELDS = ("word", "countrycode", "timestamp", "key_id")
_NUMBERS = {int, float}
# Beyond it (about 1.8e308) a float is infinite.
_FINITE = float.fromhex("0x1.fffffffffffffp+1023")


@dataclasses.dataclass(frozen=True, slots=True)
class Drawing:
    """One drawing with what QuickDraw knows about it.

    Attributes:
        word: The class that the person was asked to draw.
        countrycode: Two letters (ISO 3166-1), or what the file says in their place.
        timestamp: When it was drawn, as the file writes it.
        recognized: Whether the game recognized it.
        key_id: The drawing's key, a string of digits.
        strokes: List of strokes, each `[xs, ys]` or, in raw files, `[xs, ys, ts]`.
        line: The line of the file it stood on, from 1; 0 when it did not come from a file.
    """

    word: str
    countrycode: str
    timestamp: str
    recognized: bool
    key_id: str
    strokes: list[Sequence[Sequence[float]]]
    line: int = 0

    def to_json(self) -> str:
        """Returns the line of QuickDraw's ndjson for this drawing, without the line break."""
        record = {
            "word": self.word,
            "countrycode": self.countrycode,
            "timestamp": self.timestamp,
            "recognized": self.recognized,
            "key_id": self.key_id,
            "drawing": self.strokes,
        }
        return orjson.dumps(record, option=orjson.OPT_SERIALIZE_NUMPY).decode()


def parse_line(line: bytes | str, number: int = 0) -> Drawing:
    """Parses one line of QuickDraw's ndjson, simplified or raw.

    Args:
        line: The line, with or without its line break.
        number: Its number in the file, from 1, to be stored in the record.

    Returns:
        The drawing. Single points and coordinates outside 0..255 are allowed, as the rasterizer draws them.

    Raises:
        BadDataError: If the line is no complete drawing; the message is the reason alone, as a manifest stores it.
    """
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise BadDataError(_json_reason(line, error)) from None
    try:
        strokes = record["drawing"]
        drawing = Drawing(
            record["word"],
            record["countrycode"],
            record["timestamp"],
            record["recognized"],
            record["key_id"],
            strokes,
            number,
        )
    except (KeyError, TypeError):
        raise BadDataError(_missing_reason(record)) from None
    if not (
        type(drawing.word) is type(drawing.countrycode) is type(drawing.timestamp) is type(drawing.key_id) is str
        and type(drawing.recognized) is bool
    ):
        raise BadDataError(_type_reason(record))
    _check_strokes(strokes)
    return drawing


def parse_ndjson(
    path_or_file: str | os.PathLike[str] | IO[bytes] | IO[str],
    on_bad: Callable[[int, str], None] | None = None,
) -> Iterator[Drawing]:
    """Reads an ndjson file of QuickDraw one line at a time; memory does not grow with the file.

    Args:
        path_or_file: A path, or an open file with `readline(size)`, binary or text (it is left open).
        on_bad: Called with the line's number, from 1, and the reason for each line that is no drawing, which is then
            left out. Without it the first such line ends the reading.

    Yields:
        The drawings in the file's order.

    Raises:
        MissingDataError: If the path cannot be opened.
        BadDataError: At the first bad line, if there is no `on_bad`; the message names file, line and reason.
    """
    if hasattr(path_or_file, "readline"):
        yield from _parse_open(path_or_file, getattr(path_or_file, "name", "the file"), on_bad)
        return
    path = os.fspath(path_or_file)
    try:
        file = open(path, "rb")
    except OSError as error:
        raise MissingDataError(f"Cannot open {path}: {error.strerror}. Give the path of an ndjson file.") from error
    with file:
        yield from _parse_open(file, path, on_bad)


def _parse_open(file: IO, name: str, on_bad: Callable[[int, str], None] | None) -> Iterator[Drawing]:
    for number, line in enumerate(_bounded_lines(file), start=1):
        try:
            if line is None:
                raise BadDataError(f"the line is longer than {MAX_LINE_BYTES} bytes")
            drawing = parse_line(line, number)
        except BadDataError as error:
            if on_bad is None:
                raise BadDataError(
                    f"{name}, line {number}: {error}. Remove the line, or pass `on_bad` to be told and go on."
                ) from None
            on_bad(number, str(error))
            continue
        yield drawing


def _bounded_lines(file: IO) -> Iterator[bytes | str | None]:
    """Yields the lines, `None` for one that is too long to be held."""
    while line := file.readline(MAX_LINE_BYTES):
        end = b"\n" if isinstance(line, bytes) else "\n"
        if len(line) < MAX_LINE_BYTES or line.endswith(end):
            yield line
            continue
        while (rest := file.readline(MAX_LINE_BYTES)) and not rest.endswith(end):
            pass
        yield None


def _check_strokes(strokes: object) -> None:
    if type(strokes) is not list:
        raise BadDataError(f"'drawing' is {_kind(strokes)}, not a list of strokes")
    if not strokes:
        raise BadDataError("the drawing has no strokes")
    numbers: list = []
    try:
        for stroke in strokes:
            xs, ys = stroke[0], stroke[1]
            if len(xs) != len(ys) or not xs or type(xs) is not list or type(ys) is not list or len(stroke) > 3:
                break
            numbers += xs
            numbers += ys
        else:
            kinds = set(map(type, numbers))
            if kinds == {int} or (kinds <= _NUMBERS and -_FINITE <= min(numbers) and max(numbers) <= _FINITE):
                return
    except (IndexError, KeyError, TypeError):
        pass
    raise BadDataError(_stroke_reason(strokes))


def _stroke_reason(strokes: list) -> str:
    for index, stroke in enumerate(strokes, start=1):
        if not (type(stroke) is list and len(stroke) in (2, 3) and type(stroke[0]) is type(stroke[1]) is list):
            return f"stroke {index} is not a pair of coordinate lists"
        xs, ys = stroke[:2]
        if len(xs) != len(ys):
            return f"stroke {index} has {len(xs)} x and {len(ys)} y coordinates"
        if not xs:
            return f"stroke {index} has no points"
        for value in xs + ys:
            if type(value) not in _NUMBERS or not -_FINITE <= value <= _FINITE:
                return f"stroke {index} has a coordinate that is not a finite number: {value!r}"
    return "the strokes are not coordinate lists"


def _json_reason(line: bytes | str, error: orjson.JSONDecodeError) -> str:
    if not line.strip():
        return "the line is empty"
    return f"the line is not valid JSON ({error.msg} at character {error.pos})"


def _missing_reason(record: object) -> str:
    if not isinstance(record, dict):
        return f"the line is {_kind(record)}, not a JSON object"
    missing = [name for name in (*_TEXT_FIELDS, "recognized", "drawing") if name not in record]
    return f"the field {missing[0]!r} is missing"


def _type_reason(record: dict) -> str:
    for name in _TEXT_FIELDS:
        if type(record[name]) is not str:
            return f"the field {name!r} is {_kind(record[name])}, not a string"
    return f"the field 'recognized' is {_kind(record['recognized'])}, not true or false"


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")
