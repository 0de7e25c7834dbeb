import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.decomposition import PCA

from keras_sketch import build_classifier
from keras_sketch.errors import BadDataError, InvalidArgumentError, MissingDataError
from keras_sketch.local_features import load_extractor, make_extractor


@pytest.fixture(scope="module")
def classifier():
    keras.utils.set_random_seed(0)
    return build_classifier("mobilenet_025", 3, (32, 32, 3))


@pytest.fixture(scope="module")
def options():
    return {"scales": (0.7071, 1.0), "threshold": 0.5}


@pytest.fixture(scope="module")
def whole(classifier, options):
    """An extractor without PCA."""
    return make_extractor(classifier, **options)


def images(count, height=48, width=64, seed=0):
    random = np.random.default_rng(seed)
    return np.kron(random.integers(0, 256, (count, height // 8, width // 8, 3)), np.ones((1, 8, 8, 1))).astype("uint8")


def assert_alike(first, second):
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        for field in ("locations", "scales", "scores", "descriptors"):
            np.testing.assert_allclose(getattr(one, field), getattr(other, field), atol=2e-5)


def test_each_image_has_its_features_strongest_first(whole):
    found = whole.extract(images(4))
    assert len(found) == 4 and whole.dimensions == 128
    for each in found:
        assert 1 < len(each) < 20 and each.descriptors.shape == (len(each), 128)
        assert (np.diff(each.scores) <= 0).all() and each.scores.min() > 0
        assert (each.locations >= 0).all() and (each.locations <= (64, 48)).all()
        np.testing.assert_allclose(np.linalg.norm(each.descriptors, axis=1), 1, atol=1e-5)


def test_a_batch_gives_what_its_images_give(whole):
    pixels = images(4)
    together = whole.extract(pixels)
    assert_alike(together, [whole.extract(pixels[place : place + 1])[0] for place in range(4)])
    batches = tf.data.Dataset.from_tensor_slices(pixels).batch(3)
    assert_alike(together, [each for batch in whole.stream(batches) for each in batch])


def test_what_are_no_images_for_it_is_refused(whole):
    for wrong in (np.zeros((8, 8, 3)), np.zeros((1, 8, 8, 1))):
        with pytest.raises(InvalidArgumentError, match="images"):
            whole.extract(wrong)
    with pytest.raises(InvalidArgumentError, match="larger"):
        whole.extract(np.zeros((1, 8, 8, 3)))
    with pytest.raises(InvalidArgumentError, match="dimensions"):
        whole.fit_reduction([])


@pytest.fixture(scope="module")
def reduced(classifier, options):
    extractor = make_extractor(classifier, dimensions=4, **options)
    extractor.fit_reduction([images(3, seed=1), images(2, seed=2)])
    return extractor


def test_the_reduction_is_a_pca_of_all_features_it_is_shown(whole, reduced):
    shown = [each.descriptors for seed in (1, 2) for each in whole.extract(images(4 - seed, seed=seed))]
    pca = PCA(4).fit(np.concatenate(shown))
    pixels = images(2, seed=3)
    for before, after in zip(whole.extract(pixels), reduced.extract(pixels), strict=True):
        expected = pca.transform(before.descriptors)
        expected /= np.linalg.norm(expected, axis=1, keepdims=True)
        signs = np.sign(np.sum(expected * after.descriptors, axis=0))
        np.testing.assert_allclose(after.descriptors * signs, expected, atol=1e-3)


def test_what_is_saved_is_what_is_loaded(reduced, tmp_path):
    reduced.save(tmp_path)
    loaded = load_extractor(tmp_path)
    assert loaded.dimensions == 4 and loaded.weights_digest == reduced.weights_digest
    assert_alike(loaded.extract(images(2)), reduced.extract(images(2)))


def test_saving_twice_gives_the_same_bytes(reduced, tmp_path):
    contents = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        reduced.save(tmp_path / name)
        contents.append({file.name: file.read_bytes() for file in (tmp_path / name).iterdir()})
    assert contents[0] == contents[1] and len(contents[0]) == 2


def test_what_is_missing_or_damaged_is_said(reduced, tmp_path):
    with pytest.raises(BadDataError, match=r"network.json cannot be read"):
        load_extractor(tmp_path)
    reduced.save(tmp_path)
    (tmp_path / "delf.weights.h5").write_bytes(b"")
    with pytest.raises(BadDataError, match=r"delf.weights.h5"):
        load_extractor(tmp_path)
    (tmp_path / "delf.weights.h5").unlink()
    with pytest.raises(MissingDataError, match=r"delf.weights.h5"):
        load_extractor(tmp_path)
