"""The rasterizer's kernels: what a round pen covers, as exact intervals on 15 scan lines a row of pixels.

Cairo strokes a line as the area that a polygonal pen sweeps over, samples that area on 15 scan lines a row, at their
middles, with exact coverage along x (cairo-tor-scan-converter.c, `GRID_Y`), and lays each stroke over those before it.
So do these kernels, but without sorting edges: a stroke is cut where it turns from going down to going up, and a piece
between two turns covers one interval of each scan line, the least left end and the greatest right end over the pen at
its vertices and the edges between them. Pieces whose intervals meet on a scan line are joined, so that what remains
is disjoint and its coverage adds up.

The intervals are stored as float32 `[slot, row, lane]`, 16 lanes a row of which 15 are scan lines, which lets the
compiler treat a row as one vector. Right ends are stored with the opposite sign, so that to widen an interval is to
take the lesser value at both ends; it is empty if the two add up to more than 0.

All kernels stand in this one file because Numba's stored code is renewed only when the kernel's own file changes.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from keras_sketch.drawing.compiled import compiled

LANES = 16
SCAN_LINES = 15

_f32 = np.float32
_u64 = np.uint64
_NONE = _f32(0)
_FULL = _f32(1)
_FAR = _f32(1e9)
_STEEP = 1e6
_jit = numba.njit(fastmath=True, error_model="numpy")
_kernel = compiled(fastmath=True, error_model="numpy")


@_jit
def _row(y, low, high):
    """The row of pixels at height y, brought into low..high before it becomes an integer."""
    if y <= low:
        return low
    if y >= high:
        return high
    return int(math.floor(y))


@_jit
def _bounded(value, limit):
    return _f32(min(max(value, -limit), limit))


@_jit
def _pen(left, right, lines, base, line, count, x, y, radius, edges):
    """Widens the intervals by the pen at one vertex."""
    a0, b0, a1, b1, a2, b2 = edges[0, 0], edges[0, 1], edges[1, 0], edges[1, 1], edges[2, 0], edges[2, 1]
    if a0 > 0:
        for i in range(count):
            j = _u64(base + i)
            d = abs(lines[_u64(line + i)] - y)
            half = a0 - b0 * d
            other = a1 - b1 * d
            half = other if other < half else half
            other = a2 - b2 * d
            half = other if other < half else half
            start = x - half if half >= _NONE else _FAR
            end = -x - half if half >= _NONE else _FAR
            left[j] = start if start < left[j] else left[j]
            right[j] = end if end < right[j] else right[j]
        return
    square = radius * radius
    for i in range(count):
        j = _u64(base + i)
        d = lines[_u64(line + i)] - y
        rest = square - d * d
        half = np.sqrt(rest if rest > _NONE else _NONE)
        start = x - half if rest >= _NONE else _FAR
        end = -x - half if rest >= _NONE else _FAR
        left[j] = start if start < left[j] else left[j]
        right[j] = end if end < right[j] else right[j]


@_jit
def _edge(ends, lines, base, first, last, x, y, height, slope, middle, sign):
    """Widens one end of the intervals (left: sign 1, right: sign -1) by a segment's edge from (x, y) downwards."""
    offset = x - slope * y
    if abs(slope) > _STEEP:
        # Nearly horizontal: float32 keeps the height at which the edge crosses the canvas, not its far end.
        crossing = min(max(y + (middle - x) / slope, -_STEEP), _STEEP)
        slope = math.copysign(_STEEP, slope)
        offset = middle - slope * crossing
    m = _f32(sign * slope)
    c = _bounded(sign * offset, 1e15)
    top = _bounded(y, 1e9)
    bottom = _bounded(y + height, 1e9)
    line = _row(top, first, last)
    count = (_row(bottom, first, last) - line + 1) * LANES
    base += line * LANES
    line *= LANES
    for i in range(count):
        j = _u64(base + i)
        at = lines[_u64(line + i)]
        value = c + m * at if (at >= top) & (at < bottom) else _FAR
        ends[j] = value if value < ends[j] else ends[j]


