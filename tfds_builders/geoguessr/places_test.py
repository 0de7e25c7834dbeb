import tracemalloc

import numpy as np
import pytest
from sklearn.metrics.pairwise import haversine_distances

from tfds_builders.geoguessr.places import cell_names, group_views

KM = 180 / np.pi / 6371.0088


def grouped(points, signatures=None, names=None):
    points = np.asarray(points, float)
    names = names or [f"{number:04d}" for number in range(len(points))]
    return group_views(names, points, np.zeros((len(points), 16, 16), np.int8) if signatures is None else signatures)


@pytest.mark.parametrize("latitude", [0.2, 45, -60, 89])
def test_cells_are_a_kilometre_wide_and_high(latitude):
    steps = np.linspace(0, 1, 5_000)
    east = cell_names(
        np.stack([np.full_like(steps, latitude), 20 + 100 * KM / np.cos(np.radians(latitude)) * steps], 1)
    )
    assert len(set(east)) == pytest.approx(100, abs=2)
    north = cell_names(np.stack([latitude + 100 * KM * steps, np.zeros_like(steps)], 1))
    assert len({name.split("-")[1] for name in north}) == pytest.approx(100, abs=2)


def test_no_cell_is_cut_by_the_date_line_or_lost_at_the_poles():
    first, second, pole, other = cell_names(np.array([[10, 180], [10, -180], [90, 3], [90, -170]], float))
    assert first == second
    assert pole == other == "cell-20015-0"
    assert cell_names(np.array([[-90.0, -180.0]])) == ["cell-0-0"]


@pytest.mark.parametrize(
    "latitudes, longitudes",
    [((47.95, 48.05), (10.95, 11.05)), ((89.96, 90), (-180, 180)), ((-0.04, 0.04), (-0.05, 0.05))],
)
def test_neighbours_are_joined_across_cells_and_others_are_not(latitudes, longitudes):
    rng = np.random.default_rng(0)
    points = np.stack([rng.uniform(*latitudes, 400), (rng.uniform(*longitudes, 400) + 359) % 360 - 180], axis=1)
    distance = haversine_distances(np.radians(points)) * 6371.0088
    cells = np.array(cell_names(points))
    linked = (distance <= 0.1) | (cells[:, np.newaxis] == cells)
    for _ in range(9):
        linked = linked @ linked
    groups = np.array(grouped(points))
    assert ((groups[:, np.newaxis] == groups) == linked).all()
    assert ((distance <= 0.1) & (cells[:, np.newaxis] != cells)).any()
    assert 1 < len(set(groups)) < len(set(cells))
    assert all(group == min(cells[groups == group]) for group in groups)


def test_a_dense_city_takes_no_square_of_its_views():
    rng = np.random.default_rng(0)
    points = np.array([48.0, 11.0]) + rng.uniform(0, 0.0057, (30_000, 2))
    tracemalloc.start()
    groups = grouped(points)
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()
    assert len(set(groups)) == 1 < len(set(cell_names(points)))


def test_views_without_coordinates_go_with_their_near_copies():
    rng = np.random.default_rng(1)
    signatures = ((rng.random((5, 16, 16)) < 0.25) * rng.choice([-1, 1], (5, 16, 16))).astype(np.int8)
    signatures[3], signatures[4] = signatures[0], signatures[1]
    nowhere = [np.nan, np.nan]
    groups = grouped([[1, 1], nowhere, [50, 50], nowhere, nowhere], signatures)
    assert groups[0] == groups[3] == cell_names(np.array([[1.0, 1.0]]))[0]
    assert groups[1] == groups[4] == "0001"
    assert len(set(groups)) == 3
    assert grouped([nowhere] * 5, signatures) == ["0000", "0001", "0002", "0000", "0001"]


def test_the_order_of_the_views_does_not_matter():
    points = np.array([[48.0, 11.0], [48.00005, 11.0], [48.02, 11.0], [48.0205, 11.0], [-3.0, 100.0]])
    names = list("abcde")
    before = dict(zip(names, grouped(points, names=names), strict=True))
    assert dict(zip(names[::-1], grouped(points[::-1], names=names[::-1]), strict=True)) == before
