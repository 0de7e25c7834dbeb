import matplotlib
import numpy as np
import pytest
from PIL import Image

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.explain.activation_grid import COLOUR_MAP, most_active, write_activation_grid


def colour(value):
    return np.round(255 * np.array(matplotlib.colormaps[COLOUR_MAP](value)[:3]))


def count(picture, wanted):
    return int((np.abs(picture - wanted).max(axis=-1) <= 1).sum())


def test_the_most_active_channels_are_those_with_the_largest_mean_magnitude():
    values = np.zeros((2, 3, 3, 5), np.float32)
    values[..., 1], values[..., 3], values[0, 0, 0, 4] = -2, 1, 9
    assert most_active(values, 2).tolist() == [1, 3]
    assert most_active(values, 9).tolist() == [0, 1, 2, 3, 4]


def test_channels_share_one_scale_of_colours(tmp_path):
    values = np.zeros((1, 2, 2, 3), np.float32)
    values[..., 1], values[..., 2] = 0.5, 1.0
    write_activation_grid(tmp_path / "x.png", np.full((1, 28, 28, 1), 90), values, ["one"], "conv")
    picture = np.asarray(Image.open(tmp_path / "x.png").convert("RGB"), float)
    for value in (0.0, 0.5, 1.0):
        assert count(picture, colour(value)) >= 96 * 96
    assert count(picture, np.full(3, 90)) >= 200 * 200


def test_large_layers_show_64_channels_and_small_ones_all(tmp_path):
    random = np.random.default_rng(0)
    sizes = {}
    for channels in (3, 64, 300):
        path = tmp_path / f"{channels}.png"
        values = random.normal(size=(1, 7, 7, channels)).astype(np.float32)
        write_activation_grid(path, random.integers(0, 256, (1, 300, 300, 3)), values, ["b $x"], "conv_5")
        sizes[channels] = Image.open(path).size
    assert sizes[64] == sizes[300] and sizes[3] < sizes[64]


def test_layers_without_a_value_above_zero_and_wide_ones(tmp_path):
    for values, tile in ((np.zeros((1, 4, 9, 2)), 43 * 96), (np.full((1, 200, 4, 2), -1.0), 96 * 2)):
        write_activation_grid(tmp_path / "x.png", np.zeros((1, 8, 8, 1)), values, ["low"], "conv")
        picture = np.asarray(Image.open(tmp_path / "x.png").convert("RGB"), float)
        assert picture.shape == (289, 524, 3)
        # Some more are the lower end of the colour bar.
        assert 2 * tile <= count(picture, colour(0.0)) < 2 * tile + 200
        assert count(picture, np.zeros(3)) >= 212 * 212


@pytest.mark.parametrize(
    "change", [{"images": np.zeros((0, 8, 8, 1))}, {"activations": np.zeros((2, 4, 4, 3))}, {"titles": ["a", "b"]}]
)
def test_what_does_not_fit_is_refused(change, tmp_path):
    arguments = {"images": np.zeros((1, 8, 8, 1)), "activations": np.zeros((1, 4, 4, 3)), "titles": ["a"], **change}
    with pytest.raises(InvalidArgumentError, match=f"`{next(iter(change))}` must be"):
        write_activation_grid(tmp_path / "x.png", layer="conv", **arguments)
    assert not list(tmp_path.iterdir())
