"""From a route's colour to its pixels: what else has the colour is dropped, gaps are closed, edges are traced."""

from __future__ import annotations

import cv2
import numpy as np

from keras_sketch.drawing.route_colour import Candidate, join, measure

# Distances between colours are Euclidean over red, green and blue in 0..255.
# Share of the way to the ground; OpenCV's anti-aliased lines are wider than its plain ones of the same thickness.
_COVERED = 0.46
_BLUR = 1.15  # how much further than its 3 x 3 neighbours the ground may be, in a picture that is blurred or compressed
_LEAST_CONTRAST = 50.0  # what is nearer to the line than half of this is the line
_WITHIN = 65.0  # inside of the line, how far a colour may be off where names shine through
_COLOURED = 0.36  # of the line's own colourfulness, what its edge has at least; a dark casing has less
_TYPICAL = 40.0  # how far from the route's usual colour a pixel loses most of its say in the line's local colour
_PRIOR = 10.0  # weight of the usual colour, in pixels
_SAME_COLOUR = 60.0  # how far the mean colour of two pieces of one route may be apart


def route_mask(image: np.ndarray, candidate: Candidate) -> tuple[np.ndarray, float]:
    """Returns the route's pixels and its line width.

    Args:
        image: uint8 RGB `[H, W, 3]`.
        candidate: The route's colour and its pieces.

    Returns:
        bool `[H, W]`, and the width in pixels.
    """
    width = float(candidate.widths[candidate.main])
    core = kept_pieces(image, candidate)[candidate.labels]
    rows, columns = np.nonzero(core.any(1))[0], np.nonzero(core.any(0))[0]
    margin = 6
    window = np.s_[
        max(rows[0] - margin, 0) : rows[-1] + margin + 1, max(columns[0] - margin, 0) : columns[-1] + margin + 1
    ]
    core = without_blobs(core[window].astype(np.uint8), width)
    traced = trace_edges(image[window], core, candidate.rgb)
    mask = np.zeros(candidate.ink.shape, bool)
    mask[window] = close_gaps(traced, width)
    return mask, width


def kept_pieces(image: np.ndarray, candidate: Candidate) -> np.ndarray:
    """Returns which pieces are the route's, bool `[N]`: the main one, and lines of its width and colour around it.

    A piece far from the main one is kept if it is nearly a third as long.
    """
    main, lengths, widths = candidate.main, candidate.lengths, candidate.widths
    numbers = candidate.labels[candidate.ink]
    pixels = image[candidate.ink]
    sums = [np.bincount(numbers, pixels[:, channel], minlength=len(widths)) for channel in range(3)]
    colours = np.stack(sums, 1) / candidate.areas[:, None]
    solid = join(candidate.ink)
    _, solid_labels, _, _ = cv2.connectedComponentsWithStats(solid, connectivity=8)
    _, solid_widths = measure(solid > 0, solid_labels, len(widths))
    alike = (
        (np.abs(widths - widths[main]) <= 0.5 * widths[main] + 0.5)
        & (solid_widths <= 1.7 * widths[main] + 1)
        & (lengths >= 5 * solid_widths)
        & (np.linalg.norm(colours - colours[main], axis=1) <= _SAME_COLOUR)
    )
    keep = alike & (lengths >= 0.3 * lengths[main])
    keep[0], keep[main] = False, True
    margin = int(3 * widths[main] + 0.03 * min(candidate.ink.shape))
    short = alike & (lengths >= 6 * widths[main])
    while True:
        kept = keep[candidate.labels]
        rows, columns = np.flatnonzero(kept.any(1)), np.flatnonzero(kept.any(0))
        top, left = max(rows.min() - margin, 0), max(columns.min() - margin, 0)
        box = candidate.labels[top : rows.max() + margin + 1, left : columns.max() + margin + 1]
        near = np.bincount(box.ravel(), minlength=len(keep)) > 0
        if not (short & near & ~keep).any():
            return keep
        keep |= short & near


