from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from sklearn.utils.class_weight import compute_class_weight

from keras_sketch.data.balance import BalancedEpochs, class_weights, training_batches
from keras_sketch.data.features import FeatureSplit
from keras_sketch.data.pipeline import ImageSplit
from keras_sketch.recipes import Augmentation, Recipe, Stage

# Class 2 has no example.
SIZES = (30, 9, 0, 1, 5)
LABELS = np.random.default_rng(0).permutation(np.repeat(np.arange(5), SIZES))
PRESENT = np.flatnonzero(SIZES)
RECIPE = Recipe("test", "", "folder", "quickdraw_cnn", (Stage(2, 1e-3),), batch_size=7, seed=3)
MOVED = Augmentation(rotation=40, shift=0.2)
MIXED = Augmentation(mixup=0.5, cutmix=0.5)


class Stored:
    """What stands in for a prepared builder: example i is a bright bar whose place and grey level tell i."""

    def __init__(self):
        images = np.zeros((len(LABELS), 8, 8, 1), "uint8")
        for index, image in enumerate(images):
            image[:, index % 8] = image[index % 7] = 100 + index
        features = {
            "image": tfds.features.Image(shape=(8, 8, 1)),
            "label": tfds.features.ClassLabel(num_classes=len(SIZES)),
        }
        split = SimpleNamespace(num_examples=len(LABELS), num_bytes=1000)
        self.info = SimpleNamespace(splits={"train": split}, features=features)
        self.pngs = [tf.io.encode_png(image).numpy() for image in images]

    def as_dataset(self, **_):
        return tf.data.Dataset.from_tensor_slices({"image": self.pngs, "label": LABELS})


@pytest.fixture(scope="module")
def train():
    return ImageSplit(Stored(), "train", 8)


def shown(stream):
    """The place in stored order of each example in a stream of images that are not augmented."""
    return [int(image.max()) - 100 for images, *_ in stream for image in images.numpy()]


