import numpy as np
import pytest

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.local_features import LocalFeatures, match
from keras_sketch.local_features.matching import APART, MIN_INLIERS, RATIO, fit_affine


def features(locations, descriptors):
    descriptors = np.asarray(descriptors, "float32")
    descriptors = descriptors / np.linalg.norm(descriptors, axis=1, keepdims=True)
    ones = np.ones(len(descriptors), "float32")
    return LocalFeatures(np.asarray(locations, "float32").reshape(-1, 2), ones, ones, descriptors)


def random_features(count, seed=0, depth=40):
    """Each is in a place of its own."""
    random, side = np.random.default_rng(seed), int(np.ceil(np.sqrt(2 * count)))
    chosen = random.permutation(side * side)[:count]
    places = 40.0 * np.stack(np.divmod(chosen, side), axis=1) + random.uniform(0, 8, (count, 2))
    return features(places, random.normal(size=(count, depth)))


def turned(degrees=10, scale=0.8, shift=(30, -12)):
    angle = np.radians(degrees)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.column_stack([linear, shift])


def moved(transform, locations):
    return locations @ transform[:, :2].T + transform[:, 2]


def planted(transform, inliers=40, outliers=25, seed=0):
    """Features of two images: the first `inliers` agree on the transform, others have partners far from there."""
    random, first = np.random.default_rng(seed), random_features(inliers + outliers, seed)
    places = moved(transform, first.locations.astype("float64"))
    places[inliers:] = 3000 + random.permutation(places[inliers:])
    # In another order, so that places in the lists say nothing.
    order = random.permutation(len(places))
    noise = 0.01 * random.normal(size=first.descriptors.shape)
    second = features(places[order], (first.descriptors + noise)[order])
    return first, second, np.argsort(order)


@pytest.mark.parametrize("transform", [turned(), turned(-120, 2.5), np.array([[1.1, 0.3, 5], [-0.2, 0.7, 80]])])
def test_the_planted_transform_and_its_matches_are_found(transform):
    first, second, partner = planted(transform)
    found = match(first, second)
    assert sorted(found.pairs[:, 0]) == list(range(65))
    np.testing.assert_array_equal(found.pairs[:, 1], partner[found.pairs[:, 0]])
    np.testing.assert_array_equal(found.inliers, found.pairs[:, 0] < 40)
    np.testing.assert_allclose(found.transform[:, :2], transform[:, :2], atol=1e-3)
    np.testing.assert_allclose(found.transform[:, 2], transform[:, 2], atol=0.05)
    assert found.num_inliers == 40


def test_the_same_seed_gives_the_same_matches():
    first, second, _ = planted(turned(), inliers=12, outliers=40)
    found = [match(first, second, seed=seed) for seed in (3, 3, 4)]
    np.testing.assert_array_equal(found[0].transform, found[1].transform)
    np.testing.assert_array_equal(found[0].inliers, found[1].inliers)
    np.testing.assert_array_equal(found[0].inliers, found[2].inliers)


def test_the_tolerance_is_in_pixels_of_the_second_image():
    first, second, partner = planted(turned(), inliers=40, outliers=0)
    off = np.array([12.0, 0.0])
    second.locations[partner[0]] += off
    place = lambda found: int(np.flatnonzero(found.pairs[:, 0] == 0)[0])  # noqa: E731
    narrow, wide = match(first, second, tolerance=8), match(first, second, tolerance=16)
    assert not narrow.inliers[place(narrow)] and wide.inliers[place(wide)]
    assert narrow.num_inliers == 39 and wide.num_inliers == 40


def test_random_features_agree_on_nothing():
    counts = [match(random_features(300, seed), random_features(300, 1000 + seed)).num_inliers for seed in range(100)]
    assert max(counts) < 8


def test_pairs_are_each_others_nearest_and_stand_out():
    first, second = random_features(200, 1, depth=4), random_features(200, 2, depth=4)
    distances = np.linalg.norm(first.descriptors[:, None] - second.descriptors[None], axis=2)
    expected = []
    for a in range(200):
        b = int(distances[a].argmin())
        others_b = [j for j in range(200) if np.abs(second.locations[j] - second.locations[b]).max() > APART]
        others_a = [i for i in range(200) if np.abs(first.locations[i] - first.locations[a]).max() > APART]
        rivals = min(distances[a, others_b].min(), distances[others_a, b].min())
        if distances[:, b].argmin() == a and distances[a, b] <= RATIO * rivals:
            expected.append((distances[a, b] / rivals, a, b))
    found = match(first, second).pairs
    assert 5 < len(found) == len(expected)
    assert found.tolist() == [[a, b] for _, a, b in sorted(expected)]


