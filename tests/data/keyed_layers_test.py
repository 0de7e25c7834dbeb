import cv2
import numpy as np
import pytest
import tensorflow as tf

from keras_sketch.data.augmentation import draw, make_augment
from keras_sketch.recipes import Augmentation

COUNT, SIDE = 64, 32


def drawings(channels=3):
    """White paper with black strokes, the same on every sheet."""
    image = np.full((SIDE, SIDE, 1), 255, "uint8")
    cv2.ellipse(image, (15, 12), (9, 8), 20, 0, 360, 0, 2)
    return np.stack([np.repeat(image, channels, axis=2)] * COUNT)


def augmented(augmentation, images, seed=0):
    indices = tf.range(len(images), dtype=tf.int64)
    draws = draw(seed, tf.zeros_like(indices), indices)
    found, _ = make_augment(augmentation, 5)(images, indices % 5, draws)
    return found.numpy()


@pytest.mark.parametrize("channels", [1, 3])
def test_erasing_lays_down_paper_with_its_probability(channels):
    images = np.zeros((COUNT, SIDE, SIDE, channels), "uint8")
    found = augmented(Augmentation(erasing=0.5, fill=200), images)
    shares = (found == 200).mean(axis=(1, 2, 3))
    assert ((found == 0) | (found == 200)).all()
    assert 0.3 < (shares > 0).mean() < 0.7
    assert shares.max() < 0.4
    for image in found[shares > 0][:, :, :, 0]:
        rows, columns = (image > 0).any(axis=1), (image > 0).any(axis=0)
        assert (image > 0).sum() == rows.sum() * columns.sum(), "not a rectangle"
    assert (augmented(Augmentation(erasing=1.0, fill=200), images) == 200).any(axis=(1, 2, 3)).mean() > 0.9


@pytest.mark.parametrize("channels", [1, 3])
def test_the_strongest_jitter_leaves_drawings_dark_on_light_and_grey(channels):
    images = drawings(channels)
    found = augmented(Augmentation(jitter=0.4), images)
    paper, ink = found[:, 0, 0, 0], found.min(axis=(1, 2, 3))
    assert found.min() >= 0 and found.max() <= 255
    assert (paper - ink).min() > 60
    assert found.mean(axis=(1, 2, 3)).min() > 127.5
    np.testing.assert_allclose(found, np.repeat(found[..., :1], channels, axis=3), atol=1e-3)
    assert paper.min() < 180 and ink.max() > 60


def test_jitter_changes_brightness_contrast_and_saturation_by_as_much_as_it_says():
    """On a ramp in a dull colour: brightness moves the mean, contrast the spread, saturation the colour."""
    images = np.zeros((COUNT, SIDE, SIDE, 3), "uint8")
    images[:] = np.linspace(100, 155, SIDE).astype("uint8")[:, None]
    images[..., 0] -= 20
    found = augmented(Augmentation(jitter=0.2), images)
    moved = found.mean(axis=(1, 2, 3)) - images[0].mean()
    assert moved.min() < -0.2 * 255 * 0.8 and moved.max() > 0.2 * 255 * 0.8
    assert np.abs(moved).max() < 0.2 * 255 * 1.1
    spread = found[..., 2].std(axis=(1, 2)) / images[0, ..., 2].std()
    assert 0.75 < spread.min() < 0.85 and 1.15 < spread.max() < 1.25

    def saturation(each):
        return 1 - each[..., 0] / each[..., 2]

    dulled = []
    for seed in range(3):
        light = augmented(Augmentation(jitter=1e-9), images, seed)
        np.testing.assert_allclose(light, images, atol=1e-2)
        dulled.append(saturation(augmented(Augmentation(jitter=0.2), images, seed)).mean(axis=(1, 2)))
    assert np.min(dulled) < saturation(images[0] * 1.0).mean() < np.max(dulled)


@pytest.mark.parametrize("augmentation", [Augmentation(erasing=0.7, fill=255), Augmentation(jitter=0.3)])
def test_what_is_drawn_depends_on_the_key_alone(augmentation):
    images = drawings()
    first = augmented(augmentation, images)
    augmented(augmentation, images, seed=5)
    np.testing.assert_array_equal(first, augmented(augmentation, images))
    assert not np.array_equal(first, augmented(augmentation, images, seed=1))


def test_one_operation_does_not_change_what_another_draws():
    images = np.zeros((COUNT, SIDE, SIDE, 3), "uint8")
    alone = augmented(Augmentation(erasing=0.5, fill=255), images)
    both = augmented(Augmentation(erasing=0.5, jitter=0.2, fill=255), images)
    edges = np.abs(np.diff(alone[..., 0], axis=1)) > 0
    flat = np.abs(np.diff(both[..., 0], axis=1)) < 1e-3
    assert edges.any()
    assert (flat | edges).all()
