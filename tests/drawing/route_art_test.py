"""Route extraction: made-up maps whose route is known, the real window, and screenshots that cannot be used."""

import warnings

import cv2
import numpy as np
import pytest
import street_maps

from keras_sketch.curation.decode import MAX_PIXELS
from keras_sketch.drawing import extract_route
from keras_sketch.drawing.route_art import MAX_ROUTE_PIXELS, SeveralRoutesWarning
from keras_sketch.errors import BadDataError, InvalidArgumentError, UnknownNameError

HUES = ("red", "orange", "blue")


def padded(mask):
    height, width = mask.shape
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    return np.pad(mask, ((top, side - height - top), (left, side - width - left)))


def overlap(street_map, colour=None):
    found, drawn = extract_route(street_map.image, colour) == 0, padded(street_map.mask)
    return (found & drawn).sum() / (found | drawn).sum()


def plain_map(*lines, size=(400, 600)):
    """Pale ground with a lake and a road, and a zigzag of a colour and width a line."""
    image = np.full((*size, 3), (242, 239, 233), np.uint8)
    cv2.circle(image, (120, 300), 80, (170, 211, 223), -1)
    cv2.line(image, (0, 50), (599, 350), (255, 255, 255), 9)
    for number, (colour, width, right) in enumerate(lines):
        points = [(x, 90 + 130 * number + 60 * (x // 40 % 2)) for x in range(60, right, 40)]
        cv2.polylines(image, [np.int32(points)], False, colour, width, cv2.LINE_AA)
    return image


@pytest.mark.parametrize("number", range(12))
def test_the_route_on_a_map_is_found_to_the_pixel(number):
    street_map = street_maps.draw_map(number, HUES[number % 3], 3 + 9 * number // 11)
    assert overlap(street_map) >= 0.9, street_map.about


@pytest.mark.slow
def test_two_hundred_maps():
    scores = []
    for number in range(200):
        street_map = street_maps.draw_map(number, HUES[number % 3], 3 + number // 3 % 10)
        scores.append((overlap(street_map), street_map.about))
    assert min(scores)[0] >= 0.9, min(scores)


@pytest.mark.parametrize("hue", ["purple", "magenta", "green"])
def test_other_colours_are_found_when_named(hue):
    assert overlap(street_maps.draw_map(3, hue, 6), hue) >= 0.85


def test_retina_and_small_pictures():
    image = plain_map(((252, 76, 2), 4, 560))
    for scale in (2, 3):
        large = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        found = cv2.resize(extract_route(large), (600, 600), interpolation=cv2.INTER_AREA) < 128
        usual = extract_route(image) == 0
        assert (found & usual).sum() / (found | usual).sum() > 0.8


def test_a_name_numbers_and_hexadecimal_choose_the_same_colour():
    image = plain_map(((230, 20, 20), 5, 560), ((30, 90, 240), 5, 560))
    blue = extract_route(image, "blue")
    np.testing.assert_array_equal(extract_route(image, (40, 100, 230)), blue)
    np.testing.assert_array_equal(extract_route(image, "#1E5AF0"), blue)
    rows = np.nonzero((blue == 0).any(1))[0]
    assert rows.min() > 300  # The square adds 100 rows above.


def test_of_two_routes_the_larger_is_taken_and_said():
    image = plain_map(((230, 20, 20), 5, 560), ((30, 90, 240), 5, 420))
    with pytest.warns(SeveralRoutesWarning, match="both red .* and blue .* could be the route's colour"):
        found = extract_route(image)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(extract_route(image, "red"), found)


def test_a_gap_is_closed_and_neighbouring_lines_stay_apart():
    image = np.full((400, 400, 3), 240, np.uint8)
    cv2.rectangle(image, (60, 60), (340, 300), (255, 0, 0), 4)
    cv2.line(image, (60, 312), (340, 312), (255, 0, 0), 4)
    cv2.line(image, (340, 300), (340, 312), (255, 0, 0), 4)
    cv2.circle(image, (200, 60), 7, (60, 60, 60), -1)
    found = extract_route(image) == 0
    assert found[58:63, 190:211].any(0).all()
    assert not found[305:308, 80:320].any()


def test_an_icon_and_a_button_of_the_same_colour_are_dropped():
    image = plain_map(((252, 76, 2), 4, 560))
    before = extract_route(image)
    cv2.circle(image, (300, 330), 14, (252, 76, 2), -1, cv2.LINE_AA)
    cv2.rectangle(image, (380, 340), (560, 385), (252, 76, 2), -1)
    cv2.putText(image, "Follow", (410, 370), cv2.FONT_HERSHEY_SIMPLEX, 1, (255, 255, 255), 2)
    np.testing.assert_array_equal(extract_route(image), before)


def test_a_densely_filled_route_is_no_icon():
    image = np.full((400, 400, 3), 240, np.uint8)
    points = [(100 + 200 * (number // 2 % 2 != number % 2), 100 + 7 * (number // 2)) for number in range(60)]
    cv2.polylines(image, [np.int32(points)], False, (255, 0, 0), 4)
    assert (extract_route(image) == 0).sum() > 10_000


@pytest.mark.parametrize("size", [(301, 200), (200, 301), (250, 250)])
def test_the_picture_stands_in_the_middle_of_the_square(size):
    image = np.full((*size, 3), 240, np.uint8)
    cv2.rectangle(image, (40, 30), (160, 170), (0, 0, 255), 5)
    found = extract_route(image)
    side = max(size)
    top, left = (side - size[0]) // 2, (side - size[1]) // 2
    assert found.shape == (side, side) and found.dtype == np.uint8 and set(np.unique(found)) == {0, 255}
    assert not found[top + 30, left + 40 : left + 160].any()
    assert (found[top : top + size[0], left : left + size[1]] == 0).sum() == (found == 0).sum()


def test_a_thin_line_survives_scaling():
    street_map = street_maps.draw_map(2, "blue", 3)
    small = extract_route(street_map.image, side=64)
    there = cv2.resize(padded(street_map.mask).astype(np.float32), (64, 64), interpolation=cv2.INTER_AREA) > 0.02
    assert small.shape == (64, 64)
    assert np.median(small[there]) < 110
    assert extract_route(street_map.image, side=2000).shape == (2000, 2000)


@pytest.mark.parametrize("seed", [1, 3, 16, 36])
def test_a_map_without_a_route_is_refused(seed):
    with pytest.raises(BadDataError, match="no route"):
        extract_route(street_maps.draw_map(seed, None).image)


def test_a_colour_that_draws_nothing_is_named():
    with pytest.raises(BadDataError, match="no blue .*route"):
        extract_route(plain_map(((230, 20, 20), 5, 560)), "blue")


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (1, 500), (40, 40)])
@pytest.mark.parametrize("fill", [0, 255, (255, 0, 0)])
def test_tiny_and_plain_pictures_are_refused(size, fill):
    with pytest.raises(BadDataError, match="no route"):
        extract_route(np.full((*size, 3), fill, np.uint8))


def test_huge_pictures_are_refused_and_large_ones_scaled():
    assert MAX_ROUTE_PIXELS == MAX_PIXELS
    with pytest.raises(BadDataError, match="20000 x 20000 pixels are more than 52 million"):
        extract_route(np.broadcast_to(np.uint8(0), (20_000, 20_000, 3)))
    large = cv2.resize(plain_map(((230, 20, 20), 6, 560)), (5400, 3600), interpolation=cv2.INTER_LINEAR)
    found = extract_route(large)
    assert found.shape[0] ** 2 * 3600 / 5400 <= 16_000_000
    assert (found == 0).any()


@pytest.mark.parametrize(
    "image",
    [
        None,
        "map.png",
        np.zeros((9, 9), np.uint8),
        np.zeros((9, 9, 4), np.uint8),
        np.zeros((9, 9, 1), np.uint8),
        np.zeros((9, 9, 3), np.float32),
        np.zeros((0, 9, 3), np.uint8),
    ],
)
def test_what_is_not_a_picture_is_refused(image):
    with pytest.raises(InvalidArgumentError, match="uint8 RGB array"):
        extract_route(image)


@pytest.mark.parametrize("colour", [(1, 2), (300, 0, 0), (255.0, 0, 0), "#12", 5, (128, 128, 128), "#FFFFFF"])
def test_what_is_not_a_colour_is_refused(colour):
    with pytest.raises(InvalidArgumentError, match="colour"):
        extract_route(plain_map(((230, 20, 20), 5, 560)), colour)


def test_an_unknown_name_and_side_are_refused():
    with pytest.raises(UnknownNameError, match="Did you mean 'orange'"):
        extract_route(plain_map(), "ornage")
    for side in (0, 1.5, True, 9000):
        with pytest.raises(InvalidArgumentError, match="side"):
            extract_route(plain_map(), side=side)


def test_the_word_in_the_real_window(samples):
    image = cv2.imread(str(samples / "route_art" / "map_window.png"))[..., ::-1]
    rows, columns = np.nonzero(extract_route(image) == 0)
    top, left = (1004 - 847) // 2, 0
    assert 550 < rows.min() - top and rows.max() - top < 718
    assert 404 < columns.min() - left and columns.max() - left < 599
    assert 3000 < len(rows) < 4500
