"""What the tests of pictures share."""

import cv2
import numpy as np
import pytest
from matplotlib.colors import to_rgb


@pytest.fixture
def picture():
    """Reads a PNG and checks that something is drawn on it; what it looks like is for eyes."""

    def read(path):
        pixels = cv2.imread(str(path))
        assert pixels is not None and pixels.std() > 1
        return pixels

    return read


@pytest.fixture
def count_of():
    """Counts the pixels of a colour in what `picture` reads, give or take one level."""

    def count(pixels, colour):
        wanted = 255 * np.array(to_rgb(colour)[::-1])  # OpenCV reads blue first
        return int((np.abs(pixels - wanted).max(axis=-1) <= 1).sum())

    return count
