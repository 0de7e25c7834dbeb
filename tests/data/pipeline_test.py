import numpy as np
import pytest
import tensorflow as tf

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.recipes import Augmentation

WARPS = Augmentation(
    rotation=20,
    shear=5,
    zoom=(0.8, 1.2),
    aspect=0.1,
    shift=0.1,
    flip=0.5,
    elastic=0.03,
    thickness=0.5,
    unwarped=0.2,
)
MIXES = Augmentation(rotation=20, flip=0.5, erasing=0.5, jitter=0.3, mixup=0.3, cutmix=0.7)
REPEATING = pytest.mark.parametrize("augmentation", [WARPS, MIXES], ids=["warps", "mixes"])


def batches(dataset):
    return [(images.numpy(), labels.numpy()) for images, labels in dataset]


def same(some, others):
    return len(some) == len(others) and all(
        np.array_equal(a, c) and np.array_equal(b, d) for (a, b), (c, d) in zip(some, others, strict=True)
    )


@pytest.fixture
def train(dataset):
    return dataset.splits["train"]


@REPEATING
def test_a_stream_from_the_middle_continues_the_whole_one(train, augmentation):
    steps = train.steps(16)
    whole = batches(train.training(16, epochs=3, seed=5, augmentation=augmentation))
    tail = batches(train.training(16, epochs=3, seed=5, augmentation=augmentation, first_epoch=1, first_step=2))
    assert len(whole) == 3 * steps
    assert same(whole[steps + 2 :], tail)


@REPEATING
def test_seed_and_epoch_decide_the_order_and_the_pixels(train, augmentation):
    steps = train.steps(16)
    tf.random.set_seed(7)
    stream = train.training(16, epochs=2, seed=1, augmentation=augmentation)
    one = batches(stream)
    assert same(one, batches(stream))
    tf.random.set_seed(8)
    assert same(one, batches(train.training(16, epochs=2, seed=1, augmentation=augmentation)))
    assert not same(one, batches(train.training(16, epochs=2, seed=2, augmentation=augmentation)))
    assert not same(one[:steps], one[steps:])


def test_labels_are_shares_where_examples_are_mixed(train):
    images, shares = next(iter(train.training(16, epochs=1, augmentation=MIXES)))
    assert images.dtype == tf.float32 and shares.dtype == tf.float32
    assert shares.shape == (16, 3)
    np.testing.assert_allclose(shares.numpy().sum(axis=1), 1, atol=1e-5)
    images, labels = next(iter(train.training(16, epochs=1, augmentation=WARPS)))
    assert images.dtype == tf.float32 and labels.dtype == tf.int64
    assert labels.shape == (16,)


def test_augmented_images_are_those_of_the_epoch(train):
    count = train.num_examples
    whole = train.training(count, epochs=2, seed=4, augmentation=WARPS, first_epoch=1)
    [(shown, _)] = batches(whole)
    found = train.augmented(range(count), WARPS, seed=4, epoch=1)
    assert found.dtype == np.float32 and found.shape == shown.shape
    in_order = sorted(image.round().tobytes() for image in shown)
    assert in_order == sorted(image.round().tobytes() for image in found)


def test_an_epoch_holds_no_example_twice(train):
    drawn = [image.tobytes() for images, _ in train.training(16, epochs=1) for image in images.numpy()]
    stored = [image.tobytes() for images, _ in train.evaluation(16) for image in images.numpy().astype("float32")]
    assert len(drawn) == train.steps(16) * 16
    assert all(drawn.count(image) <= stored.count(image) for image in drawn)


def test_lengths_are_known_and_right(dataset):
    train, test = dataset.splits["train"], dataset.splits["test"]
    assert train.training(16, epochs=3, first_epoch=1, first_step=2).cardinality() == 2 * train.steps(16) - 2
    assert test.evaluation(4).cardinality() == -(-test.num_examples // 4)
    assert sum(len(labels) for _, labels in test.evaluation(4)) == test.num_examples
    assert sum(dataset.info.num_examples.values()) == 180


def test_facts_and_images_follow_the_stored_order(dataset):
    test = dataset.splits["test"]
    facts = test.facts()
    images, labels = (np.concatenate(parts) for parts in zip(*batches(test.evaluation(4)), strict=True))
    np.testing.assert_array_equal(facts["label"], labels)
    names = [dataset.info.class_names[label] for label in labels]
    assert [example.split("/")[0] for example in facts["id"]] == names
    np.testing.assert_array_equal(test.images([3, 0, 3]), images[[3, 0, 3]])


def test_a_passing_dataset_has_another_order_each_time(train):
    passing = train.one_epoch_a_pass(16)
    first, second = batches(passing), batches(passing)
    assert len(first) == len(second) == train.steps(16)
    assert not same(first, second)


def test_a_batch_larger_than_the_split_is_refused(train):
    with pytest.raises(InvalidArgumentError, match="batch_size"):
        train.steps(train.num_examples + 1)


@pytest.mark.parametrize("balanced", [False, True])
def test_the_examples_of_a_batch_can_be_told_afterwards(train, balanced):
    stream = list(train.training(16, epochs=2, seed=5, balanced=balanced))
    steps = train.steps(16)
    for epoch, step in ((0, 0), (1, 3)):
        images, labels = stream[epoch * steps + step]
        places = train.batch_indices(16, epoch, step, seed=5, balanced=balanced)
        np.testing.assert_array_equal(train.labels[places], labels)
        np.testing.assert_array_equal(train.images(places), images)
