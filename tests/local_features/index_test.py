import numpy as np
import pytest

from keras_sketch.errors import BadDataError, InvalidArgumentError
from keras_sketch.local_features import FeatureStoreWriter, LandmarkIndex, LocalFeatures, LocalFeatureStore, index
from keras_sketch.local_features.matching import match


def features(locations, descriptors):
    descriptors = np.asarray(descriptors, "float32")
    descriptors = descriptors / np.maximum(np.linalg.norm(descriptors, axis=1, keepdims=True), 1e-12)
    ones = np.ones(len(descriptors), "float32")
    return LocalFeatures(np.asarray(locations, "float32").reshape(-1, 2), ones, ones, descriptors)


def random_features(random, count=40, depth=16):
    """Each is in a place of its own."""
    places = 40.0 * np.stack(np.divmod(random.permutation(64)[:count], 8), axis=1)
    return features(places + random.uniform(0, 8, (count, 2)), random.normal(size=(count, depth)))


def view(random, of, noise=0.02):
    """Another image of the same thing: moved, in another order, a little changed."""
    order = random.permutation(len(of))
    changed = of.descriptors + noise * random.normal(size=of.descriptors.shape)
    return features((0.8 * of.locations + (20, 10))[order], changed[order])


def no_features(depth=16):
    return features(np.zeros((0, 2)), np.zeros((0, depth)))


