"""Networks and pixels as small as each network takes them."""

import keras
import numpy as np
import pytest

from keras_sketch import build_classifier
from keras_sketch.models import BACKBONES


def side_of(name):
    return max(BACKBONES[name].smallest, 12)


@pytest.fixture(scope="session")
def small_pixels():
    """Gives random uint8 pixels for a network."""

    def pixels(name, count=2):
        side = side_of(name)
        return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)

    return pixels


@pytest.fixture(scope="session")
def build_small():
    """Builds a network of three classes for them."""

    def build(name, **choices):
        keras.utils.set_random_seed(0)
        return build_classifier(name, num_classes=3, input_shape=(side_of(name), side_of(name), 3), **choices)

    return build
