"""What a GPS receiver adds to a route: points that jump away and back, and a cloud of points at each stop.

Both are found from the distances between points on the globe, so it does not matter where on it the route lies.
"""

from __future__ import annotations

import numpy as np

_EARTH_RADIUS = 6371008.8  # metres, the mean radius of WGS 84

# A jump is faster than anybody goes (m/s) and than this route does; without times it is a longer way.
_FASTEST = 12.0
_TIMES_TYPICAL_SPEED = 8.0
_TIMES_LONG_STEP = 10.0
_JUMP_POINTS = 10  # a receiver that is off for longer is taken to be right
_END_POINTS = 3
_RETURN = 0.3  # share of the way out within which a jump comes back to where it began
_FAR = 3.0  # times the size of all the rest

# A stop is a cloud of this radius, in metres, unless that is too much of the route.
_STOP_RADIUS = 20.0
_STOP_SHARE = 0.03
_STOP_POINTS = 6
_STOP_TURN = np.radians(60.0)
_WINDOW = 200


def on_globe(latitudes: np.ndarray, longitudes: np.ndarray) -> np.ndarray:
    """Gives places in space: float64 [points, 3], metres from the middle of the Earth; degrees in, float64 [points]."""
    lat, lon = np.radians(latitudes), np.radians(longitudes)
    return _EARTH_RADIUS * np.stack((np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)), axis=1)


def without_jumps(places: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """Finds the points of a line that are left when those are dropped that jump away, out and back.

    With times, a jump is a step at an impossible speed. Without, it is a step ten times as long as eight in ten others;
    a line that comes back to the very point where it left is then planned, unless it went far out of the whole route.

    Args:
        places: float64 [points, 3], from `on_globe`.
        seconds: float64 [points], the times; not a number where there is none.

    Returns:
        int64 [kept], increasing indices.
    """
    steps = np.linalg.norm(np.diff(places, axis=0), axis=1)
    kept = np.ones(len(places), bool)
    if len(steps) < 4:
        return np.flatnonzero(kept)
    waits = np.diff(seconds)
    timed = bool((waits >= 0).all())  # False where a time is missing
    waits = np.maximum(waits, 1.0) if timed else np.ones(len(steps))
    speeds = steps / waits
    if timed:
        limit = max(_FASTEST, _TIMES_TYPICAL_SPEED * np.quantile(speeds, 0.5, method="lower"))
    else:
        moves = speeds[speeds > 0] if speeds.any() else speeds
        limit = max(1e-9, _TIMES_LONG_STEP * np.quantile(moves, 0.8, method="lower"))
    jumps = np.flatnonzero(speeds > limit)
    far = _FAR * _size_of_most(places)
    after = -1
    for place, leaving in enumerate(jumps):
        if leaving < after:
            continue
        for coming in jumps[place + 1 : place + 1 + _JUMP_POINTS]:
            if coming - leaving > _JUMP_POINTS:
                break
            gap = np.linalg.norm(places[coming + 1] - places[leaving])
            way = min(steps[leaving], steps[coming])
            returns = gap <= _RETURN * way and gap <= limit * waits[leaving : coming + 1].sum()
            planned = not timed and gap == 0 and way < far
            if returns and not planned:
                kept[leaving + 1 : coming + 1] = False
                after = coming + 1
                break
    # The few points before a first jump, or after a last one, have no way back.
    for jump in jumps:
        first, last = jump < _END_POINTS, jump >= len(steps) - _END_POINTS
        if kept[jump] and kept[jump + 1] and first != last and (timed or steps[jump] > far):
            kept[slice(0, jump + 1) if first else slice(jump + 1, None)] = False
    return np.flatnonzero(kept)


def without_stops(places: np.ndarray, size: float) -> np.ndarray:
    """Finds the points of a line that are left when the cloud of points at each stop becomes one of them.

    A cloud is six points or more within a small circle that go nowhere and turn by more than 60 degrees at a time. A
    circle that somebody drew turns less, and a line with much noise gets somewhere.

    Args:
        places: float64 [points, 3], from `on_globe`.
        size: Metres from end to end of the whole route.

    Returns:
        int64 [kept], increasing indices; of equal points in a row only the first.
    """
    moved = np.flatnonzero(np.any(np.diff(places, axis=0) != 0, axis=1)) + 1
    kept = np.concatenate(([0], moved))
    points = places[kept]
    if len(points) < _STOP_POINTS:
        return kept
    radius = min(_STOP_RADIUS, _STOP_SHARE * size)
    steps = np.diff(points, axis=0)
    steps /= np.linalg.norm(steps, axis=1, keepdims=True)
    turns = np.arccos(np.clip((steps[:-1] * steps[1:]).sum(axis=1), -1, 1))
    sums = np.concatenate(([0.0], np.cumsum(turns)))  # sums[i]: turns at the points 1..i
    inner = _STOP_POINTS - 2
    chosen, first = [], 0
    while first < len(points):
        end = first + 1
        last_of_least = first + _STOP_POINTS - 1
        if last_of_least < len(points) and sums[first + inner] - sums[first] > _STOP_TURN * inner:
            end = _end_of_stop(points, sums, first, radius)
        if end - first < _STOP_POINTS:
            chosen.append(first)
            first += 1
        else:
            cloud = points[first:end]
            away = np.linalg.norm(cloud - np.median(cloud, axis=0), axis=1)
            chosen.append(first + int(away.argmin()))
            first = end
    return kept[chosen]


def _end_of_stop(points: np.ndarray, sums: np.ndarray, first: int, radius: float) -> int:
    """Returns where the stop that begins at `first` ends; `first` where none does."""
    window = points[first : first + _WINDOW]
    outside = np.linalg.norm(window - window[0], axis=1) > radius
    count = int(outside.argmax()) if outside.any() else len(window)
    if count < _STOP_POINTS or sums[first + count - 2] - sums[first] <= _STOP_TURN * (count - 2):
        return first
    cloud, half = window[:count], count // 2
    travel = np.linalg.norm(cloud[:half].mean(axis=0) - cloud[-half:].mean(axis=0))
    spread = np.sqrt(((cloud - cloud.mean(axis=0)) ** 2).sum(axis=1).mean())
    return first + count if travel < spread else first


def _size_of_most(places: np.ndarray) -> float:
    """The diagonal of the box around the middle eight tenths of the points along each axis."""
    low, high = (np.quantile(places, q, axis=0, method=how) for q, how in ((0.1, "higher"), (0.9, "lower")))
    return float(np.linalg.norm(np.maximum(high - low, 0)))


def size_of(lines: list[np.ndarray]) -> float:
    """Gives the diagonal, in metres, of the box around lines from `on_globe`."""
    return float(np.linalg.norm(np.ptp(np.concatenate(lines), axis=0)))
