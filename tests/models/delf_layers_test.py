import keras
import numpy as np
import pytest
from keras import layers

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.models.delf_layers import FeaturePyramid, KeypointSelection


@pytest.fixture(scope="module")
def network():
    """Means of 8 x 8 pixels, beside each other: features of three channels."""
    inputs = keras.Input((None, None, 3))
    return keras.Model(inputs, layers.AveragePooling2D(8, name="mean")(inputs))


def maps(scores, depth=2):
    """Levels of a pyramid with these scores `[N, h, w]` and features that say where they are from."""
    levels = []
    for number, each in enumerate(scores):
        count, height, width = each.shape
        y, x = np.mgrid[:height, :width].astype("float32")
        locations = np.broadcast_to(np.stack([x, y], -1), (count, height, width, 2)).astype("float32")
        features = np.full((count, height, width, depth), number + 1, "float32")
        levels.append({"features": features, "scores": each.astype("float32"), "locations": locations})
    return levels


def chosen_one_by_one(scores, threshold):
    """The definition: from the strongest to the weakest, unless a neighbour at the same scale is chosen."""
    least = threshold * np.median([value for each in scores for value in each.ravel() if value > 0])
    candidates = [
        (-value, level, y, x)
        for level, each in enumerate(scores)
        for (y, x), value in np.ndenumerate(each)
        if value >= least and value > 0
    ]
    chosen = []
    for value, level, y, x in sorted(candidates):
        beside = {(level, y - 1, x), (level, y + 1, x), (level, y, x - 1), (level, y, x + 1)}
        if not beside & {each[1:] for each in chosen}:
            chosen.append((value, level, y, x))
    return chosen


class TestSelection:
    @pytest.mark.parametrize("values", [1000, 4])
    def test_is_what_going_from_the_strongest_to_the_weakest_gives(self, values):
        random = np.random.default_rng(values)
        scores = [random.integers(0, values, (3, *size)).astype("float32") for size in ((2, 3), (4, 5), (9, 8))]
        found = KeypointSelection(60, scales=(0.5, 1, 2), threshold=0.9)(maps(scores))
        for image in range(3):
            expected = chosen_one_by_one([each[image] for each in scores], 0.9)
            assert int(found["counts"][image]) == len(expected) > 10
            for field, wanted in (
                ("scores", [-each[0] for each in expected]),
                ("scales", [(0.5, 1, 2)[each[1]] for each in expected]),
                ("locations", [(each[3], each[2]) for each in expected]),
            ):
                np.testing.assert_array_equal(found[field][image][: len(expected)], wanted)
                assert not np.any(found[field][image][len(expected) :])

    def test_takes_the_strongest_where_there_are_too_many(self):
        scores = [np.random.default_rng(0).uniform(1, 2, (1, 8, 8))]
        every = KeypointSelection(64, scales=(1,))(maps(scores))
        some = KeypointSelection(5, scales=(1,))(maps(scores))
        np.testing.assert_array_equal(some["scores"], every["scores"][:, :5])
        assert int(some["counts"][0]) == 5 < int(every["counts"][0])

    def test_descriptors_have_the_length_one_and_padding_is_zero(self):
        found = KeypointSelection(9, scales=(1,))(maps([np.ones((2, 3, 3))], depth=4))
        lengths = np.linalg.norm(found["descriptors"], axis=-1)
        np.testing.assert_allclose(lengths, [[1] * 5 + [0] * 4] * 2, atol=1e-6)

    @pytest.mark.parametrize("unit", [1e-3, 1e3])
    def test_does_not_depend_on_the_unit_of_the_scores(self, unit):
        scores = np.random.default_rng(0).uniform(0, 1, (1, 8, 8))
        first, second = (KeypointSelection(64, scales=(1,))(maps([each])) for each in (scores, unit * scores))
        np.testing.assert_array_equal(first["locations"], second["locations"])

    def test_an_image_without_any_score_has_no_features(self):
        found = KeypointSelection(4, scales=(1,))(maps([np.zeros((1, 3, 3))]))
        assert not np.any(found["counts"]) and not np.any(found["descriptors"])


class TestPyramid:
    @pytest.mark.parametrize("height, width", [(64, 96), (71, 50)])
    def test_a_patch_is_found_where_it_is(self, network, height, width):
        pyramid = FeaturePyramid(network, scales=(0.5, 0.7071, 1.0, 2.0), rim=0)
        for y, x in ((20, 30), (40, 12)):
            pixels = np.zeros((1, height, width, 3), "float32")
            pixels[:, y - 8 : y + 9, x - 8 : x + 9] = 1
            for level in pyramid(pixels):
                weights = level["scores"][0]
                found = np.average(np.reshape(level["locations"][0], (-1, 2)), axis=0, weights=np.ravel(weights))
                np.testing.assert_allclose(found, (x, y), atol=0.8)

    def test_locations_are_those_of_the_cells_in_the_images_own_pixels(self, network):
        [level] = FeaturePyramid(network, scales=(0.5,))(np.zeros((1, 32, 48, 3)))
        # Cells of 8 pixels at half size are 16 wide; the middle of pixels 0 to 15 is 7.5.
        np.testing.assert_allclose(level["locations"][0, 1, 2], (39.5, 23.5))

    def test_cells_at_the_rim_have_no_score(self, network):
        pixels = np.ones((1, 80, 64, 3), "float32")
        [level] = FeaturePyramid(network, scales=(1.0,), rim=1.5)(pixels)
        # 10 x 8 cells with their middles at 3.5, 11.5, 19.5, ...; a rim of 12 and 10.7 pixels.
        expected = np.zeros((10, 8), bool)
        expected[2:8, 1:7] = True
        np.testing.assert_array_equal(level["scores"][0] > 0, expected)

    def test_what_is_too_small_is_left_out(self, network):
        pyramid = FeaturePyramid(network, scales=(0.25, 1.0))
        small, large = pyramid(np.zeros((2, 16, 24, 3)))
        assert small["features"].shape == (2, 0, 0, 3) and large["features"].shape == (2, 2, 3, 3)
        with pytest.raises(InvalidArgumentError, match="no scale leaves a cell"):
            pyramid.grids(6, 6)

    def test_shapes_are_known_before_it_runs(self, network):
        pyramid = FeaturePyramid(network)
        announced = pyramid(keras.Input((50, 40, 3)))
        for wanted, level in zip(announced, pyramid(np.zeros((1, 50, 40, 3))), strict=True):
            for name in level:
                assert wanted[name].shape[1:] == tuple(level[name].shape[1:])

    def test_it_never_trains(self, network):
        pyramid = FeaturePyramid(keras.models.clone_model(network))
        pyramid.trainable = True
        assert not pyramid.trainable and not pyramid.trainable_weights
