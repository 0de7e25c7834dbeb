import cv2
import numpy as np

from keras_sketch.curation.decode import check_image
from tfds_builders.image_files import stored_jpeg


def photo(height, width, channels=3):
    small = np.random.default_rng(0).integers(0, 256, (6, 9, channels), dtype=np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC).reshape(height, width, channels)


def encoded(image, kind=".jpg"):
    return cv2.imencode(kind, image)[1].tobytes()


def test_a_jpeg_that_is_small_enough_is_stored_as_it_is():
    for image in (photo(60, 90), photo(60, 90, 1)):
        contents = encoded(image)
        assert stored_jpeg(contents, check_image(contents), 60, 95) is contents


def test_the_shorter_side_becomes_as_asked_and_the_shape_stays():
    for image in (photo(200, 464), photo(464, 200, 1)):
        pixels = check_image(encoded(image, ".png"))
        stored = check_image(stored_jpeg(encoded(image, ".png"), pixels, 100, 95))
        size = (232, 100) if image.shape[0] == 200 else (100, 232)
        expected = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).reshape(stored.shape)
        assert np.abs(stored.astype(int) - expected).mean() < 2


def test_another_format_becomes_a_jpeg_of_its_size():
    contents = encoded(photo(30, 40), ".bmp")
    stored = stored_jpeg(contents, check_image(contents), 256, 95)
    assert stored.startswith(b"\xff\xd8")
    assert check_image(stored).shape == (30, 40, 3)