def test_a_neighbour_that_looks_the_same_is_no_rival_but_one_far_away_is():
    descriptors = np.eye(6)
    places = 60.0 * np.arange(12).reshape(6, 2)
    first = features(places, descriptors)
    near, far = places[:1] + (4, 4), places[:1] + (200, 4)
    double = np.vstack([descriptors, descriptors[:1] + 0.05 * descriptors[1:2]])
    assert len(match(first, features(np.vstack([places, near]), double)).pairs) == 6
    pairs = match(first, features(np.vstack([places, far]), double)).pairs
    assert sorted(pairs[:, 0]) == [0, 1, 2, 3, 4, 5]
    exactly = np.vstack([descriptors, descriptors[:1]])
    assert sorted(match(first, features(np.vstack([places, far]), exactly)).pairs[:, 0]) == [1, 2, 3, 4, 5]


def test_identical_images_agree_everywhere():
    same = random_features(100)
    found = match(same, same)
    assert found.num_inliers == len(found.pairs) == 100
    np.testing.assert_allclose(found.transform, [[1, 0, 0], [0, 1, 0]], atol=1e-4)


@pytest.mark.parametrize("counts", [(0, 0), (0, 5), (5, 0), (1, 1), (1, 5), (2, 2), (3, 3)])
def test_too_few_features_agree_on_nothing(counts):
    everything = random_features(5)
    first, second = (everything.strongest(count) for count in counts)
    found = match(first, second)
    assert found.transform is None and found.num_inliers == 0
    assert found.pairs.shape == (len(found.inliers), 2) and len(found.pairs) == min(counts)


ONE_PLACE, ONE_LINE = np.full((20, 2), 7.0), np.column_stack([np.arange(20) * 20.0, np.full(20, 9.0)])


@pytest.mark.parametrize(("places", "count"), [(ONE_PLACE, 1), (ONE_LINE, 20)])
def test_features_in_one_place_or_on_one_line_say_nothing_of_a_transform(places, count):
    same = features(places, np.random.default_rng(0).normal(size=(20, 40)))
    found = match(same, same)
    assert len(found.pairs) == count and found.transform is None and not found.inliers.any()


def test_a_place_has_one_pair_the_most_certain():
    random = np.random.default_rng(1)
    descriptors, noise = random.normal(size=(4, 40)), random.normal(size=(4, 40))
    watermark = np.array([[50, 50], [60, 50], [50, 62], [80, 50]])
    first = features(watermark, descriptors)
    second = features(watermark + 100, descriptors + np.array([[0.3], [0.01], [0.3], [0.3]]) * noise)
    assert match(first, second).pairs.tolist() == [[1, 1], [3, 3]]


@pytest.mark.parametrize(
    "linear", [[[-1, 0], [0, 1]], [[5, 0], [0, 5]], [[0.2, 0], [0, 0.2]], [[1, 0], [0, 0.3]], [[1, 3], [0, 1]]]
)
def test_what_is_no_view_of_the_same_thing_is_not_believed(linear):
    places = np.random.default_rng(0).uniform(0, 300, (30, 2))
    assert fit_affine(places, moved(np.column_stack([linear, [3, 4]]), places)) is None
    assert fit_affine(places, moved(turned(170, 3.5), places)) is not None


def test_fewer_than_that_many_matches_are_no_agreement():
    places = np.random.default_rng(0).uniform(0, 300, (MIN_INLIERS, 2))
    assert fit_affine(places, moved(turned(), places)) is not None
    assert fit_affine(places[1:], moved(turned(), places[1:])) is None


def test_descriptors_of_another_network_are_refused():
    with pytest.raises(InvalidArgumentError, match="40 dimensions"):
        match(random_features(5), random_features(5, depth=8))
    with pytest.raises(InvalidArgumentError, match="tolerance"):
        match(random_features(5), random_features(5), tolerance=0)
