"""GeM against the formula in float64, and attention pooling."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_sketch.errors import InvalidArgumentError, UnknownNameError
from keras_sketch.models.pooling import AttentionPooling, GeM, pool
from keras_sketch.recipes.validation import POOLINGS

RANDOM = np.random.default_rng(0)
MAPS = {
    "positive": RANDOM.gamma(1.0, 2.0, (3, 4, 5, 6)),
    "rectified": np.maximum(RANDOM.normal(size=(3, 4, 5, 6)), 0),
    "negative too": RANDOM.normal(size=(3, 4, 5, 6)),
    "negative": -RANDOM.gamma(1.0, 2.0, (3, 4, 5, 6)),
}


def generalized_mean(maps, p):
    """Computes, in float64, the formula of the paper on maps that are shifted where they go below zero."""
    below = np.minimum(maps.min(axis=(1, 2), keepdims=True), 0)
    return below[:, 0, 0] + ((maps - below) ** p).mean(axis=(1, 2)) ** (1 / p)


def gradients(layer, maps, power=2):
    """Gives the gradients of the sum of the outputs, or of their squares, by the maps and by the exponent."""
    maps = tf.constant(maps)
    layer(maps)
    with tf.GradientTape() as tape:
        tape.watch(maps)
        total = tf.reduce_sum(tf.cast(layer(maps), layer.precise) ** power)
    by_maps, by_exponent = tape.gradient(total, [maps, layer.exponent.value])
    return np.array(by_maps, "float64"), np.array(by_exponent, "float64")


@pytest.mark.parametrize("maps", MAPS.values(), ids=MAPS)
@pytest.mark.parametrize("p", [1.0, 1.5, 3.0, 10.0])
def test_it_is_the_formula(maps, p):
    maps = maps.astype("float32")
    np.testing.assert_allclose(GeM(p)(maps), generalized_mean(maps.astype("float64"), p), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("maps", MAPS.values(), ids=MAPS)
def test_it_goes_from_the_average_to_the_maximum(maps):
    maps = maps.astype("float32")
    np.testing.assert_allclose(GeM(1.0)(maps), maps.mean(axis=(1, 2)), rtol=1e-5, atol=1e-6)
    largest, span = maps.max(axis=(1, 2)), np.ptp(maps, axis=(1, 2)).max() + np.abs(maps).max()
    # Of n equal places only one being the largest, n^(-1/p) of it is left.
    for p in (100.0, 1000.0):
        assert np.abs(np.array(GeM(p)(maps)) - largest).max() <= (1 - 20 ** (-1 / p)) * span
    np.testing.assert_allclose(GeM(1e6)(maps), largest, rtol=1e-4, atol=1e-4)


def test_rectified_maps_are_pooled_as_published():
    maps = MAPS["rectified"].astype("float32")
    published = (np.maximum(maps, 1e-6).astype("float64") ** 3).mean(axis=(1, 2)) ** (1 / 3)
    np.testing.assert_allclose(GeM()(maps), published, atol=1e-5)


@pytest.mark.parametrize("maps", ["positive", "negative too", "negative"])
@pytest.mark.parametrize("p", [1.5, 3.0, 8.0])
def test_gradients_are_the_finite_differences(maps, p):
    maps, step = MAPS[maps], 1e-6
    by_maps, by_exponent = gradients(GeM(p, dtype="float64"), maps)

    def total(maps, p=p):
        return (generalized_mean(maps, p) ** 2).sum()

    found = (total(maps, p + step) - total(maps, p - step)) / (2 * step)
    np.testing.assert_allclose(by_exponent, found, rtol=1e-5)
    for place in [(0, 0, 0, 0), (1, 2, 3, 4), (2, 3, 4, 5), np.unravel_index(maps.argmin(), maps.shape)]:
        ahead, behind = maps.copy(), maps.copy()
        ahead[place] += step
        behind[place] -= step
        np.testing.assert_allclose(by_maps[place], (total(ahead) - total(behind)) / (2 * step), rtol=1e-4, atol=1e-6)
    in_float32 = gradients(GeM(p), maps.astype("float32"))
    np.testing.assert_allclose(in_float32[0], by_maps, rtol=1e-3, atol=1e-4 * np.abs(by_maps).max())
    np.testing.assert_allclose(in_float32[1], by_exponent, rtol=1e-3)


def test_each_channel_may_have_its_exponent():
    maps = MAPS["positive"].astype("float32")
    layer = GeM(per_channel=True)
    np.testing.assert_allclose(layer(maps), generalized_mean(maps, 3.0), rtol=1e-5)
    exponents = np.array([1, 2, 3, 4, 5, 6], "float32")
    layer.exponent.assign(exponents)
    expected = [generalized_mean(maps[..., [channel]], p)[:, 0] for channel, p in enumerate(exponents)]
    np.testing.assert_allclose(layer(maps), np.stack(expected, -1), rtol=1e-5)
    np.testing.assert_array_equal(layer.p, exponents)
    assert gradients(layer, maps)[1].shape == (6,) and GeM()(maps).shape == (3, 6)


@pytest.mark.parametrize("precision", ["float32", "mixed_float16", "mixed_bfloat16", "float16"])
@pytest.mark.parametrize("p", [1.0, 3.0, 1000.0, 1e6])
def test_extreme_maps_are_safe(precision, p):
    type_of_maps = "float32" if precision == "float32" else precision.removeprefix("mixed_")
    extremes = [0.0, 6e4, -6e4, 1e-7]
    for maps in (*(np.full((2, 3, 3, 2), value) for value in extremes), RANDOM.choice(extremes, (2, 3, 3, 2))):
        maps = tf.cast(maps, type_of_maps)
        layer = GeM(p, dtype=precision)
        pooled = layer(maps)
        assert pooled.dtype == type_of_maps
        expected = np.array(maps, "float64").mean(axis=(1, 2)), np.array(maps, "float64").max(axis=(1, 2))
        found = np.array(pooled, "float64")
        assert (found >= expected[0] - 0.01 * np.abs(expected[0]) - 1).all()
        assert (found <= expected[1] + 0.01 * np.abs(expected[1]) + 1).all()
        for gradient in gradients(layer, maps, power=1):
            assert np.isfinite(gradient).all()


def test_of_maps_that_are_zero_everywhere_the_slope_is_that_of_the_average():
    with tf.GradientTape() as tape:
        maps = tf.zeros((1, 3, 4, 2))
        tape.watch(maps)
        pooled = GeM(3.0)(maps)
    np.testing.assert_array_equal(pooled, 0)
    np.testing.assert_allclose(tape.gradient(pooled, maps), 1 / 12, rtol=1e-6)


@pytest.mark.parametrize("optimizer", [keras.optimizers.SGD, keras.optimizers.Adam])
@pytest.mark.parametrize("target", [-1e4, 1e4])
@pytest.mark.parametrize("per_channel", [False, True])
def test_the_exponent_stays_in_its_range_whatever_the_rate(optimizer, target, per_channel):
    inputs = keras.Input((4, 5, 6))
    model = keras.Model(inputs, GeM(per_channel=per_channel, name="pooling")(inputs))
    model.compile(optimizer(1e3), "mse", run_eagerly=True)
    maps = MAPS["positive"].astype("float32")
    seen = []
    for _ in range(4):
        model.train_on_batch(maps, np.full((3, 6), target))
        seen.append(model.get_layer("pooling").p)
        assert np.isfinite(model(maps)).all()
    assert np.min(seen) >= 1 and np.max(seen) <= 1e6
    # A smaller target asks for a smaller exponent: without its range it would be negative.
    np.testing.assert_array_equal(np.min(seen) == 1, target < 0)


def test_it_survives_saving(tmp_path):
    inputs = keras.Input((4, 5, 6))
    pooled = keras.layers.Concatenate()([GeM(2.0)(inputs), GeM(per_channel=True)(inputs), pool(inputs, "attention")])
    model, maps = keras.Model(inputs, pooled), MAPS["positive"].astype("float32")
    gems = [layer for layer in model.layers if isinstance(layer, GeM)]
    for gem in gems:
        gem.exponent.assign(gem.exponent + 1)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(maps), model(maps))
    again = [layer for layer in loaded.layers if isinstance(layer, GeM)]
    assert [layer.exponent.shape for layer in again] == [(), (6,)]
    assert all(layer.exponent.constraint is not None for layer in again)


@pytest.mark.parametrize("p", [0.5, 0.0, -3.0, float("nan"), float("inf")])
def test_exponents_out_of_range_are_refused(p):
    with pytest.raises(InvalidArgumentError, match="`p` must be a number of 1 to 10"):
        GeM(p)


def test_attention_pools_what_it_weighs():
    features, scores = MAPS["negative too"].astype("float32"), RANDOM.random((3, 4, 5, 1)).astype("float32")
    expected = np.einsum("nhwc,nhw->nc", features, scores[..., 0]) / 20
    np.testing.assert_allclose(AttentionPooling()([features, scores]), expected, rtol=1e-4, atol=1e-6)


def test_untrained_attention_is_constant():
    inputs = keras.Input((4, 5, 6))
    model, maps = keras.Model(inputs, pool(inputs, "attention")), MAPS["negative too"].astype("float32")
    np.testing.assert_allclose(model(maps), np.log(2) * maps.mean(axis=(1, 2)), rtol=1e-4, atol=1e-6)
    assert [layer.name for layer in model.layers[1:]] == ["attention_conv", "attention_score", "pooling"]
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(maps, np.zeros((3, 6)), verbose=0)
    assert np.abs(model.get_layer("attention_score").kernel).max() > 0


@pytest.mark.parametrize("pooling", POOLINGS)
def test_every_pooling_of_a_recipe_gives_a_row_a_picture(pooling):
    inputs = keras.Input((None, None, 6))
    model = keras.Model(inputs, pool(inputs, pooling))
    assert model.output_shape == (None, 6)
    assert model.layers[-1].name == "pooling"
    assert np.isfinite(model(MAPS["positive"])).all()


def test_an_unknown_pooling_lists_those_there_are():
    with pytest.raises(UnknownNameError, match="Unknown pooling 'gems'. Did you mean 'gem'"):
        pool(keras.Input((4, 5, 6)), "gems")