def dealt(length, epochs, order):
    """How often each epoch shows each example: cards dealt one by one to the classes, and by them to their examples."""
    decks = {label: [index for index in order if LABELS[index] == label] for label in PRESENT}
    counts = np.zeros((epochs, len(LABELS)), int)
    for card in range(length * epochs):
        deck = decks[PRESENT[card % len(PRESENT)]]
        counts[card // length, deck[0]] += 1
        deck.append(deck.pop(0))
    return counts


@pytest.mark.parametrize("length", [42, 45, 3])
def test_copies_are_those_of_cards_dealt_out(length):
    epochs, indices = 9, tf.range(len(LABELS), dtype=tf.int64)
    balance = BalancedEpochs(LABELS, length, seed=5)
    counts = np.array([balance.copies(tf.constant(epoch, tf.int64), indices) for epoch in range(epochs)])
    order = sorted(range(len(LABELS)), key=lambda index: balance._turns[index])
    np.testing.assert_array_equal(counts, dealt(length, epochs, order))
    assert (counts.sum(axis=1) == length).all()


def test_an_epoch_shows_every_class_equally_often_and_no_example_is_forgotten(train):
    epochs, steps = 8, train.steps(7)
    seen = np.array(shown(train.training(7, epochs, balanced=True))).reshape(epochs, steps * 7)
    a_class = steps * 7 / len(PRESENT)
    for epoch in seen:
        counts = np.bincount(LABELS[epoch], minlength=5)
        assert counts[2] == 0
        assert (np.abs(counts[PRESENT] - a_class) < 1).all()
    for label in PRESENT:
        counts = np.bincount(seen.ravel(), minlength=len(LABELS))[label == LABELS]
        assert counts.max() - counts.min() <= 1 and counts.min() >= 2
    order = LABELS[seen[0]]
    assert (np.bincount(order[: len(order) // 2], minlength=5)[PRESENT] >= 1).all()


def test_seed_and_epoch_decide_what_is_shown_and_a_stream_from_the_middle_continues(train):
    whole = shown(train.training(7, 3, seed=1, balanced=True))
    assert shown(train.training(7, 3, seed=1, balanced=True, first_epoch=1, first_step=2)) == whole[8 * 7 :]
    assert shown(train.training(7, 3, seed=2, balanced=True)) != whole
    assert sorted(whole[:42]) != sorted(whole[42:84])


def test_copies_are_augmented_differently_and_the_first_as_ever(train):
    [(images, labels)] = train.training(45, 1, augmentation=MOVED, balanced=True)
    only = images.numpy()[labels.numpy() == 3]
    assert len(only) == 12 or len(only) == 11
    assert len({image.tobytes() for image in only}) == len(only)
    usual = train.augmented(np.flatnonzero(LABELS == 3), MOVED)[0]
    assert sum(np.allclose(image, usual, atol=1e-3) for image in only) == 1


def test_bytes_that_do_not_fit_in_memory_are_shuffled_too(train, monkeypatch):
    monkeypatch.setattr("keras_sketch.data.pipeline._CACHE_BYTES", 0)
    large = ImageSplit(train.builder, "train", 8)
    seen = shown(large.training(7, 1, balanced=True))
    assert sorted(seen) == sorted(shown(train.training(7, 1, balanced=True)))
    assert (np.abs(np.bincount(LABELS[seen], minlength=5)[PRESENT] - len(seen) / 4) < 1).all()


def test_stored_features_are_shown_as_their_images_would_be(train):
    """Feature 1 is the example's place, feature 2 the view."""
    views = tuple([np.stack([np.arange(45), np.full(45, view)], 1).astype("float32")] for view in range(2))
    split = FeatureSplit(train.builder, "train", 8, views=views, stored_labels=LABELS)
    batches = [(features.numpy(), labels.numpy()) for features, labels in split.training(7, 3, seed=1, balanced=True)]
    features, labels = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    assert list(features[:, 0]) == shown(train.training(7, 3, seed=1, balanced=True))
    np.testing.assert_array_equal(labels, LABELS[features[:, 0].astype(int)])
    only = features[:42][labels[:42] == 3]
    assert abs((only[:, 1] == 0).sum() - (only[:, 1] == 1).sum()) <= 1


def test_weights_are_scikit_learn_s_and_a_class_without_examples_has_none():
    weights = class_weights(LABELS, 6)
    np.testing.assert_allclose(weights[PRESENT], compute_class_weight("balanced", classes=PRESENT, y=LABELS))
    assert weights[2] == weights[5] == 0
    assert weights[LABELS].mean() == pytest.approx(1)


def test_batches_of_a_recipe_carry_their_weights(train):
    weights = class_weights(LABELS, 5)
    stream = training_batches(train, RECIPE.with_changes(balance="weights"), 2, 1, 3)
    assert stream.cardinality() == train.steps(7) - 3
    for _, labels, of_examples in stream:
        np.testing.assert_allclose(of_examples, weights[labels.numpy()], rtol=1e-6)
    mixed = training_batches(train, RECIPE.with_changes(balance="weights", augmentation=MIXED), 1)
    for _, shares, of_examples in mixed:
        np.testing.assert_allclose(of_examples, shares.numpy() @ weights, rtol=1e-5)
    assert shares.shape == (7, 5)
    assert len(next(iter(training_batches(train, RECIPE, 1)))) == 2
    sampled = training_batches(train, RECIPE.with_changes(balance="sampling"), 1)
    assert shown(sampled) == shown(train.training(7, 1, seed=3, balanced=True))


def test_a_step_with_weights_is_that_of_keras_class_weight(train):
    ends = []
    weights = dict(enumerate(class_weights(LABELS, 5)))
    for balance, given in (("weights", None), ("none", weights)):
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(5)])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(1e-4), loss)
        batches = training_batches(train, RECIPE.with_changes(balance=balance), 1)
        model.fit(batches, class_weight=given, shuffle=False, verbose=0)
        ends.append(model.get_weights())
    for ours, theirs in zip(*ends, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-7)
