import numpy as np
import pytest
from sklearn.metrics.pairwise import haversine_distances

from keras_sketch.curation.great_circles import EARTH_RADIUS_KM, check_centroids, haversine_km, haversine_radians
from keras_sketch.errors import InvalidArgumentError

RANDOM = np.random.default_rng(0)
POINTS = np.degrees(np.stack([np.arcsin(RANDOM.uniform(-1, 1, 400)), RANDOM.uniform(-np.pi, np.pi, 400)], axis=-1))
ANTIPODES = POINTS * (-1, 1) + (0, 180)
SPECIAL = np.array([[90, 0], [90, 77], [-90, 0], [0, 0], [0, 180], [0, -180], [0, 360], [45, 179.999], [45, -179.999]])


@pytest.mark.parametrize("others", [POINTS[::-1], ANTIPODES, ANTIPODES + 1e-7, POINTS + 1e-9, POINTS])
def test_equals_scikit_learn(others):
    expected = np.array(
        [haversine_distances([a], [b])[0, 0] for a, b in zip(np.radians(POINTS), np.radians(others), strict=True)]
    )
    assert np.abs(haversine_radians(POINTS, others) - expected).max() <= 1e-9


def test_equals_scikit_learn_on_pairs_of_special_points():
    expected = haversine_distances(np.radians(SPECIAL))
    assert np.abs(haversine_radians(SPECIAL[:, None], SPECIAL) - expected).max() <= 1e-9


def test_equals_the_angle_between_vectors():
    def vectors(degrees):
        latitude, longitude = np.radians(degrees).T
        return np.stack(
            [np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)], axis=-1
        )

    a, b = vectors(POINTS), vectors(POINTS[::-1])
    angle = np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), (a * b).sum(axis=-1))
    assert np.abs(haversine_radians(POINTS, POINTS[::-1]) - angle).max() < 1e-12


def test_is_zero_on_the_spot_and_half_a_turn_at_the_antipode():
    assert (haversine_radians(POINTS, POINTS) == 0).all()
    assert np.abs(haversine_radians(POINTS, ANTIPODES) - np.pi).max() < 1e-7
    assert (haversine_radians(POINTS, ANTIPODES) <= np.pi).all()


def test_kilometres_and_shapes():
    assert haversine_km((0, 0), (0, 90)) == pytest.approx(EARTH_RADIUS_KM * np.pi / 2)
    paris, london = (48.8566, 2.3522), (51.5074, -0.1278)
    assert haversine_km(paris, london) == pytest.approx(343.6, abs=0.5)
    assert haversine_km(POINTS[:3, None], POINTS[None, :4]).shape == (3, 4)
    assert np.isnan(haversine_km([[np.nan, 0], [0, 0]], (0, 1))).tolist() == [True, False]


@pytest.mark.parametrize("points", [3.0, [1, 2, 3], np.zeros((4, 3))])
def test_points_have_two_coordinates(points):
    with pytest.raises(InvalidArgumentError, match="latitude and longitude"):
        haversine_km(points, (0, 0))


@pytest.mark.parametrize(
    "centroids, said",
    [
        (np.zeros((3, 3)), r"\[K, 2\]"),
        (np.zeros(2), r"\[K, 2\]"),
        (np.zeros((0, 2)), r"\[K, 2\]"),
        ([[0, 0], [91, 0]], r"centroids\[1\].*91"),
        ([[0, 0], [0, 400]], r"centroids\[1\].*400"),
        ([[np.nan, 0]], r"centroids\[0\].*nan"),
        ([[0, np.inf]], r"centroids\[0\].*inf"),
        ("Norway", "numbers"),
        ([[0, 0], [1]], "numbers"),
        (None, r"\[K, 2\]"),
    ],
)
def test_bad_centroids_are_refused(centroids, said):
    with pytest.raises(InvalidArgumentError, match=said):
        check_centroids(centroids)


def test_good_centroids_pass():
    assert check_centroids([(60, 8), (-90, 180)]).tolist() == [[60, 8], [-90, 180]]