@_jit
def _sweep(left, right, lines, base, first, last, px, py, start, stop, radius, edges, middle):
    """Widens the intervals of the rows first..last by the piece of a stroke from point start to point stop."""
    for v in range(start, stop + 1):
        row = _row(py[v] - radius, first, last)
        count = (_row(py[v] + radius, first, last) - row + 1) * LANES
        x, y = _bounded(px[v], 1e9), _bounded(py[v], 1e9)
        _pen(left, right, lines, base + row * LANES, row * LANES, count, x, y, _f32(radius), edges)
    for v in range(start, stop):
        x, y, dx, dy = px[v], py[v], px[v + 1] - px[v], py[v + 1] - py[v]
        if dy == 0:
            continue
        if dy < 0:
            x, y, dx, dy = x + dx, y + dy, -dx, -dy
        scale = radius / math.sqrt(dx * dx + dy * dy)
        across, along = dy * scale, dx * scale
        _edge(left, lines, base, first, last, x - across, y + along, dy, dx / dy, middle, 1)
        _edge(right, lines, base, first, last, x + across, y - along, dy, dx / dy, middle, -1)


@_jit
def _absorb(left, right, new, old, count):
    """Moves each interval of the slot `old` that meets one of the slot `new` into that one."""
    for i in range(count):
        j = _u64(new + i)
        k = _u64(old + i)
        l0, r0, l1, r1 = left[k], right[k], left[j], right[j]
        meet = (l1 + r0 <= _NONE) & (l0 + r1 <= _NONE)
        low = l0 if l0 < l1 else l1
        high = r0 if r0 < r1 else r1
        left[j] = low if meet else l1
        right[j] = high if meet else r1
        left[k] = _FAR if meet else l0
        right[k] = _FAR if meet else r0


@_jit
def _settle(left, right, new, old, count, side):
    """Moves intervals of the slot `new` into empty places of `old`; returns how many on the canvas are left."""
    rest = 0
    for i in range(count):
        j = _u64(new + i)
        k = _u64(old + i)
        l0, r0, l1, r1 = left[k], right[k], left[j], right[j]
        alive = (l1 + r1 <= _NONE) & (r1 < _NONE) & (l1 < side)
        move = alive & (l0 + r0 > _NONE)
        left[k] = l1 if move else l0
        right[k] = r1 if move else r0
        left[j] = _FAR if move else l1
        right[j] = _FAR if move else r1
        rest += 1 if alive & (l0 + r0 <= _NONE) else 0
    return rest


@_jit
def _add_coverage(left, right, base, column, coverage, at):
    """Adds to 8 pixels from `column` on what the scan lines of one row cover of them, 15 for a whole pixel."""
    c0, c1, c2, c3, c4, c5, c6, c7 = _NONE, _NONE, _NONE, _NONE, _NONE, _NONE, _NONE, _NONE
    for i in range(SCAN_LINES):
        start, end = left[_u64(base + i)] - column, -right[_u64(base + i)] - column
        c0 += _overlap(start, end, _f32(0))
        c1 += _overlap(start, end, _f32(1))
        c2 += _overlap(start, end, _f32(2))
        c3 += _overlap(start, end, _f32(3))
        c4 += _overlap(start, end, _f32(4))
        c5 += _overlap(start, end, _f32(5))
        c6 += _overlap(start, end, _f32(6))
        c7 += _overlap(start, end, _f32(7))
    sums = (c0, c1, c2, c3, c4, c5, c6, c7)
    for i in range(8):
        coverage[_u64(at + i)] += sums[i]


@_jit
def _overlap(start, end, pixel):
    low, high = start - pixel, end - pixel
    high = high if high < _FULL else _FULL
    low = low if low > _NONE else _NONE
    return high - low if high > low else _NONE


@_jit
def _collect(left, right, slots, first, last, side, coverage):
    """Adds up the coverage of all slots; returns the first and last column that they touch."""
    column_first, column_last = side, -1
    for slot in range(slots):
        for row in range(first, last + 1):
            base = (slot * side + row) * LANES
            low, high = _FAR, -_FAR
            for i in range(LANES):
                start, end = left[_u64(base + i)], -right[_u64(base + i)]
                low = start if start < low else low
                high = end if end > high else high
            if high < low or high <= 0 or low >= side:
                continue
            start, stop = _row(low, 0, side - 1), _row(high, 0, side - 1)
            column_first, column_last = min(column_first, start), max(column_last, stop)
            for column in range(start, stop + 1, 8):
                _add_coverage(left, right, base, _f32(column), coverage, row * (side + 8) + column)
    return column_first, column_last


