"""What the tests of pictures share."""

import cv2
import pytest


@pytest.fixture
def picture():
    """Reads a PNG and checks that something is drawn on it; what it looks like is for eyes."""

    def read(path):
        pixels = cv2.imread(str(path))
        assert pixels is not None and pixels.std() > 1
        return pixels

    return read
