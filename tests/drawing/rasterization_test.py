import math
import sys

import numpy as np
import pytest

from keras_sketch.drawing import Drawing, parse_ndjson, rasterize
from keras_sketch.errors import BadDataError, InvalidArgumentError, MissingDataError, UnknownNameError

FAR = {
    "a dot": [([5], [5])],
    "a dot of equal points": [([10] * 5, [10] * 5)],
    "out of the canvas": [([-500, 900], [100, 120])],
    "half a million": [([128, 128, 128], [-5e5, 5e5, 100])],
    "a long diagonal": [([0, 10**9], [0, 10**9])],
    "a trillion, beside it a small line": [([-1e12, 1e12], [10, 12]), ([0, 5], [0, 5])],
    "beyond float32": [([0, 1e300], [0, 1])],
    "nothing in sight": [([-1e12, 1e12, -1e12], [0, 1e12, 0])],
}


def brute_force(strokes, side, line_width, padding, fine=12):
    """The share of fine x fine samples of each pixel that lie within half a line width of a segment, times 255."""
    margin = padding + line_width / 2
    scale = side / (256 + 2 * margin)
    at = (np.arange(side * fine) + 0.5) / fine
    x, y = np.meshgrid(at, at)
    shift = [(256 - max(max(stroke[axis]) for stroke in strokes)) / 2 + margin for axis in (0, 1)]
    picture = np.zeros((side, side))
    for stroke in strokes:
        points = [((px + shift[0]) * scale, (py + shift[1]) * scale) for px, py in zip(*stroke[:2], strict=True)]
        inside = np.zeros(x.shape, bool)
        for (ax, ay), (bx, by) in zip(points, points[1:] or points, strict=False):
            length = (bx - ax) ** 2 + (by - ay) ** 2
            t = np.clip(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length, 0, 1) if length else 0
            inside |= np.hypot(x - ax - t * (bx - ax), y - ay - t * (by - ay)) <= line_width / 2 * scale
        covered = inside.reshape(side, fine, side, fine).mean(axis=(1, 3))
        picture = covered + picture * (1 - covered)
    return 255 * picture


@pytest.fixture(scope="module")
def scribbles():
    random = np.random.default_rng(4)
    return [
        [tuple(random.integers(0, 256, (2, int(random.integers(1, 9)))).tolist()) for _ in range(random.integers(1, 5))]
        for _ in range(12)
    ]


@pytest.mark.parametrize(("side", "line_width", "padding"), [(28, 16, 16), (17, 30, 0), (64, 9, 40), (96, 16, 16)])
def test_pixels_are_the_covered_share(scribbles, side, line_width, padding):
    images = rasterize(scribbles, side, line_width, padding)
    assert images.shape == (12, side, side) and images.dtype == np.uint8
    expected = [brute_force(strokes, side, line_width, padding) for strokes in scribbles]
    # The pen is cairo's polygon, up to 0.1 pixels inside the circle.
    assert np.abs(images - np.array(expected)).mean() < 1.0


@pytest.mark.parametrize("side", [20, 28, 64, 128])
def test_both_engines_agree(scribbles, side):
    pytest.importorskip("cairocffi")
    error = np.abs(rasterize(scribbles, side).astype(int) - rasterize(scribbles, side, engine="cairo"))
    assert error.mean() < 0.4 and error.max() < 30


def test_far_points_are_clipped_and_dots_drawn_as_cairo_does():
    pytest.importorskip("cairocffi")
    ours, cairos = rasterize(list(FAR.values())), rasterize(list(FAR.values()), engine="cairo")
    error = np.abs(ours.astype(int) - cairos).mean(axis=(1, 2))
    assert dict(zip(FAR, error, strict=True)) == pytest.approx(dict.fromkeys(FAR, 0), abs=0.4)


def test_a_dot_is_a_disc_in_the_middle():
    image = rasterize([[([0], [0])]], side=56).astype(float)
    assert image.sum() / 255 == pytest.approx(math.pi * (8 * 56 / 304) ** 2, rel=0.06)
    np.testing.assert_allclose(image[0], image[0, ::-1], atol=3)
    np.testing.assert_allclose(image[0], image[0].T, atol=3)


def test_far_away_drawings_are_empty_and_near_lines_straight():
    pictures = dict(zip(FAR, rasterize(list(FAR.values())), strict=True))
    assert pictures["nothing in sight"].max() == 0
    diagonal = pictures["a long diagonal"]
    assert (np.diag(diagonal) == 255).all() and abs(diagonal.astype(int) - diagonal.T).max() <= 5


