import numpy as np

from keras_sketch.data.relabelling import relabelled_test


def test_labels_become_places_among_other_classes(dataset):
    stored = dataset.splits["test"]
    other = relabelled_test(dataset, ("a", "b", "cloud", "arm", "belt"), [3, 4, 2])
    expected = np.array([3, 4, 2])[stored.facts(["label"])["label"]]
    test = other.splits["test"]
    assert list(other.splits) == ["test"] and other.info.class_names[2] == "cloud"
    assert other.info.num_examples == {"test": stored.num_examples} and other.info.leaked == {}
    np.testing.assert_array_equal(test.facts()["label"], expected)
    assert test.facts(["id"]) == stored.facts(["id"])
    pairs = list(zip(test.evaluation(7), stored.evaluation(7), strict=True))
    np.testing.assert_array_equal(np.concatenate([labels for (_, labels), _ in pairs]), expected)
    assert all((images.numpy() == same.numpy()).all() for (images, _), (same, _) in pairs)


def test_grey_images_are_given_to_a_network_for_rgb(dataset):
    stored = dataset.splits["test"]
    other = relabelled_test(dataset, ("arm", "belt", "cloud"), [0, 1, 2], channels=3)
    test = other.splits["test"]
    assert (stored.channels, test.channels, other.info.image_shape) == (1, 3, (28, 28, 3))
    np.testing.assert_array_equal(test.images([1, 3]), np.repeat(stored.images([1, 3]), 3, axis=-1))
    images, _ = next(iter(test.evaluation(4)))
    assert images.shape == (4, 28, 28, 3)
    assert relabelled_test(dataset, ("arm", "belt", "cloud"), [0, 1, 2], channels=1).splits["test"].channels == 1
