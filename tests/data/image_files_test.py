"""What a user names for `predict` and `explain`: images, and what only looks like files of them."""

import os

import cv2
import numpy as np
import pytest

from keras_sketch.data.image_files import read_image, read_images
from keras_sketch.errors import BadDataError, MissingDataError

MODEL = {"image_size": 8, "channels": 1, "resize": "pad"}


@pytest.fixture
def good(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), "uint8")
    assert cv2.imwrite(str(tmp_path / "good.png"), image)
    return tmp_path / "good.png"


def test_grey_and_colour_as_the_model_wants_them(good):
    assert read_images([good, good], MODEL).shape == (2, 8, 8, 1)
    colour, luminance = read_image(good, 3, 30), read_image(good, 1, 30)
    np.testing.assert_array_equal(colour, cv2.imread(str(good))[..., ::-1])
    assert np.abs(colour @ [0.299, 0.587, 0.114] - luminance[..., 0]).max() < 1
    assert read_image(good, 3, 15).shape == (10, 15, 3)


def test_the_file_that_cannot_be_used_is_named(good, tmp_path):
    huge = good.read_bytes()[:16] + b"\0\1\0\0" * 2 + good.read_bytes()[24:]
    (tmp_path / "huge.png").write_bytes(huge)
    (tmp_path / "text.jpg").write_text("text")
    os.mkfifo(tmp_path / "pipe.png")
    with (tmp_path / "long.bmp").open("wb") as file:
        file.truncate(3 << 30)
    for name, reason in {
        "huge.png": "the PNG declares 65536 x 65536 pixels, more than 52 million",
        "text.jpg": "not a PNG, JPEG, GIF or BMP image but text",
        "pipe.png": "not a file but a pipe or device",
        "long.bmp": "the file has 3072 MiB, more than 128",
    }.items():
        with pytest.raises(BadDataError) as error:
            read_images([good, tmp_path / name], MODEL)
        assert str(error.value) == f"{tmp_path / name}: {reason}"
    with pytest.raises(MissingDataError, match=r"Cannot read .*/gone\.png: No such file"):
        read_images([tmp_path / "gone.png"], MODEL)
    with pytest.raises(MissingDataError, match="Is a directory"):
        read_images([tmp_path], MODEL)
