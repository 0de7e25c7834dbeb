"""Which colour on a map screenshot is the route's."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from numbers import Integral

import cv2
import numpy as np

from keras_sketch.errors import InvalidArgumentError, UnknownNameError

COLOURS = {
    "red": (230, 20, 20),
    "orange": (252, 82, 0),
    "yellow": (255, 215, 0),
    "green": (0, 165, 50),
    "cyan": (0, 185, 210),
    "blue": (30, 90, 240),
    "purple": (130, 30, 190),
    "magenta": (245, 0, 160),
}
"""The names that `extract_route` knows, in sRGB; what is near one in hue goes by its name."""

# Chroma is the distance from grey in Lab's a and b; lengths and extents are shares of the picture's shorter side.
_BIN = 4  # of a and b
_LEAST_CHROMA = 28.0
_LEAST_LENGTH = 0.15
_LEAST_EXTENT = 0.12
_MOST_OF_PICTURE = 0.4  # what covers more is no line
_LARGEST_LETTER = 0.35
_LEAST_SCORE = 0.43  # on made-up maps without a route nothing reaches it; the palest see-through routes come to 0.48
_LEAST_SCORE_OF_GIVEN = 0.1
_MOST_CANDIDATES = 4  # are kept; each takes five bytes a pixel
_HUE_TOLERANCE = 22.0  # degrees


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A colour that draws lines on the map.

    Attributes:
        rgb: The colour, 0..255.
        ink: bool `[H, W]`, its pixels.
        labels: int32 `[H, W]`, the number of the connected piece that a pixel of `ink` is in; 0 elsewhere.
        areas: float `[N]`, the pieces' pixels; number 0 is what is not ink.
        widths: float `[N]`, the width of the line that has the pieces' mean distance from the edge, in pixels.
        main: The number of the piece that is most like a route.
        score: How much like a route that piece and those around it are: the length of a vivid line, in shorter sides of
            the picture.
    """

    rgb: tuple[int, int, int]
    ink: np.ndarray
    labels: np.ndarray
    areas: np.ndarray
    widths: np.ndarray
    main: int
    score: float

    @property
    def lengths(self) -> np.ndarray:
        """How long a line of a piece's width and area is, float `[N]`, in pixels."""
        return self.areas / self.widths


def parse_colour(colour: str | Sequence[int]) -> tuple[int, int, int]:
    """Returns a colour's red, green and blue, 0..255.

    Args:
        colour: One of `COLOURS`, `"#RRGGBB"`, or three whole numbers.

    Raises:
        UnknownNameError: If there is no such name.
        InvalidArgumentError: If it is neither, or grey: maps are full of grey.
    """
    allowed = 'a name such as "red", "#RRGGBB", or red, green and blue in 0..255; not a grey'
    if isinstance(colour, str):
        if re.fullmatch("#[0-9a-fA-F]{6}", colour):
            parsed = tuple(bytes.fromhex(colour[1:]))
        elif colour.startswith("#"):
            raise InvalidArgumentError("colour", allowed, colour)
        elif colour.lower() in COLOURS:
            parsed = COLOURS[colour.lower()]
        else:
            raise UnknownNameError("colour", colour, COLOURS, "Or give it as #RRGGBB.")
    else:
        try:
            parsed = tuple(int(value) if isinstance(value, Integral) else -1 for value in colour)
        except TypeError:
            parsed = ()
        if len(parsed) != 3 or not all(0 <= value <= 255 for value in parsed):
            raise InvalidArgumentError("colour", allowed, colour)
    if np.hypot(*_chroma(parsed)) < _LEAST_CHROMA:
        raise InvalidArgumentError("colour", allowed, colour)
    return parsed


def colour_name(rgb: tuple[int, int, int]) -> str:
    """Returns the name of `COLOURS` that is nearest in hue, and the numbers."""
    name = min(COLOURS, key=lambda name: abs(_turn(_hue(rgb) - _hue(COLOURS[name]))))
    return "{} (#{:02X}{:02X}{:02X})".format(name, *rgb)


