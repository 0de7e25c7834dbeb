import matplotlib
import numpy as np
import pytest
from PIL import Image

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.explain.overlay import COLOUR_MAP, overlay, write_gradcam_grid, write_method_grid


def pictures(count=3, height=6, width=8, channels=1):
    return np.random.default_rng(0).integers(0, 256, (count, height, width, channels), dtype=np.uint8)


def test_cold_places_stay_and_hot_ones_take_the_colour():
    images = pictures()
    heat = np.zeros((3, 6, 8), np.float32)
    heat[1, 2, 3] = 1
    laid = overlay(images, heat, alpha=1)
    expected = np.repeat(images, 3, axis=-1)
    expected[1, 2, 3] = np.round(255 * np.array(matplotlib.colormaps[COLOUR_MAP](1.0)[:3]))
    assert laid.dtype == np.uint8
    np.testing.assert_array_equal(laid, expected)
    np.testing.assert_array_equal(overlay(images, heat, alpha=0), np.repeat(images, 3, axis=-1))


def test_heat_mixes_in_proportion():
    images = np.full((1, 1, 1, 3), 200.0, np.float32)
    colour = 255 * np.array(matplotlib.colormaps[COLOUR_MAP](np.float32(0.5))[:3])
    np.testing.assert_allclose(overlay(images, [[[0.5]]], alpha=0.4)[0, 0, 0], 0.8 * 200 + 0.2 * colour, atol=0.5)


def test_enlarged_pixels_stay_sharp_while_the_heat_is_smooth():
    images = pictures(channels=3)
    cold = overlay(images, np.zeros((3, 6, 8)), scale=4)
    np.testing.assert_array_equal(cold, images.repeat(4, axis=1).repeat(4, axis=2))
    ramp = np.tile(np.linspace(0, 1, 8), (3, 6, 1))
    red = overlay(np.zeros_like(images), ramp, scale=4)[0, 0, :, 0].astype(int)
    assert red.shape == (32,) and (np.diff(red) >= 0).all() and len(set(red)) > 8


@pytest.mark.parametrize(
    "change",
    [
        {"images": pictures(channels=2)},
        {"images": pictures()[0]},
        {"heat": np.zeros((3, 8, 6))},
        {"alpha": 1.5},
        {"scale": 0},
        {"scale": 1.5},
    ],
)
def test_what_does_not_fit_is_refused(change):
    arguments = {"images": pictures(), "heat": np.zeros((3, 6, 8)), **change}
    with pytest.raises(InvalidArgumentError, match=f"`{next(iter(change))}` must be"):
        overlay(**arguments)


@pytest.mark.parametrize(("count", "side"), [(1, 28), (5, 28), (2, 300)])
def test_the_grid_is_a_readable_png(tmp_path, count, side):
    images = np.full((count, side, side, 1), 255, np.uint8)
    heat = np.zeros((count, side, side), np.float32)
    heat[:, : side // 2] = 1
    write_gradcam_grid(tmp_path / "gradcam.png", images, heat, ["a long name of a class -> another one (0.87)"] * count)
    with Image.open(tmp_path / "gradcam.png") as picture:
        assert picture.format == "PNG" and min(picture.size) >= 200
        hot = 0.4 * 255 + 0.6 * 255 * np.array(matplotlib.colormaps[COLOUR_MAP](1.0)[:3])
        distance = np.abs(np.asarray(picture.convert("RGB")) - hot).max(axis=-1)
    assert (distance <= 2).sum() > 1000
    assert [path.name for path in tmp_path.iterdir()] == ["gradcam.png"]


def test_the_grid_needs_images_and_a_title_for_each(tmp_path):
    with pytest.raises(InvalidArgumentError, match="at least one image"):
        write_gradcam_grid(tmp_path / "x.png", pictures(0), np.zeros((0, 6, 8)), [])
    with pytest.raises(InvalidArgumentError, match="one for each of the 3 images"):
        write_gradcam_grid(tmp_path / "x.png", pictures(), np.zeros((3, 6, 8)), ["a"])
    assert not list(tmp_path.iterdir())


def test_the_grid_of_methods_has_a_column_for_each(tmp_path):
    images = np.full((2, 28, 28, 3), 255, np.uint8)
    cold, hot = np.zeros((2, 28, 28), np.float32), np.ones((2, 28, 28), np.float32)
    write_method_grid(tmp_path / "x.png", images, {"cold": cold, "hot": hot}, ["one: $cat$", "two: " + 9 * "word "])
    with Image.open(tmp_path / "x.png") as picture:
        pixels = np.asarray(picture.convert("RGB"))
    wanted = 0.4 * 255 + 0.6 * 255 * np.array(matplotlib.colormaps[COLOUR_MAP](1.0)[:3])
    columns = (np.abs(pixels - wanted).max(axis=-1) <= 2).any(axis=0).nonzero()[0]
    assert columns.min() > 0.5 * pixels.shape[1] and len(columns) > 100
    with pytest.raises(InvalidArgumentError, match="one for each of the 2 images"):
        write_method_grid(tmp_path / "x.png", images, {"hot": hot}, ["a"])