def test_long_scribbles_stay_right():
    random = np.random.default_rng(1)
    many = random.integers(0, 256, (2, 3000)).tolist()
    assert rasterize([[many]]).mean() > 150
    assert rasterize([[(random.normal(0, 1e4, 20_000), random.normal(0, 1e4, 20_000))]], side=64).shape == (1, 64, 64)
    zigzag = [(list(range(0, 256, 2)), [0, 250] * 64)]
    expected = brute_force(zigzag, 28, 3, 16, fine=24)
    assert np.abs(rasterize([zigzag], line_width=3)[0] - expected).mean() < 2


def test_every_form_of_drawing_gives_the_same_picture():
    lists = [([1, 200, 30], [4, 90, 250])]
    expected = rasterize([lists])
    for strokes in (
        [[list(map(float, part)) for part in lists[0]]],
        [tuple(np.array(part, np.int32) for part in lists[0])],
        np.array(lists),
        [(*lists[0], [0, 10, 20])],
        Drawing("x", "", "", True, "1", lists),
    ):
        np.testing.assert_array_equal(rasterize([strokes]), expected)


def test_a_batch_is_its_drawings():
    random = np.random.default_rng(2)
    drawings = [[random.integers(0, 256, (2, 4)).tolist()] for _ in range(2100)]
    drawings[2060] = [([-3.5, 300], [4, 5])]
    images = rasterize(drawings)
    for i in (0, 2047, 2048, 2060, 2099):
        np.testing.assert_array_equal(images[i], rasterize([drawings[i]])[0])
    assert rasterize([]).shape == (0, 28, 28)


@pytest.mark.parametrize(
    ("strokes", "message"),
    [
        ([], "Drawing 1 of the list has no strokes"),
        ([([], [])], "Drawing 1 of the list has no points in stroke 0"),
        ([([1], [1]), ([1, 2], [1])], "Drawing 1 of the list has 2 x and 1 y coordinates in stroke 1"),
        ([([1], [math.nan])], "not finite"),
        ([([1], [math.inf])], "not finite"),
        ([([10**400], [1])], "of numbers"),
        ([("1", "1")], "of numbers"),
        ([(["1"], ["1"])], "of numbers"),
        ([([None], [1])], "of numbers"),
        (["a"], "of numbers"),
        (3, "of numbers"),
    ],
)
@pytest.mark.parametrize("engine", ["auto", "cairo"])
def test_bad_drawings_are_named(strokes, message, engine):
    if engine == "cairo":
        pytest.importorskip("cairocffi")
    with pytest.raises(BadDataError, match=message):
        rasterize([[([1, 2], [3, 4])], strokes], engine=engine)


@pytest.mark.parametrize(
    "bad",
    [
        {"side": 0},
        {"side": 2.5},
        {"side": True},
        {"side": 10**6},
        {"line_width": 0},
        {"line_width": math.nan},
        {"line_width": "1"},
        {"padding": -1},
        {"padding": math.inf},
    ],
    ids=str,
)
def test_bad_arguments_are_named(bad):
    with pytest.raises(InvalidArgumentError, match=f"`{next(iter(bad))}` must be"):
        rasterize([], **bad)


def test_what_is_no_list_and_an_unknown_engine_are_named():
    with pytest.raises(InvalidArgumentError, match="drawings"):
        rasterize(5)
    with pytest.raises(UnknownNameError, match="'cairo'"):
        rasterize([], engine="cario")


def test_without_cairo_the_message_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "cairocffi", None)
    with pytest.raises(MissingDataError, match=r"pip install keras_sketch\[cairo\]"):
        rasterize([[([1], [1])]], engine="cairo")


def test_google_bitmaps(samples):
    folder = samples / "quickdraw"
    official, drawings = [], []
    for path in sorted(folder.glob("numpy_bitmap/*.npy")):
        some = list(parse_ndjson(folder / "simplified" / f"{path.stem}.ndjson"))
        drawings += some
        official.append(np.load(path, mmap_mode="r")[: len(some)].reshape(-1, 28, 28))
    official = np.concatenate(official)
    assert len(official) == 300
    assert np.abs(rasterize(drawings).astype(int) - official).mean() < 0.1
    pytest.importorskip("cairocffi")
    np.testing.assert_array_equal(rasterize(drawings, engine="cairo"), official)