@_jit
def _cover(left, right, lines, px, py, start, stop, side, radius, edges, coverage):
    """Puts a stroke's coverage, 0..15 a pixel, into `coverage` [side, side + 8], where the stroke lies.

    Returns the two interval arrays (longer ones if it needed more slots) and the rows and columns it touches.
    """
    low, high = py[start], py[start]
    for v in range(start, stop):
        low, high = min(low, py[v]), max(high, py[v])
    if high + radius <= 0 or low - radius >= side:
        return left, right, 0, -1, 0, -1
    first, last = _row(low - radius, 0, side - 1), _row(high + radius, 0, side - 1)
    slots = 0
    v = start
    while True:
        turn, way = v, 0.0
        while turn + 1 < stop and way * (py[turn + 1] - py[turn]) >= 0:
            way = py[turn + 1] - py[turn] if way == 0 else way
            turn += 1
        if (slots + 1) * side * LANES > left.shape[0]:
            left, right = np.concatenate((left, left)), np.concatenate((right, right))
        base = slots * side * LANES
        for i in range(base + first * LANES, base + (last + 1) * LANES):
            left[_u64(i)] = _FAR
            right[_u64(i)] = _FAR
        low, high = min(py[v], py[turn]) - radius, max(py[v], py[turn]) + radius
        top, bottom = _row(low, first, last), _row(high, first, last)
        _sweep(left, right, lines, base, top, bottom, px, py, v, turn, radius, edges, side / 2)
        rest, count = 1, (bottom - top + 1) * LANES
        for slot in range(slots):
            _absorb(left, right, base + top * LANES, (slot * side + top) * LANES, count)
        for slot in range(slots):
            if rest:
                rest = _settle(left, right, base + top * LANES, (slot * side + top) * LANES, count, _f32(side))
        slots += 1 if rest else 0
        v = turn
        if turn + 1 >= stop:
            break
    column_first, column_last = _collect(left, right, slots, first, last, side, coverage)
    return left, right, first, last, column_first, column_last


@_jit
def _blend(coverage, first, last, start, stop, side, image):
    """Lays white of the given coverage over the picture, in cairo's whole-number arithmetic, and clears it."""
    for row in range(first, last + 1):
        for column in range(start, stop + 1):
            j = _u64(row * (side + 8) + column)
            k = _u64(row * side + column)
            alpha = np.int32(coverage[j] * _f32(255 / SCAN_LINES) + _f32(0.5))
            coverage[j] = _NONE
            shade = np.int32(image[k]) * (np.int32(255) - alpha) + np.int32(127)
            image[k] = np.uint8(alpha + ((shade + (shade >> np.int32(8))) >> np.int32(8)))


@_kernel
def draw(px, py, stroke_ends, drawing_ends, lines, edges, radius, images):
    """Draws a batch, white on black, each stroke over those before it.

    Args:
        px: float64 [points], in pixels; `py` likewise.
        py: float64 [points].
        stroke_ends: int64 [strokes], the number of points up to each stroke's end.
        drawing_ends: int64 [N], the number of strokes up to each drawing's end.
        lines: float32 [side * LANES], the height of every lane.
        edges: float32 [3, 2], from `pen_edges`.
        radius: The pen's, in pixels.
        images: uint8 [N, side * side], zeros, drawn into.
    """
    side = lines.shape[0] // LANES
    left, right = np.empty(4 * lines.shape[0], np.float32), np.empty(4 * lines.shape[0], np.float32)
    coverage = np.zeros(side * (side + 8), np.float32)
    stroke, point = 0, 0
    for drawing in range(drawing_ends.shape[0]):
        while stroke < drawing_ends[drawing]:
            left, right, first, last, start, stop = _cover(
                left, right, lines, px, py, point, stroke_ends[stroke], side, radius, edges, coverage
            )
            _blend(coverage, first, last, start, stop, side, images[drawing])
            point = stroke_ends[stroke]
            stroke += 1
