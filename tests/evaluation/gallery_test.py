import numpy as np
import pytest

from keras_sketch.errors import BadDataError
from keras_sketch.evaluation.figures import VERMILION
from keras_sketch.evaluation.gallery import draw_gallery


@pytest.mark.parametrize("count", [1, 6, 13])
def test_all_images_are_shown_in_rows_of_six(tmp_path, picture, count_of, count):
    images = np.full((count, 20, 20, 3), (0xD5, 0x5E, 0x00), np.uint8)
    draw_gallery(tmp_path / "gallery.png", images, ["one line\nand $another^ one"] * count, "title")
    pixels = picture(tmp_path / "gallery.png")
    assert count_of(pixels, VERMILION) == pytest.approx(count * 126**2, rel=0.05)
    rows = -(-count // 6)
    assert pixels.shape[0] == pytest.approx(40 + 12 + rows * (128 + 2 * 19 + 7), abs=2)


def test_no_image_is_refused(tmp_path):
    with pytest.raises(BadDataError, match="at least one image"):
        draw_gallery(tmp_path / "gallery.png", np.zeros((0, 4, 4, 3)), [], "title")
