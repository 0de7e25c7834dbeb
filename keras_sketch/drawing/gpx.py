"""A recorded or planned route, as GPX, to the kind of picture that a map's screenshot becomes: black on white."""

from __future__ import annotations

import os
from typing import IO

import numpy as np

from keras_sketch.drawing import gps_faults
from keras_sketch.drawing.gpx_file import MAX_BYTES, Line, parse_gpx, without_declaration
from keras_sketch.drawing.rasterization import check_pen
from keras_sketch.drawing.route_picture import draw_lines
from keras_sketch.errors import BadDataError, MissingDataError

# Web maps end there; beyond it a route is drawn around its pole.
_MERCATOR_END = 85.0


def render_gpx(path_or_file: str | os.PathLike[str] | IO[bytes] | IO[str], side: int = 256) -> np.ndarray:
    """Draws the tracks and routes of a GPX file as a map shows them.

    North is up and the projection is Web Mercator's (spherical), as in the apps whose screenshots are route art: it
    keeps angles, so every small shape keeps its own. Routes that reach beyond 85 degrees are drawn around the pole
    (azimuthal equidistant, Greenwich downwards in the north, upwards in the south). A route across the antimeridian
    stays whole. Each segment is a line of its own; points that jump away and back, and clouds of points at stops, are
    left out (`gps_faults`). Waypoints are not drawn.

    Args:
        path_or_file: A path, or an open file, binary or text (it is left open). 48 MiB and 250,000 points at most.
        side: Pixels a side, 1..8192.

    Returns:
        uint8 [side, side], anti-aliased, the route in black on white, as large as it fits with a margin of a
        twentieth; the line is a 64th of the side wide, and never thinner than a pixel.

    Raises:
        MissingDataError: The path cannot be read.
        BadDataError: The file is no GPX, damaged, too large, declares entities, has coordinates that do not exist, or
            not two different points; the message names it.
        InvalidArgumentError: The side is out of range.
    """
    check_pen(side, 1, 1)
    name, contents = _read(path_or_file)
    try:
        return draw_gpx(contents, side)
    except BadDataError as error:
        raise BadDataError(f"{name} cannot be drawn: {error}.") from error


def draw_gpx(contents: bytes, side: int) -> np.ndarray:
    """Draws a GPX file that is in memory; as `render_gpx`, but an error's message is the reason alone."""
    lines = parse_gpx(contents)
    if not lines:
        raise BadDataError("it has no points of a track or route")
    places = [gps_faults.on_globe(line.latitudes, line.longitudes) for line in lines]
    kept = [gps_faults.without_jumps(each, line.seconds) for each, line in zip(places, lines, strict=True)]
    size = gps_faults.size_of([each[chosen] for each, chosen in zip(places, kept, strict=True)])
    chosen = [chosen[gps_faults.without_stops(each[chosen], size)] for each, chosen in zip(places, kept, strict=True)]
    return draw_lines(_projected(lines, chosen), side)


def _projected(lines: list[Line], chosen: list[np.ndarray]) -> list[np.ndarray]:
    """Puts the chosen points of each line on a plane, x to the right and y downwards, without lines of one point."""
    ends = np.cumsum([len(each) for each in chosen])[:-1]
    latitudes = np.radians(np.concatenate([line.latitudes[each] for line, each in zip(lines, chosen, strict=True)]))
    degrees = np.concatenate([line.longitudes[each] for line, each in zip(lines, chosen, strict=True)])
    longitudes = np.radians(np.unwrap(degrees, period=360))
    farthest = latitudes[np.abs(latitudes).argmax()]
    if abs(farthest) <= np.radians(_MERCATOR_END):
        plane = np.stack((longitudes, -np.arcsinh(np.tan(latitudes))), axis=1)
    else:
        towards = np.copysign(1, farthest)
        away = np.pi / 2 - towards * latitudes
        plane = np.stack((away * np.sin(longitudes), towards * away * np.cos(longitudes)), axis=1)
    drawn = [line for line in np.split(plane, ends) if len(line) > 1]
    if not drawn or not np.ptp(np.concatenate(drawn), axis=0).max() > 0:
        raise BadDataError("it has a single point, and a route needs two")
    return drawn


def _read(path_or_file) -> tuple[str, bytes]:
    """Gives the name for messages, and at most one byte more than may be read."""
    if hasattr(path_or_file, "read"):
        name = str(getattr(path_or_file, "name", "The GPX file"))
        try:
            contents = path_or_file.read(MAX_BYTES + 1)
        except UnicodeDecodeError as error:
            raise BadDataError(
                f"{name} cannot be drawn: its text is not {error.encoding}; open it as binary."
            ) from error
        return name, contents if isinstance(contents, bytes) else without_declaration(contents).encode()
    path = os.fspath(path_or_file)
    try:
        with open(path, "rb") as file:
            return path, file.read(MAX_BYTES + 1)
    except OSError as error:
        raise MissingDataError(f"Cannot open {path}: {error.strerror}. Give the path of a GPX file.") from error
