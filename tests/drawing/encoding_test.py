import numpy as np
import pytest

from keras_sketch.drawing import encode_strokes, rasterize
from keras_sketch.errors import BadDataError, InvalidArgumentError

# Three strokes that do not touch: two long lines and a dot.
APART = [([0, 255], [0, 0]), ([0, 255], [120, 120]), ([128], [255])]


def brightest(channel, rows):
    return channel[rows].max(axis=0)


def test_the_first_channel_is_the_rasterized_drawing():
    random = np.random.default_rng(0)
    drawings = [
        [random.integers(0, 256, (2, int(random.integers(1, 30)))).tolist() for _ in range(3)] for _ in range(9)
    ]
    channels = encode_strokes(drawings, side=40, line_width=9, padding=3)
    assert channels.shape == (9, 40, 40, 3) and channels.dtype == np.uint8
    ink = rasterize(drawings, side=40, line_width=9, padding=3)
    np.testing.assert_array_equal(channels[..., 0], ink)
    assert (channels[..., 1:] <= ink[..., None]).all()
    assert (channels[..., 1:][ink > 20] > 0).all()


def test_strokes_darken_in_their_order():
    channels = encode_strokes([APART], side=76)[0]
    ink = channels[..., 0]
    for rows, expected in ((slice(0, 15), 255), (slice(25, 45), 242), (slice(60, 76), 229)):
        solid = ink[rows] == 255
        assert solid.any()
        np.testing.assert_allclose(channels[rows, :, 1][solid], expected, atol=1)


def test_strokes_beyond_the_eleventh_look_alike():
    rungs = [([0, 255], [20 * i, 20 * i]) for i in range(13)]
    image = encode_strokes([rungs], side=152, line_width=8)[0]
    levels = [image[..., 1][image[..., 0] == 255].min(), *np.unique(image[..., 1][image[..., 0] == 255])]
    assert levels[0] == 125 and len(levels) - 1 == 11


def test_progress_falls_evenly_from_one_to_a_half_along_the_line():
    points = np.linspace(0, 255, 103)
    channels = encode_strokes([[(points, np.zeros(103))], [(points[::-1], np.zeros(103))]], side=76)
    row = channels[0, :, :, 2].max(axis=0).astype(int)
    inside = np.flatnonzero(channels[0, :, :, 0].max(axis=0) == 255)
    assert row[inside[0]] == pytest.approx(255, abs=4) and row[inside[-1]] == pytest.approx(128, abs=4)
    assert (np.diff(row[inside]) <= 0).all()
    assert row[inside[len(inside) // 2]] == pytest.approx(191, abs=4)
    np.testing.assert_allclose(channels[1, :, ::-1, 2].max(axis=0), row, atol=4)


def test_the_pen_that_is_up_makes_no_progress():
    far = encode_strokes([[([0, 100], [0, 0]), ([0, 100], [255, 255])]], side=76)[0]
    ink = far[..., 0] == 255
    assert far[:30, :, 2][ink[:30]].max() == far[:30, :, 2][ink[:30]].min() == round(255 * (1 - 0.25 / 2))
    assert far[40:, :, 2][ink[40:]].max() == round(255 * (1 - 0.75 / 2))


def test_dots_alone_have_made_no_progress():
    channels = encode_strokes([[([5], [5]), ([200], [100])]])[0]
    np.testing.assert_array_equal(channels[..., 0], channels[..., 2])


def test_a_drawing_does_not_depend_on_its_batch():
    drawings = [APART, [([0, 50, 200], [9, 255, 0])], [([3], [4])]]
    together = encode_strokes(drawings * 200)
    for i, drawing in enumerate(drawings):
        np.testing.assert_allclose(together[i + 597], encode_strokes([drawing])[0], atol=1)
    assert encode_strokes([]).shape == (0, 28, 28, 3)


def test_bad_input_is_named():
    with pytest.raises(InvalidArgumentError, match="side"):
        encode_strokes([APART], side=-1)
    with pytest.raises(BadDataError, match="Drawing 1"):
        encode_strokes([APART, []])
