import numpy as np
import pytest
import tensorflow as tf

from keras_sketch.data.augmentation import draw, make_augment
from keras_sketch.data.mixing import as_shares
from keras_sketch.recipes import Augmentation

CLASSES, COUNT, SIDE = 5, 40, 16
LABELS = np.arange(COUNT) % CLASSES


def mixed(augmentation, seed=0, count=COUNT):
    """Flat images whose grey is 50 times their class; so their mean says what their label should."""
    labels = np.arange(count) % CLASSES
    images = np.broadcast_to((labels * 50).astype("uint8")[:, None, None, None], (count, SIDE, SIDE, 3))
    draws = draw(seed, tf.zeros(count, tf.int64), tf.range(count, dtype=tf.int64))
    found, shares = make_augment(augmentation, CLASSES)(images, tf.constant(labels), draws)
    return found.numpy(), shares.numpy()


@pytest.mark.parametrize("augmentation", [Augmentation(mixup=0.4), Augmentation(cutmix=1.0)])
def test_labels_say_how_much_of_each_example_is_seen(augmentation):
    images, shares = mixed(augmentation)
    assert shares.dtype == np.float32 and shares.shape == (COUNT, CLASSES)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)
    assert shares.min() >= 0 and ((shares > 0).sum(axis=1) <= 2).all()
    expected = shares @ (np.arange(CLASSES) * 50)
    # CutMix counts the area of a rectangle whose sides are no whole pixels.
    tolerance = 1e-3 if augmentation.mixup else 200 * 2 * 2 / SIDE
    np.testing.assert_allclose(images.mean(axis=(1, 2, 3)), expected, atol=tolerance)
    assert (shares.max(axis=1) < 0.95).mean() > 0.2


def test_mixup_blends_and_cutmix_cuts():
    blended, _ = mixed(Augmentation(mixup=0.4))
    assert (blended.std(axis=(1, 2, 3)) < 1e-3).all()
    cut, _ = mixed(Augmentation(cutmix=1.0))
    assert set(np.unique(cut)) <= {0, 50, 100, 150, 200}
    assert (cut.std(axis=(1, 2, 3)) > 1).mean() > 0.3


@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_alpha_is_that_of_the_beta_distribution(alpha):
    """The variance of Beta(a, a) is 1 / (4 (2 a + 1)). Here every example is a class of its own."""
    count = 1000
    labels = tf.range(count, dtype=tf.int64)
    draws = draw(0, tf.zeros_like(labels), labels)
    _, shares = make_augment(Augmentation(mixup=alpha), count)(np.zeros((count, 2, 2, 1), "uint8"), labels, draws)
    weights = np.diag(shares)
    assert weights.mean() == pytest.approx(0.5, abs=0.05)
    assert weights.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.1)


def test_with_both_each_batch_has_one_of_them():
    kinds = []
    for seed in range(12):
        images, _ = mixed(Augmentation(mixup=1.0, cutmix=1.0), seed)
        kinds.append("cut" if (images.std(axis=(1, 2, 3)) > 1).any() else "blended")
    assert set(kinds) == {"cut", "blended"}


@pytest.mark.parametrize("augmentation", [Augmentation(mixup=0.001), Augmentation(cutmix=0.001)])
def test_a_tiny_alpha_gives_whole_examples_not_nan(augmentation):
    images, shares = mixed(augmentation, count=500)
    assert np.isfinite(images).all() and np.isfinite(shares).all()
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(
    "augmentation", [Augmentation(mixup=0.4), Augmentation(cutmix=1.0), Augmentation(mixup=0.4, cutmix=1.0)]
)
def test_what_is_drawn_depends_on_the_key_alone(augmentation):
    first, again, other = mixed(augmentation), mixed(augmentation), mixed(augmentation, seed=1)
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(first[1], other[1])


def test_shares_stay_shares():
    shares = as_shares(tf.constant([2, 0]), 3)
    np.testing.assert_array_equal(shares, [[0, 0, 1], [1, 0, 0]])
    assert as_shares(shares, 3) is shares
