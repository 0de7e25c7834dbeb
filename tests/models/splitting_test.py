import keras
import numpy as np
import pytest
from keras import layers

from keras_sketch import build_classifier
from keras_sketch.models import train_from
from keras_sketch.models.splitting import dropout_layers, split_network


@pytest.fixture(scope="module")
def mobilenet():
    return build_classifier("mobilenet_v2", 3, (32, 32, 3))


@pytest.fixture
def branches():
    """Two branches that meet, dropout on the way, and weights in every part."""
    inputs = keras.Input((8, 8, 3))
    stem = layers.Conv2D(4, 3, name="stem_1")(inputs)
    left = layers.Conv2D(4, 3, padding="same", name="left_1")(stem)
    dropped = layers.SpatialDropout2D(0.5, name="left_dropout")(left)
    pooled = layers.MaxPooling2D(3, 1, "same", name="right")(stem)
    x = layers.Conv2D(4, 1, name="last_1")(layers.Add(name="sum")([dropped, 2.0 * pooled]))
    return keras.Model(inputs, layers.Dense(2, name="logits")(layers.GlobalAveragePooling2D(name="pooling")(x)))


@pytest.fixture(scope="module")
def efficientnet():
    return build_classifier("efficientnet_b0", 3, (32, 32, 3))


def agree(network, parts, side):
    images = np.random.default_rng(0).uniform(0, 255, (2, side, side, 3)).astype("float32")
    np.testing.assert_array_equal(parts.rest(parts.frozen(images)), network(images))
    assert parts.frozen.trainable_weights == []
    assert [id(each) for each in parts.rest.trainable_weights] == [id(each) for each in network.trainable_weights]


@pytest.mark.parametrize(
    "block, layers_at_the_cut",
    [
        ("head", ("pooling",)),
        ("block_12", ("block_11_add",)),
        ("block_12_depthwise", ("block_11_add", "block_12_expand_relu")),
    ],
)
def test_the_parts_compute_what_the_whole_does(mobilenet, block, layers_at_the_cut):
    train_from(mobilenet, block)
    parts = split_network(mobilenet)
    assert parts.layers == layers_at_the_cut
    agree(mobilenet, parts, 32)


def test_without_frozen_weights_there_is_nothing_to_cut(mobilenet, efficientnet):
    for network in (mobilenet, efficientnet):
        train_from(network, "all")
        assert split_network(network) is None
    train_from(mobilenet, "head", train_norm=True)
    parts = split_network(mobilenet)
    assert parts.layers == ("Conv1",)


def test_the_share_of_the_frozen_part(branches, efficientnet):
    branches.get_layer("stem_1").trainable = False
    stem, left, last, logits = 36 * (27 * 4 + 4), 36 * (36 * 4 + 4), 36 * (4 * 4 + 4), 4 * 2 + 2
    assert split_network(branches).share == pytest.approx(stem / (stem + left + last + logits))
    shares = {}
    for block in ("block1", "block7", "head"):
        train_from(efficientnet, block)
        shares[block] = split_network(efficientnet).share
    assert shares["block1"] < 0.05 < 0.8 < shares["block7"] < 0.95 < shares["head"] < 1


def test_both_parts_have_the_networks_precision():
    inputs = keras.Input((4,))
    x = layers.Dense(3, trainable=False, dtype="mixed_float16")(inputs)
    network = keras.Model(inputs, layers.Dense(2, dtype="float32")(x))
    network.dtype_policy = "mixed_float16"
    parts = split_network(network)
    for model in (network, parts.rest):
        model.compile("sgd", "mse")
        assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert parts.frozen.compute_dtype == "float16"


def test_a_network_that_was_cut_is_saved_and_loaded_as_before(branches, tmp_path):
    branches.get_layer("stem_1").trainable = False
    before = branches.get_config()
    agree(branches, split_network(branches), 8)
    assert branches.get_config() == before
    branches.save(tmp_path / "model.keras")
    images = np.random.default_rng(1).normal(size=(2, 8, 8, 3)).astype("float32")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(images), branches(images), rtol=1e-6)
    agree(loaded, split_network(loaded), 8)


def test_dropout_is_behind_the_cut_unless_it_is_frozen(branches):
    for name in ("stem_1", "left_1"):
        branches.get_layer(name).trainable = False
    parts = split_network(branches)
    assert parts.layers[0] == "left_1" and parts.layers[1].startswith("multiply")
    agree(branches, parts, 8)
    branches.get_layer("left_dropout").trainable = False
    parts = split_network(branches)
    assert parts.layers == ("sum",)
    agree(branches, parts, 8)


def test_dropout_layers_are_found_in_nested_models(branches):
    outer = keras.Sequential([keras.Input((8, 8, 3)), branches, layers.Dropout(0.1, name="outer")])
    assert [layer.name for layer in dropout_layers(outer)] == ["left_dropout", "outer"]
