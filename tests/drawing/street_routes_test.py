"""Drawings as routes: one line, near the drawing, along streets, the same again; ways are the cheapest there are."""

import cv2
import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import cKDTree

from keras_sketch.drawing import draw_doodle, draw_street_route, street_route
from keras_sketch.drawing.shortest_ways import walk
from keras_sketch.drawing.street_network import make_town
from keras_sketch.errors import BadDataError, InvalidArgumentError

NAMES = ("cat", "house", "flower", "ladder")


@pytest.mark.parametrize("name", NAMES)
def test_a_route_is_one_line_in_the_middle_of_the_picture(name):
    doodle = draw_doodle(name, 0)
    assert len(doodle.strokes) > 1
    picture = draw_street_route(doodle, doodle.key_id, 128)
    assert (picture.shape, picture.dtype) == ((128, 128), np.uint8)
    ink = picture < 128
    assert cv2.connectedComponents(ink.astype(np.uint8))[0] == 1 + 1
    assert 0.02 < ink.mean() < 0.4
    y, x = np.nonzero(ink)
    assert max(np.ptp(x), np.ptp(y)) == pytest.approx(128 * 0.9, abs=4)
    assert abs(x.min() + x.max() - 127) <= 3 and abs(y.min() + y.max() - 127) <= 3


@pytest.mark.parametrize("name", NAMES)
def test_a_route_stays_near_the_drawing(name):
    doodle = draw_doodle(name, 1)
    route = street_route(doodle, doodle.key_id)
    points = np.concatenate([np.stack(stroke, axis=1) for stroke in doodle.strokes]).astype(float)
    low, high = points.min(axis=0), points.max(axis=0)
    distances = [
        cKDTree(route).query((points - (low + high) / 2) * blocks / (high - low).max())[0].max()
        for blocks in np.linspace(18, 36, 73)
    ]
    assert min(distances) < 1.6
    assert np.linalg.norm(np.diff(route, axis=0), axis=1).max() < 0.4


def test_arguments_decide_the_picture():
    doodle = draw_doodle("fish", 0)
    first = draw_street_route(doodle, "1", 64)
    assert np.array_equal(first, draw_street_route(doodle.strokes, "1", 64))
    assert not np.array_equal(first, draw_street_route(doodle, "2", 64))
    assert not np.array_equal(first, draw_street_route(doodle, "1", 64, seed=1))


@pytest.mark.parametrize(
    "drawing", [[[[5], [5]]], [[[1, 1], [2, 2]]], [[[0, 9], [0, 0]]], [[[0], [0]], [[255], [255]]]]
)
def test_dots_and_lines_are_drawings(drawing):
    assert (draw_street_route(drawing, "dot", 64) < 128).any()


def test_what_cannot_be_drawn():
    with pytest.raises(BadDataError, match="has no strokes"):
        draw_street_route([], "1")
    with pytest.raises(BadDataError, match="not finite"):
        draw_street_route([[[0, float("nan")], [0, 1]]], "1")
    with pytest.raises(InvalidArgumentError, match="`side` must be"):
        draw_street_route(draw_doodle("cat", 0), "1", 0)


def test_towns_have_streets_everywhere():
    for seed in range(5):
        town = make_town(np.random.default_rng(seed), 20)
        count = len(town.crossings)
        ends = town.streets.T
        _, parts = connected_components(coo_array((np.ones(len(town.streets)), tuple(ends)), (count, count)), False)
        assert np.bincount(parts).max() > 0.98 * count
        assert cKDTree(town.crossings).query(20 * np.array([(1, 0), (0, 1), (-1, 0), (0, -1)]))[0].max() < 1.5
        lengths = np.linalg.norm(town.crossings[ends[0]] - town.crossings[ends[1]], axis=1)
        assert lengths.max() < 4 and np.median(lengths) == pytest.approx(1.2, abs=0.4)


def test_ways_are_the_cheapest():
    rng = np.random.default_rng(0)
    town = make_town(rng, 6)
    both = np.concatenate((town.streets, town.streets[:, ::-1]))
    both = both[np.argsort(both[:, 0], kind="stable")]
    first = np.searchsorted(both[:, 0], np.arange(len(town.crossings) + 1))
    near, far = rng.uniform(1, 3, (2, len(both)))
    stops = rng.integers(0, len(town.crossings), 12)
    linking = rng.random(12) < 0.5
    route = walk(stops, linking, first, np.ascontiguousarray(both[:, 1]), near, far)
    assert route[0] == stops[0] and route[-1] == stops[-1]
    tables = [coo_array((costs, tuple(both.T)), shape=(len(first) - 1,) * 2).tocsr() for costs in (near, far)]
    place = 0
    for begin, end, link in zip(stops[:-1], stops[1:], linking[1:], strict=True):
        costs, cost = tables[int(link)], 0.0
        while route[place] != end:
            assert costs[route[place], route[place + 1]] > 0
            cost += costs[route[place], route[place + 1]]
            place += 1
        assert cost == pytest.approx(dijkstra(costs, indices=begin)[end])
