import cv2
import numpy as np
import pytest

from keras_sketch.drawing.route_picture import frame_route


@pytest.mark.parametrize(("height", "width", "side"), [(300, 500, 128), (500, 300, 128), (40, 40, 128)])
def test_a_framed_route_fills_its_square_but_for_the_margin(height, width, side):
    picture = np.full((1000, 1000), 255, np.uint8)
    cv2.rectangle(picture, (400, 20), (399 + width, 19 + height), 0, 4)
    route = 255 - frame_route(picture[:, : 400 + width + 3], side).astype(int)
    rows, columns = np.nonzero(route.max(axis=1) > 60)[0], np.nonzero(route.max(axis=0) > 60)[0]
    spans = {"down": (rows[0], rows[-1]), "across": (columns[0], columns[-1])}
    long = spans["down" if height >= width else "across"]
    np.testing.assert_allclose(long, (0.05 * side, 0.95 * side), atol=3.5)
    for first, last in spans.values():
        assert abs(first + last + 1 - side) <= 3
    found = (rows[-1] - rows[0]) / (columns[-1] - columns[0])
    assert found == pytest.approx(height / width, rel=0.08)
