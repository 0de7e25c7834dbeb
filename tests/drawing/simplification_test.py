import numpy as np
import pytest

from keras_sketch.drawing import parse_ndjson, simplify
from keras_sketch.errors import BadDataError


def thin(points, epsilon):
    """Ramer, Douglas and Peucker as in the textbook: recursive, farthest point from the chord."""
    if len(points) < 3:
        return points
    chord = points[-1] - points[0]
    offsets = points - points[0]
    length = np.hypot(*chord)
    across = np.abs(chord[0] * offsets[:, 1] - chord[1] * offsets[:, 0])
    distances = across / length if length else np.hypot(*offsets.T)
    split = int(distances[1:-1].argmax()) + 1
    if distances[split] <= epsilon:
        return points[[0, -1]]
    return np.concatenate((thin(points[: split + 1], epsilon)[:-1], thin(points[split:], epsilon)))


def textbook(strokes):
    everything = np.concatenate([np.transpose(stroke[:2]) for stroke in strokes]).astype(float)
    least = everything.min(axis=0)
    scale = 255 / (everything - least).max()
    result = []
    for stroke in strokes:
        points = (np.transpose(stroke[:2]) - least) * scale
        along = np.concatenate(([0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))))
        at = np.arange(0, along[-1])
        even = np.stack([np.interp(at, along, points[:, axis]) for axis in (0, 1)], axis=1)
        result.append(np.round(thin(np.concatenate((even, points[-1:])), 2.0)).astype(int).T.tolist())
    return result


def wandering(random, points):
    return tuple(np.cumsum(random.normal(0, 8, (2, points)), axis=1).tolist())


def test_it_is_what_the_recipe_says():
    random = np.random.default_rng(0)
    for _ in range(20):
        strokes = [(*wandering(random, int(random.integers(2, 200))), [0]) for _ in range(3)]
        assert simplify(strokes) == textbook(strokes)


def test_the_result_fills_0_to_255_without_distortion():
    ((xs, ys),) = simplify([([-1000, 3000, 3000], [50, 50, 2050])])
    assert (xs, ys) == ([0, 255, 255], [0, 0, 128])
    assert all(type(value) is int for value in xs + ys)


def test_points_on_a_line_go_and_corners_stay():
    ((xs, ys),) = simplify([(list(range(256)) + [255] * 200, [0] * 256 + list(range(200)))])
    assert (xs, ys) == ([0, 255, 255], [0, 0, 199])


def test_dots_stay_as_two_equal_points():
    assert simplify([([5], [9])]) == [[[0, 0], [0, 0]]]
    assert simplify([([0, 510], [0, 0]), ([255, 255, 255], [100, 100, 100])])[1] == [[128, 128], [50, 50]]


def test_simplifying_twice_changes_nothing_much():
    random = np.random.default_rng(3)
    once = simplify([wandering(random, 80)])
    twice = simplify(once)
    assert len(twice[0][0]) <= len(once[0][0])


@pytest.mark.parametrize("strokes", [[], [([], [])], [([1, 2], [1])], [([float("nan")], [1])]])
def test_bad_drawings_are_refused(strokes):
    with pytest.raises(BadDataError):
        simplify(strokes)


def test_official_simplified_drawings(samples):
    folder = samples / "quickdraw"
    identical = near = total = 0
    for path in sorted(folder.glob("raw/*.ndjson")):
        official = {d.key_id: d.strokes for d in parse_ndjson(folder / "simplified" / path.name)}
        for drawing in parse_ndjson(path):
            if drawing.key_id not in official:
                continue
            ours, theirs = simplify(drawing), official[drawing.key_id]
            total += 1
            identical += ours == theirs
            near += [len(s[0]) for s in ours] == [len(s[0]) for s in theirs] and all(
                np.abs(np.subtract(a, b)).max() <= 1 for a, b in zip(ours, theirs, strict=True)
            )
    assert total > 250
    assert identical / total > 0.94 and near / total > 0.95
