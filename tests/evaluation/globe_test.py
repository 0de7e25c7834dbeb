import cv2
import numpy as np
import pytest

from keras_sketch.evaluation.globe import equal_earth, great_circle, land_outlines, split_at_date_line
from keras_sketch.metrics import haversine_km


def test_land_is_where_it_is():
    outlines = land_outlines()
    assert all((outline[0] == outline[-1]).all() for outline in outlines)
    latitude, longitude = np.concatenate(outlines).T
    assert np.abs(latitude).max() <= 90 and np.abs(longitude).max() <= 180
    # A map of one pixel a degree; the Caspian Sea's outline goes round the other way and empties it again.
    world = np.zeros((180, 360), "uint8")
    cv2.fillPoly(world, [np.int32(np.round(outline[:, ::-1] + (180, 90))) for outline in outlines], 1)
    on_land = {"Paris": (48.9, 2.3), "Sahara": (23, 10), "Alice Springs": (-23.7, 133.9), "Kansas": (38, -98)}
    at_sea = {"Pacific": (0, -150), "Atlantic": (30, -45), "Caspian": (42, 51), "Indian Ocean": (-30, 80)}
    for name, (north, east) in (on_land | at_sea).items():
        assert world[round(north + 90), round(east + 180)] == (name in on_land), name


def test_equal_areas_of_the_globe_are_equal_areas_of_the_map():
    rng = np.random.default_rng(0)
    corner = rng.uniform((-85, -179), (84, 178), (50, 2))
    step = 1e-4
    places = corner[:, None] + step * np.array([(0, 0), (0, 1), (1, 0)])
    origin, east, north = np.moveaxis(equal_earth(places), 1, 0)
    (ex, ey), (nx, ny) = (east - origin).T, (north - origin).T
    on_globe = np.radians(step) ** 2 * np.cos(np.radians(corner[:, 0]))
    assert (ex * ny - ey * nx) / on_globe == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ((36, 138), (40, -100)),
        ((-18, 178), (-14, -171)),
        ((10, 20), (-10, -160)),
        ((90, 0), (-90, 0)),
        ((5, 5), (5, 5)),
    ],
)
def test_a_great_circle_is_the_shortest_way(start, end):
    way = great_circle(start, end, points=33)
    steps = haversine_km(way[:-1], way[1:])
    assert haversine_km(way[0], start) < 1e-6 and haversine_km(way[-1], end) < 1e-3
    # Also between antipodes, and between a place and itself.
    assert steps.sum() == pytest.approx(haversine_km(start, end), abs=1e-3)
    assert np.ptp(steps) < 1e-3


@pytest.mark.parametrize(
    ("start", "end"), [((36, 138), (40, -100)), ((40, -100), (36, 138)), ((-18, 179), (-18, -179))]
)
def test_a_way_over_the_date_line_is_cut_there(start, end):
    way = great_circle(start, end, points=50)
    first, second = split_at_date_line(way)
    assert first[-1, 0] == second[0, 0] and first[-1, 1] == -second[0, 1] and abs(first[-1, 1]) == 180
    assert np.abs(np.diff(first[:, 1])).max() < 180 > np.abs(np.diff(second[:, 1])).max()
    assert len(first) + len(second) == 52
    # The place on the line is on the way: a detour over it is none.
    around = np.concatenate([first, second])
    assert haversine_km(around[:-1], around[1:]).sum() == pytest.approx(haversine_km(start, end), rel=1e-3)


def test_what_does_not_cross_the_line_stays_whole():
    way = great_circle((50, 10), (40, -100))
    (part,) = split_at_date_line(way)
    assert (part == way).all()
    there_and_back = np.array([[0, 170], [0, -170], [5, 170]])
    assert [len(part) for part in split_at_date_line(there_and_back)] == [2, 3, 2]
