"""GPX files: the points of their tracks and routes, from files that may be damaged, huge or malicious."""

from __future__ import annotations

import codecs
import datetime
import math
import re
import xml.parsers.expat
from typing import NamedTuple

import numpy as np

from keras_sketch.errors import BadDataError

MAX_BYTES = 48 * 2**20
"""Largest file that is read; a day recorded every second, with heart rate and cadence, has half of it."""

MAX_POINTS = 250_000
"""Most points in a file: nearly three days recorded every second, which take about 20 s and 500 MB."""

_MAX_ELEMENTS = 1_500_000
_MAX_NAMESPACES = 100  # gpxpy takes the square of their number
_MAX_DEPTH = 100
_POINTS = frozenset({"trkpt", "rtept", "wpt"})
_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*\?>")
_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


class Line(NamedTuple):
    """The points of a track's segment or of a route, at least one.

    Attributes:
        latitudes: float64 [points], degrees.
        longitudes: float64 [points], degrees.
        seconds: float64 [points], since any moment; not a number where there is no time.
    """

    latitudes: np.ndarray
    longitudes: np.ndarray
    seconds: np.ndarray


def parse_gpx(contents: bytes) -> list[Line]:
    """Reads the tracks' segments and the routes of a GPX file; waypoints are not part of them.

    Args:
        contents: A whole file.

    Returns:
        The lines in the file's order, tracks first; empty ones are left out.

    Raises:
        BadDataError: It is no GPX file, too large, damaged, declares a document type, or a coordinate is impossible.
            The message is the reason alone.
    """
    import gpxpy

    text = _checked_text(contents)
    try:
        document = gpxpy.parse(text)
    except Exception as error:  # The library lets errors of float, of XML and its own through.
        raise BadDataError(f"it is not valid GPX ({error})") from error
    segments = [segment.points for track in document.tracks for segment in track.segments]
    return [_line(points) for points in (*segments, *(route.points for route in document.routes)) if points]


def _line(points: list) -> Line:
    places = np.array([(point.latitude, point.longitude) for point in points], np.float64)
    wrong = ~((np.abs(places) <= (90, 180)).all(axis=1))  # True for what is not a number, too
    if wrong.any():
        latitude, longitude = places[int(wrong.argmax())]
        raise BadDataError(
            f"it has a point at latitude {latitude:g}, longitude {longitude:g}, beyond 90 and 180 degrees"
        )
    return Line(places[:, 0], places[:, 1], np.array([_seconds(point.time) for point in points], np.float64))


def _seconds(time: datetime.datetime | None) -> float:
    """A moment as seconds; without a zone it counts as UTC."""
    if time is None:
        return math.nan
    return (time if time.tzinfo else time.replace(tzinfo=datetime.UTC)).timestamp()


def _checked_text(contents: bytes) -> str:
    """Looks a file through as it comes, without keeping anything, and decodes it."""
    if len(contents) > MAX_BYTES:
        raise BadDataError(f"it is larger than {MAX_BYTES // 2**20} MiB")
    if not contents.strip():
        raise BadDataError("it is empty")
    check = _Check()
    check.run(contents)
    encoding = next((name for bom, name in _BOMS.items() if contents.startswith(bom)), check.encoding or "utf-8")
    try:
        text = contents.decode(encoding)
    except (UnicodeDecodeError, LookupError) as error:
        raise BadDataError(f"its text is not {encoding}, the encoding that it declares") from error
    return without_declaration(text)


def without_declaration(text: str) -> str:
    """Drops the XML declaration, whose encoding is no longer true of text that has been decoded."""
    return _DECLARATION.sub("", text, count=1)


class _Check:
    """A pass over the XML that stops at the first thing that a GPX file may not have."""

    def __init__(self):
        self.encoding = None
        self._elements = self._points = self._namespaces = self._depth = 0

    def run(self, contents: bytes) -> None:
        parser = xml.parsers.expat.ParserCreate(namespace_separator=" ")
        parser.XmlDeclHandler = self._declare
        parser.StartDoctypeDeclHandler = self._refuse_doctype
        parser.StartNamespaceDeclHandler = self._count_namespace
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        try:
            parser.Parse(contents, True)
        except xml.parsers.expat.ExpatError as error:
            what = xml.parsers.expat.errors.messages.get(error.code, "")
            if not self._elements:
                raise BadDataError(f"it is not XML ({what})") from error
            raise BadDataError(f"its XML is damaged in line {error.lineno}, column {error.offset} ({what})") from error
        except BadDataError:
            raise
        except (LookupError, ValueError) as error:
            raise BadDataError(f"it is in an encoding that cannot be read ({error})") from error

    def _declare(self, version, encoding, standalone) -> None:
        self.encoding = encoding

    def _refuse_doctype(self, *_) -> None:
        raise BadDataError("it declares a document type or entities, which GPX has not and which may do harm")

    def _count_namespace(self, prefix, uri) -> None:
        self._namespaces += 1
        if self._namespaces > _MAX_NAMESPACES:
            raise BadDataError(f"it declares more than {_MAX_NAMESPACES} namespaces")

    def _start(self, name, attributes) -> None:
        tag = name.rpartition(" ")[2]
        if not self._elements and tag != "gpx":
            raise BadDataError(f"it is not GPX: its outermost element is <{tag[:40]}>")
        self._elements += 1
        self._points += tag in _POINTS
        self._depth += 1
        if self._points > MAX_POINTS:
            raise BadDataError(f"it has more than {MAX_POINTS:,} points")
        if self._elements > _MAX_ELEMENTS:
            raise BadDataError(f"it has more than {_MAX_ELEMENTS:,} elements")
        if self._depth > _MAX_DEPTH:
            raise BadDataError(f"its elements are nested deeper than {_MAX_DEPTH}")

    def _end(self, name) -> None:
        self._depth -= 1