def without_blobs(core: np.ndarray, width: float) -> np.ndarray:
    """Takes markers and icons that touch the line out of it and draws the line on through their place."""
    _drop_icons(core, width)
    total = core.sum()
    radius = int(np.ceil(max(1.1 * width, 4)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)
    solid = cv2.morphologyEx(core, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    opened = cv2.morphologyEx(np.pad(solid, 1), cv2.MORPH_OPEN, disc)[1:-1, 1:-1]
    contours, _ = cv2.findContours(opened, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    for contour in contours:
        left, top, across, down = cv2.boundingRect(contour)
        area = cv2.contourArea(contour)
        compact = area >= 0.6 * (across - 1) * (down - 1) and max(across, down) <= 2 * min(across, down)
        if not compact or area > 0.3 * total:
            continue
        # The opening has rounded a square's corners by 0.42 radii.
        more = int(0.42 * radius) + 2
        corner = max(left - more - 2, 0), max(top - more - 2, 0)
        place = core[corner[1] : top + down + more + 2, corner[0] : left + across + more + 2]
        blob = cv2.drawContours(np.zeros_like(place), [contour], -1, 1, -1, offset=(-corner[0], -corner[1]))
        blob = cv2.dilate(blob, np.ones((3, 3), np.uint8), iterations=more)
        place[blob > 0] = 0
        _draw_through(place, blob, width)
    return core


def _drop_icons(core: np.ndarray, width: float) -> None:
    """Erases, in place, the pieces that are filled shapes, perhaps with a sign in them, wider than the line."""
    total = core.sum()
    contours, levels = cv2.findContours(core, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    for contour, level in zip(contours, levels[0] if contours else (), strict=True):
        left, top, across, down = cv2.boundingRect(contour)
        if level[3] >= 0 or min(across, down) < 1.6 * width + 2:
            continue
        shape = cv2.drawContours(np.zeros((down, across), np.uint8), [contour], -1, 1, -1, offset=(-left, -top))
        place = core[top : top + down, left : left + across]
        ink = (shape & place).sum()
        if shape.sum() >= 0.55 * across * down and 0.6 * shape.sum() <= ink <= 0.3 * total:
            place[shape > 0] = 0


def _draw_through(ink: np.ndarray, gap: np.ndarray, width: float) -> None:
    """Joins, in place, the ends of lines around a gap: two directly, more through their middle."""
    around = cv2.dilate(gap, np.ones((3, 3), np.uint8)) & ~gap & 1
    count, _, _, centres = cv2.connectedComponentsWithStats(around & ink, connectivity=8)
    ends = centres[1:]
    if count < 3:
        return
    targets = [ends[1]] if count == 3 else [ends.mean(0)] * len(ends)
    for end, target in zip(ends, targets, strict=False):
        cv2.line(
            ink,
            tuple(int(value) for value in end.round()),
            tuple(int(value) for value in target.round()),
            1,
            max(1, round(width)),
        )


def trace_edges(image: np.ndarray, core: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """Moves the line's edge to where the route covers half of a pixel.

    A pixel's distance to the colour of the line beside it is compared with the greatest one among its neighbours, where
    the line has ended: an anti-aliased edge lies between the two. So a line that is blurred, see-through, or runs over
    dark and light keeps its width, and a road of nearly its colour does not widen it.

    Args:
        image: uint8 RGB `[H, W, 3]`.
        core: uint8 `[H, W]`, 1 where a pixel surely is the route's.
        colour: The route's, RGB.

    Returns:
        uint8 `[H, W]`, 0 or 1.
    """
    inside = cv2.distanceTransform(core, cv2.DIST_L2, 3)
    pixels = image.astype(np.float32)
    usual = np.float32(colour)
    unlike = np.square(pixels - usual).sum(-1) / _TYPICAL**2
    weights = np.square(np.minimum(inside, 4)) * np.exp(-unlike)
    sums = [cv2.boxFilter(plane * weights, -1, (11, 11), normalize=False) for plane in cv2.split(pixels)]
    total = cv2.boxFilter(weights, -1, (11, 11), normalize=False)
    line = (np.stack(sums, -1) + _PRIOR * usual) / (total + _PRIOR)[..., None]
    distances = np.sqrt(np.square(pixels - line).sum(-1))
    close, wide = (cv2.dilate(distances, np.ones((size, size), np.uint8)) for size in (3, 5))
    beside = np.minimum(wide, _BLUR * close)
    reachable = cv2.dilate(core, np.ones((3, 3), np.uint8))
    edge = (distances <= _COVERED * np.maximum(beside, _LEAST_CONTRAST)) & (reachable > 0)
    hues, line_hues = (colours - colours.mean(-1, keepdims=True) for colours in (pixels, line))
    edge &= (hues * line_hues).sum(-1) >= _COLOURED * np.square(line_hues).sum(-1)
    middle = (cv2.erode(core, np.ones((3, 3), np.uint8)) > 0) & (distances <= _WITHIN)
    return (edge | middle).astype(np.uint8)


def close_gaps(ink: np.ndarray, width: float) -> np.ndarray:
    """Fills pinholes and joins line ends over short gaps; acute corners and narrow loops stay as they are."""
    # A disc of this radius does not fit between two line ends that are as far apart as a mark over the route is wide.
    longest = 2 * width + 10
    radius = (longest**2 + width**2) / (4 * width)
    outside = cv2.distanceTransform(1 - np.pad(ink, int(radius) + 1), cv2.DIST_L2, 5)
    grown = (outside <= radius).astype(np.uint8)
    closed = cv2.distanceTransform(grown, cv2.DIST_L2, 5) > radius
    border = int(radius) + 1
    gaps = closed[border:-border, border:-border] & (ink == 0)
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(gaps.astype(np.uint8), connectivity=8)
    result = ink.copy()
    for number in range(1, count):
        left, top, across, down, area = boxes[number]
        place = np.s_[max(top - 2, 0) : top + down + 2, max(left - 2, 0) : left + across + 2]
        gap = (labels[place] == number).astype(np.uint8)
        around = cv2.dilate(gap, np.ones((3, 3), np.uint8)) & ~gap & 1
        if not (around & (1 - ink[place])).any():
            if area <= max(2, 0.1 * width * width):
                result[place] |= gap
            continue
        arcs, _, contacts, _ = cv2.connectedComponentsWithStats(around & ink[place], connectivity=8)
        if arcs >= 3 and contacts[1:, 4].max() <= 2 * width + 2 and area <= (arcs - 1) * longest * (width + 1):
            _draw_through(result[place], gap, width)
    return result > 0
