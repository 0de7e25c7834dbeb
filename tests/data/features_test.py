import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from keras_sketch.data.features import FeatureSplit, changes, identity, prepared_root
from keras_sketch.recipes import Augmentation

LABELS = np.arange(10) % 3


@pytest.fixture
def split():
    """Two views of ten examples, with two features each that say which example and view they are of."""
    count = SimpleNamespace(num_examples=len(LABELS), num_bytes=1000)
    features = {"image": SimpleNamespace(shape=(4, 4, 3)), "label": SimpleNamespace(num_classes=3)}
    builder = SimpleNamespace(info=SimpleNamespace(splits={"train": count}, features=features))
    numbers = np.arange(10, dtype="float32")
    views = tuple(
        ((100 * view + numbers)[:, None], np.tile(numbers[:, None, None, None], (1, 2, 2, 3)).astype("float16"))
        for view in range(2)
    )
    return FeatureSplit(builder, "train", 4, "pad", views, LABELS)


def test_training_gives_whole_batches_of_all_features_in_the_epochs_view(split):
    stream = split.training(5, epochs=3)
    assert len(stream) == 6
    assert [each.shape for each in stream.element_spec[0]] == [(5, 1), (5, 2, 2, 3)]
    for step, ((single, maps), labels) in enumerate(stream):
        view, numbers = np.divmod(single[:, 0].numpy(), 100)
        assert set(view) == {step // 2 % 2}
        np.testing.assert_array_equal(maps[:, 1, 1, 2], numbers)
        np.testing.assert_array_equal(labels, LABELS[numbers.astype(int)])
        assert single.dtype == maps.dtype == tf.float32 and maps.shape == (5, 2, 2, 3)
    assert split.labels is LABELS


def test_the_first_view_may_be_a_later_epochs(split):
    later = dataclasses.replace(split, first_epoch=3)
    for epoch, view in ((3, 0), (4, 1), (0, 1)):
        [((single, _), _)] = later.in_order(10, epoch=epoch)
        assert set(single[:, 0].numpy() // 100) == {view}


def test_copies_of_an_example_have_different_views(split):
    rare = dataclasses.replace(split, stored_labels=np.array([0] * 9 + [1]))
    [((single, _), labels)] = rare.training(10, epochs=1, balanced=True)
    shown = single[:, 0].numpy()[labels.numpy() == 1]
    assert sorted(shown) == [9, 9, 9, 109, 109] or sorted(shown) == [9, 9, 109, 109, 109]


def test_evaluation_gives_every_example_once_in_order(split):
    parts = list(split.evaluation(4))
    assert [len(labels) for _, labels in parts] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate([single[:, 0] for (single, _), _ in parts]), np.arange(10))


def test_paper_alone_changes_no_picture():
    assert not changes(Augmentation()) and not changes(Augmentation(fill=255))
    assert changes(Augmentation(flip=0.5)) and changes(Augmentation(crop=(0.5, 1.0)))


def test_a_split_is_known_by_its_files(dataset, prepared):
    train = dataset.splits["train"]
    known = identity(train)
    assert prepared_root(train) == prepared
    assert known["dataset"] == "quickdraw" and known["files"][0][1] > 0
    assert identity(dataclasses.replace(train, side=12)) != known
    assert identity(dataset.splits["test"])["files"] != known["files"]
