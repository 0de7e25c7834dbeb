import numpy as np
import pytest

from keras_sketch.data.resizing import fit_square
from keras_sketch.errors import InvalidArgumentError


def wide():
    """White paper, 40 x 20, a black square in the middle."""
    image = np.full((20, 40, 1), 255, "uint8")
    image[5:15, 15:25] = 0
    return image


def test_a_fitting_image_is_not_touched():
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    np.testing.assert_array_equal(fit_square(image, 8), image)


def test_pad_keeps_the_shape_and_continues_the_paper():
    square = fit_square(wide(), 40, "pad").numpy()
    np.testing.assert_array_equal(square[10:30], wide())
    assert (square[:10] == 255).all() and (square[30:] == 255).all()


def test_stretch_fills_the_square():
    ink = 1 - fit_square(wide(), 20, "stretch").numpy()[..., 0] / 255
    assert ink[:, 10].sum() == pytest.approx(10, abs=0.1)
    assert ink[10].sum() == pytest.approx(5, abs=0.1)


def test_crop_keeps_the_middle():
    np.testing.assert_array_equal(fit_square(wide(), 20, "crop"), wide()[:, 10:30])


@pytest.mark.parametrize("how", ["pad", "stretch", "crop"])
@pytest.mark.parametrize("shape", [(1, 50, 1), (50, 1, 3), (3, 3, 3)])
def test_extreme_shapes_become_square(how, shape):
    assert fit_square(np.full(shape, 90, "uint8"), 7, how).numpy().tolist() == np.full((7, 7, shape[2]), 90).tolist()


def test_bad_arguments_are_named():
    with pytest.raises(InvalidArgumentError, match="pad, stretch, crop"):
        fit_square(wide(), 8, "squash")
    with pytest.raises(InvalidArgumentError, match="side"):
        fit_square(wide(), 0)