@pytest.fixture(scope="module")
def images():
    random = np.random.default_rng(0)
    return [(f"image-{number}", number // 2, random_features(random, 30 + number)) for number in range(20)]


@pytest.fixture(scope="module")
def known(images):
    return LandmarkIndex(images, 5000, 16)


def test_a_planted_image_is_found_among_all(images, known):
    random = np.random.default_rng(1)
    for name, label, each in images:
        best, *others = known.recognize(view(random, each))
        assert (best.label, best.image_id) == (label, name) and best.num_inliers == len(each)
        assert best.num_inliers <= best.score < best.num_inliers + 1
        assert all(other.score < 8 for other in others)


def test_an_answer_is_a_label_a_score_and_an_image(known, images):
    [(label, score, image_id)] = known.recognize(images[6][2], top=1)
    assert (label, image_id) == (3, "image-6") and score > 30


def test_a_landmark_is_named_once_with_its_best_image(known, images):
    random = np.random.default_rng(2)
    both = [view(random, images[4][2].strongest(20)), view(random, images[5][2].strongest(10))]
    query = features(
        np.vstack([both[0].locations, both[1].locations + 400]), np.vstack([each.descriptors for each in both])
    )
    found = known.recognize(query, top=10)
    assert found[0][:1] + found[0][2:] == (2, "image-4") and found[0].num_inliers == 20
    labels = [each.label for each in found]
    assert len(set(labels)) == len(labels) <= 10
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)


def test_matching_puts_the_right_image_before_one_with_more_votes():
    random = np.random.default_rng(3)
    right = random_features(random, 30)
    # The wrong one has all that the query has, and more like it, but elsewhere.
    shuffled = features(random.permutation(right.locations), right.descriptors)
    query = features(right.locations, right.descriptors + 0.02 * random.normal(size=right.descriptors.shape))
    alike = features(right.locations, right.descriptors + 0.1 * random.normal(size=right.descriptors.shape))
    others = [(f"other-{number}", 7, random_features(random)) for number in range(5)]
    known = LandmarkIndex([("shuffled", 0, shuffled), ("right", 1, alike), *others], 1000, 16)
    places, votes = next(known._votes([query], 10))
    assert places[votes.argmax()] == 0
    best, second, *_ = known.recognize(query)
    assert (best.image_id, best.num_inliers) == ("right", 30)
    assert second.image_id == "shuffled" and second.num_inliers < 8


def test_neighbours_are_those_of_an_exhaustive_search(known, images):
    random = np.random.default_rng(4)
    everything = np.vstack([each.descriptors for _, _, each in images]).astype("float16").astype("float32")
    wanted = random_features(random, 50).descriptors
    similarities, rows = known._nearest(wanted, 7)
    products = wanted @ everything.T
    np.testing.assert_allclose(similarities, -np.sort(-products, axis=1)[:, :7], atol=1e-6)
    np.testing.assert_allclose(np.take_along_axis(products, rows, axis=1), similarities, atol=1e-6)


def test_votes_are_how_much_nearer_than_the_background(known, images, monkeypatch):
    random = np.random.default_rng(5)
    query = view(random, images[3][2], noise=0.5)
    everything = np.vstack([each.descriptors for _, _, each in images]).astype("float16").astype("float32")
    owners = np.repeat(np.arange(20), [len(each) for _, _, each in images])
    expected = np.zeros(20)
    for descriptor in query.descriptors:
        order = np.argsort(-(everything @ descriptor))[:6]
        nearness = everything[order] @ descriptor
        for image in set(owners[order[:5]]):
            expected[image] += max(nearness[:5][owners[order[:5]] == image]) - nearness[5]
    monkeypatch.setattr(index, "_BLOCK_ROWS", 64)
    places, votes = next(known._votes([query], 5))
    np.testing.assert_allclose(votes, expected[places], atol=1e-4)
    assert set(np.flatnonzero(expected > 1e-6)) <= set(places)


def test_many_queries_give_what_each_gives(known, images, monkeypatch):
    random = np.random.default_rng(6)
    queries = [view(random, each, noise=0.3) for _, _, each in images[:6]]
    queries.insert(2, no_features())
    monkeypatch.setattr(index, "_BATCH_FEATURES", 90)
    together = list(known.recognize_all(iter(queries), top=3, candidates=4))
    for answers, each in zip(together, queries, strict=True):
        alone = known.recognize(each, top=3, candidates=4)
        assert [(one.label, one.image_id) for one in answers] == [(one.label, one.image_id) for one in alone]
        np.testing.assert_allclose([one.score for one in answers], [one.score for one in alone], atol=1e-5)
    assert together[2] == [] and all(together[place] for place in (0, 1, 3, 4, 5, 6))
    assert list(known.recognize_all([])) == [] and list(known.recognize_all([no_features()])) == [[]]


def test_an_index_smaller_than_the_neighbours_is_searched_whole():
    random = np.random.default_rng(7)
    each = random_features(random, 5)
    found = LandmarkIndex([("a", 0, each), ("b", 1, random_features(random, 2))], 7, 16).recognize(each, neighbours=50)
    assert found[0].image_id == "a" and found[0].num_inliers == match(each, each).num_inliers == 5
    [lone] = LandmarkIndex([("a", 4, each.strongest(1))], 1, 16).recognize(each)
    assert (lone.label, lone.num_inliers) == (4, 0)


def test_images_without_features_are_never_found(images):
    known = LandmarkIndex([("none", 5, no_features()), images[0], ("none too", 6, no_features())], 100, 16)
    assert [each.image_id for each in known.recognize(images[0][2], top=9)] == ["image-0"]


@pytest.mark.parametrize("rows, capacity", [([], 0), ([("a", 0, no_features())], 0)])
def test_an_index_of_nothing_is_refused(rows, capacity):
    with pytest.raises(BadDataError, match="no local features"):
        LandmarkIndex(rows, capacity, 16)


def test_wrong_values_are_refused(known, images):
    with pytest.raises(InvalidArgumentError, match="16 dimensions"):
        known.recognize(random_features(np.random.default_rng(0), depth=8))
    for name in ("top", "neighbours", "candidates"):
        with pytest.raises(InvalidArgumentError, match=name):
            known.recognize(images[0][2], **{name: 0})
    with pytest.raises(BadDataError, match="more local features"):
        LandmarkIndex(images, 10, 16)


def test_it_is_made_from_a_store_with_the_strongest_of_each_image(images, tmp_path):
    (tmp_path / "extractor.json").write_text('{"splits": {"train": 20}, "class_names": ["a"], "dimensions": 16}')
    names, labels, found = zip(*images, strict=True)
    FeatureStoreWriter(tmp_path, {"train": 20}).write("train", range(20), names, labels, found)
    steps = []
    known = LandmarkIndex.from_store(LocalFeatureStore(tmp_path), "train", 10, lambda: steps.append(1))
    assert known.ids == list(names) and known.labels == list(labels) and len(steps) == 20
    best = known.recognize(images[7][2])[0]
    assert (best.image_id, best.num_inliers) == ("image-7", 10)
