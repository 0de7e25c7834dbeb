import numpy as np
import pytest

from keras_sketch.errors import BadDataError
from keras_sketch.evaluation.augmentation_picture import draw_augmentation


@pytest.mark.parametrize("shape", [(28, 28, 1), (64, 64, 3)])
@pytest.mark.parametrize("columns", [1, 6])
def test_a_row_an_image_and_a_column_a_form(tmp_path, picture, shape, columns):
    images = np.random.default_rng(0).integers(0, 256, (3, *shape)).astype(np.uint8)
    forms = {f"form {i}": images.astype(np.float32) for i in range(columns)}
    draw_augmentation(tmp_path / "a.png", forms, ["a", "b $", "a class with a very long name indeed"])
    height, width = picture(tmp_path / "a.png").shape[:2]
    assert height == pytest.approx(3 * 120, abs=100) and width == pytest.approx(175 + columns * 120, abs=30)


def test_no_image_is_refused(tmp_path):
    with pytest.raises(BadDataError):
        draw_augmentation(tmp_path / "a.png", {"stored": np.zeros((0, 8, 8, 1))}, [])