def find_candidates(image: np.ndarray, colour: tuple[int, int, int] | None) -> list[Candidate]:
    """Returns the colours that draw a line like a route's, the most likely first.

    The vivid colours are the peaks of the histogram over Lab's a and b. Each pixel goes to the nearest peak of about
    its hue; each peak's pixels are joined over small gaps into pieces. A piece counts by its length if it is a line
    (long for its width, and thin for the picture), less where it runs to the picture's edge as roads and rivers do, and
    less the duller or the yellower its colour is.

    Args:
        image: uint8 RGB `[H, W, 3]`.
        colour: The only colour to look for; hues within some 20 degrees count as the same. None: any.
    """
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    peaks = _peaks(lab)
    if colour is not None:
        peaks = [peak for peak in peaks if abs(_turn(_angle(peak) - _hue(colour))) <= _HUE_TOLERANCE]
    if not peaks:
        return []
    nearest = _assignment(peaks)[lab[..., 1] // _BIN, lab[..., 2] // _BIN]
    least = _LEAST_SCORE if colour is None else _LEAST_SCORE_OF_GIVEN
    best = []
    for number, peak in enumerate(peaks, 1):
        candidate = _candidate(image, nearest == number, peak)
        if candidate is not None and candidate.score >= least:
            best = sorted([*best, candidate], key=lambda candidate: -candidate.score)[:_MOST_CANDIDATES]
    return _without_outline(best)


def _without_outline(candidates: list[Candidate]) -> list[Candidate]:
    """Puts a line in front of its own outline, which is twice as long where compression changed its colour."""
    best = candidates[0] if candidates else None
    for place, other in enumerate(candidates):
        wider = other.widths[other.main] > best.widths[best.main] and other.score >= 0.4 * best.score
        if wider and abs(_turn(_hue(other.rgb) - _hue(best.rgb))) <= _HUE_TOLERANCE and runs_along(best, other):
            return [other, *candidates[:place], *candidates[place + 1 :]]
    return candidates


def runs_along(candidate: Candidate, other: Candidate) -> bool:
    """Tells whether a line is the edge or the casing of another one, or its colour where a compression changed it."""
    reach = 2 * int(max(2, other.widths[other.main] / 2 + 2)) + 1
    beside = cv2.dilate((other.labels == other.main).astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0
    return bool(beside[candidate.labels == candidate.main].mean() > 0.5)


def _peaks(lab: np.ndarray) -> list[tuple[float, float]]:
    """Returns a and b, around 0, of the histogram's vivid peaks."""
    size = 256 // _BIN
    counts = cv2.calcHist([lab], [1, 2], None, [size, size], [0, 256, 0, 256])
    smooth = cv2.GaussianBlur(counts, (0, 0), 1.2)
    highest = cv2.dilate(smooth, np.ones((5, 5), np.uint8))
    centres = (np.arange(size) + 0.5) * _BIN - 128
    vivid = np.hypot(centres[:, None], centres) >= _LEAST_CHROMA
    least = max(3.0, lab.shape[0] * lab.shape[1] * 1e-5)
    rows, columns = np.nonzero((smooth == highest) & vivid & (smooth >= least))
    order = np.argsort(-smooth[rows, columns])[:16]
    peaks = []
    for peak in zip(centres[rows[order]], centres[columns[order]], strict=True):
        if not any(_alike(peak, other) for other in peaks):
            peaks.append(peak)
    return peaks


def _alike(peak: tuple[float, float], other: tuple[float, float]) -> bool:
    """Tells whether two peaks are one colour that a see-through line over another ground, or compression, split."""
    ratio = np.hypot(*peak) / np.hypot(*other)
    return abs(_turn(_angle(peak) - _angle(other))) < 12 and 0.75 < ratio < 1.33


def _assignment(peaks: list[tuple[float, float]]) -> np.ndarray:
    """Returns uint8 `[bins, bins]`: 1 and so on for the peak that a and b belong to, 0 for none."""
    centres = (np.arange(256 // _BIN) + 0.5) * _BIN - 128
    a, b = np.meshgrid(centres, centres, indexing="ij")
    distances = []
    for peak in peaks:
        chroma = np.hypot(*peak)
        along = (a * peak[0] + b * peak[1]) / chroma
        across = (b * peak[0] - a * peak[1]) / chroma
        # A line's edge and a compressed picture's colours are duller than its middle, but hardly of another hue.
        distances.append(np.hypot((along - chroma) / (0.4 * chroma), across / (10 + 0.16 * chroma)))
    distances = np.array(distances)
    return np.where(distances.min(0) <= 1, distances.argmin(0) + 1, 0).astype(np.uint8)


def _candidate(image: np.ndarray, ink: np.ndarray, peak: tuple[float, float]) -> Candidate | None:
    """Measures the pieces of one colour's pixels; None where none of them is a line."""
    shorter = min(ink.shape)
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(join(ink), connectivity=8)
    labels[~ink] = 0
    areas, widths = measure(ink, labels, count)
    lengths = areas / widths
    height, width = ink.shape
    left, top, right, bottom = boxes[:, 0], boxes[:, 1], boxes[:, 0] + boxes[:, 2], boxes[:, 1] + boxes[:, 3]
    edges = (left <= 2) * 1 + (top <= 2) + (right >= width - 2) + (bottom >= height - 2)
    worth = lengths / shorter / (1 + 2 * edges)
    lines = (lengths >= 8 * widths) & (widths <= max(16, 0.03 * shorter)) & (lengths >= _LEAST_LENGTH * shorter)
    lines &= np.maximum(boxes[:, 2], boxes[:, 3]) >= _LEAST_EXTENT * shorter
    lines &= areas <= _MOST_OF_PICTURE * ink.size
    lines[0] = False
    main = _main_piece(worth, lines, lengths < 0.8 * shorter, boxes, labels)
    if not main:
        return None
    across = np.maximum(left - right[main], left[main] - right)
    down = np.maximum(top - bottom[main], top[main] - bottom)
    group = (np.maximum(across, down) <= 0.05 * shorter) & (lengths >= 0.1 * shorter)
    group &= np.abs(widths - widths[main]) <= 0.5 * widths[main]
    group[0] = False
    return Candidate(
        rgb=tuple(int(value) for value in np.median(image[labels == main], axis=0)),
        ink=ink,
        labels=labels,
        areas=areas,
        widths=widths,
        main=main,
        score=float(worth[group].sum() * _vividness(peak)),
    )


def _main_piece(worth: np.ndarray, lines: np.ndarray, short: np.ndarray, boxes: np.ndarray, labels: np.ndarray) -> int:
    """Returns the line that is worth most, 0 for none.

    A short one that falls into parts of which none is a third of it is text: its worth becomes 0, in place.
    """
    for number in np.argsort(-worth * lines)[:8]:
        if not lines[number]:
            break
        left, top, across, down, _ = boxes[number]
        piece = (labels[top : top + down, left : left + across] == number).astype(np.uint8)
        parts = cv2.connectedComponentsWithStats(piece, connectivity=8)[2][1:, cv2.CC_STAT_AREA]
        if not short[number] or parts.max() >= _LARGEST_LETTER * parts.sum():
            return int(number)
        worth[number] = 0
    return 0


def join(ink: np.ndarray) -> np.ndarray:
    """Returns the ink, uint8 `[H, W]`, with gaps closed that are small for a picture of its size."""
    reach = max(3, min(ink.shape) // 140 | 1)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    return cv2.morphologyEx(ink.astype(np.uint8), cv2.MORPH_CLOSE, disc)


def measure(ink: np.ndarray, labels: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the area and the mean line width of each of `count` pieces, float `[count]` each, at least 1."""
    inside = cv2.distanceTransform(np.pad(ink, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    numbers = labels[ink]
    areas = np.bincount(numbers, minlength=count).astype(float)
    sums = np.bincount(numbers, inside[ink], minlength=count)
    # Across a line of w pixels the distances are 1, 2, ... 2, 1, and their mean is near (w + 2) / 4.
    return np.maximum(areas, 1), np.maximum(4 * sums / np.maximum(areas, 1) - 2, 1)


def _vividness(peak: tuple[float, float]) -> float:
    """Gives 0 for a colour as dull as a map's, 1 for the most vivid; yellow, which many roads have, counts little."""
    share = min(max((np.hypot(*peak) - _LEAST_CHROMA) / 42, 0), 1)
    angle = _angle(peak)
    # Orange routes have angles up to 68, the more orange ones of the roads 72.
    return share * (np.interp(angle, (67, 72), (1, 0.15)) if angle < 115 else 1)


def _chroma(rgb: tuple[int, int, int]) -> np.ndarray:
    return cv2.cvtColor(np.uint8([[rgb]]), cv2.COLOR_RGB2LAB)[0, 0, 1:].astype(float) - 128


def _angle(ab) -> float:
    return float(np.degrees(np.arctan2(ab[1], ab[0])))


def _hue(rgb: tuple[int, int, int]) -> float:
    return _angle(_chroma(rgb))


def _turn(degrees: float) -> float:
    return (degrees + 180) % 360 - 180
