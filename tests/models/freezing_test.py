import keras
import numpy as np
import pytest

from keras_sketch import build_classifier
from keras_sketch.errors import InvalidArgumentError, UnknownNameError
from keras_sketch.exporting import load_classifier, save_classifier
from keras_sketch.losses import CrossEntropy
from keras_sketch.models import blocks, layer_groups, train_from
from keras_sketch.models.pooling import pool
from keras_sketch.training.distribution import synchronize_batch_normalization

PIXELS = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype("float32")
LABELS = np.array([0, 1, 1, 0])


def trainable_layers(model):
    return [layer.name for layer in model.layers if layer.trainable_weights]


@pytest.fixture(scope="module")
def resnet():
    return build_classifier("resnet50", 2, (32, 32, 3))


def test_a_block_and_all_behind_it_are_trained(resnet):
    train_from(resnet, "conv5")
    trained = trainable_layers(resnet)
    assert all(name.startswith(("conv5_", "logits")) for name in trained)
    assert sum(name.startswith("conv5_") for name in trained) == 2 * 3 * 3 + 2
    train_from(resnet, "conv5_block3")
    assert all(name.startswith(("conv5_block3", "logits")) for name in trainable_layers(resnet))
    train_from(resnet, "head")
    assert trainable_layers(resnet) == ["logits"]
    train_from(resnet, "all")
    assert len(trainable_layers(resnet)) == sum(bool(layer.weights) for layer in resnet.layers)


def test_frozen_layers_infer_while_the_others_learn():
    model = build_classifier("doodle_resnet", 2, (32, 32, 3))
    train_from(model, "eighth")
    boundary = keras.Model(model.input, model.get_layer("quarter_relu").output)
    inferred = np.array(boundary(PIXELS, training=False))
    np.testing.assert_array_equal(boundary(PIXELS, training=True), inferred)
    before = {weight.path: np.array(weight) for weight in model.weights}
    model.compile("sgd", CrossEntropy(), jit_compile=False)
    model.fit(PIXELS, LABELS, verbose=0)
    changed = {weight.path for weight in model.weights if (np.array(weight) != before[weight.path]).any()}
    assert {path.split("/")[0] for path in changed} == {"eighth", "eighth_norm", "logits"}
    assert "eighth_norm/moving_mean" in changed
    np.testing.assert_array_equal(boundary(PIXELS, training=True), inferred)


def test_the_first_layer_of_a_block_is_the_first_one_trained(resnet):
    small = build_classifier("doodle_resnet", 2, (32, 32, 3))
    for model, block, first in (
        (resnet, "conv4", "conv4_block1_1_conv"),
        (resnet, "conv4_block2", "conv4_block2_1_conv"),
        (small, "quarter", "quarter_in"),
    ):
        train_from(model, block)
        assert trainable_layers(model)[0] == first


def test_a_number_is_taken_whole():
    model = build_classifier("mobilenet_v2", 2, (32, 32, 3))
    train_from(model, "block_1")
    assert trainable_layers(model)[0] == "block_1_expand"
    train_from(model, "block_16")
    assert trainable_layers(model)[0] == "block_16_expand"


def test_blocks_of_layers_that_keras_named():
    model = build_classifier("inception_v3", 2, (75, 75, 3))
    train_from(model, "mixed7")
    before = keras.Model(model.input, model.get_layer("mixed7").output).layers
    assert {layer.name for layer in model.layers if not layer.trainable} == {layer.name for layer in before[:-1]}
    keras.backend.clear_session()


def test_a_nested_stem_is_frozen_whole():
    model = build_classifier("convnext_tiny", 2, (32, 32, 3))
    train_from(model, "stage_3")
    for clone in (model, synchronize_batch_normalization(model)):
        train_from(clone, "stage_3")
        stem = clone.get_layer("convnext_tiny_stem")
        assert not stem.trainable_weights and not any(layer.trainable for layer in stem.layers)
        assert trainable_layers(clone)[0] == "convnext_tiny_stage_3_block_0_depthwise_conv"
    keras.backend.clear_session()


@pytest.mark.parametrize("how", ["cloned", "saved"])
def test_it_survives_cloning_and_saving(how, tmp_path):
    model = build_classifier("doodle_resnet", 2, (32, 32, 3))
    train_from(model, "quarter")
    logits = np.array(model(PIXELS))
    if how == "cloned":
        other = synchronize_batch_normalization(model)
    else:
        save_classifier(model, tmp_path / "model.keras", {})
        other = load_classifier(tmp_path / "model.keras")
    assert trainable_layers(other) == trainable_layers(model)
    np.testing.assert_allclose(other(PIXELS), logits, atol=1e-5)
    train_from(other, "eighth")
    assert trainable_layers(other) == ["eighth", "eighth_norm", "logits"]


def test_an_unknown_block_lists_those_there_are(resnet):
    with pytest.raises(
        UnknownNameError, match="block of resnet50 'conv6'.*conv1, conv2, conv3, conv4, conv5.*--train-from"
    ):
        train_from(resnet, "conv6")
    with pytest.raises(UnknownNameError):
        train_from(resnet, "")
    with pytest.raises(UnknownNameError):
        train_from(resnet, "logits")
    many = build_classifier("mobilenet_025", 2, (32, 32, 3))
    with pytest.raises(UnknownNameError, match="conv1, conv_dw_1, conv_pw_1, conv_dw_2"):
        train_from(many, "block_3")


def test_frozen_blocks_may_train_their_normalization():
    model = build_classifier("doodle_resnet", 2, (32, 32, 3))
    train_from(model, "head", train_norm=True)
    norms = [layer.name for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert trainable_layers(model) == [*norms, "logits"]
    train_from(model, "head")
    assert trainable_layers(model) == ["logits"]


def test_normalization_inside_a_layer_is_found():
    inner = keras.Sequential([keras.layers.Dense(2, name="a"), keras.layers.BatchNormalization(name="b")], name="stem")
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(2, name="logits")(inner(inputs)))
    train_from(model, "head", train_norm=True)
    assert [weight.path.split("/")[-2] for weight in model.trainable_weights] == ["b", "b", "logits", "logits"]
    train_from(model, "head")
    assert len(model.trainable_weights) == 2


def test_three_groups_of_a_resnet_are_fastai_s(resnet):
    groups = layer_groups(resnet, 3)
    assert [layer for group in groups for layer in group] == resnet.layers
    starts = [next(layer.name for layer in group if layer.weights) for group in groups]
    assert starts == ["conv1_conv", "conv4_block1_1_conv", "logits"]
    assert groups[1][-1].name.startswith("conv5_block3") and groups[2][0].name == "pooling"


@pytest.mark.parametrize("count", [1, 2, 4, 5, 6])
def test_layers_are_shared_out_into_any_number_of_groups(resnet, count):
    groups = layer_groups(resnet, count)
    assert len(groups) == count
    assert [layer for group in groups for layer in group] == resnet.layers
    assert all(any(layer.weights for layer in group) for group in groups)


@pytest.mark.parametrize("count", [0, 7])
def test_more_groups_than_blocks_and_a_head_are_refused(resnet, count):
    with pytest.raises(InvalidArgumentError, match=rf"1 to 6 for the blocks of resnet50. Received: {count}"):
        layer_groups(resnet, count)


@pytest.fixture(scope="module")
def towers():
    """Two towers as in the table, with two blocks each; the first convolutions of both are as far from the output."""
    pixels = keras.Input((8, 8, 3), name="pixels")
    pooled = []
    for tower, names in (("one", ("block1_conv", "block2_conv")), ("two", ("conv1_conv", "conv2_conv"))):
        x = keras.layers.Rescaling(1.0, name=f"scaling_{tower}")(pixels)
        for name in names:
            x = keras.layers.BatchNormalization(name=f"{name}_bn")(keras.layers.Conv2D(2, 1, name=name)(x))
        pooled.append(pool(x, "gem", tower))
    joined = keras.layers.Concatenate(name="pooling")(pooled)
    return keras.Model(pixels, keras.layers.Dense(2, name="logits")(joined), name="towers")


def test_a_block_of_a_tower_leaves_the_other_one_frozen(towers):
    assert blocks(towers) == ["block1", "block2", "conv1", "conv2"]
    head = {"pooling_one", "pooling_two", "logits"}
    for block, expected in {
        "block2": {"block2_conv", "block2_conv_bn"},
        "conv1": {"conv1_conv", "conv1_conv_bn", "conv2_conv", "conv2_conv_bn"},
        "head": set(),
    }.items():
        train_from(towers, block)
        assert set(trainable_layers(towers)) == expected | head
    train_from(towers, "all")
    assert len(trainable_layers(towers)) == 8 + 3
    train_from(towers, "all", frozen=("block1", "conv1"))
    assert set(trainable_layers(towers)) == {"block2_conv", "block2_conv_bn", "conv2_conv", "conv2_conv_bn"} | head


def test_the_groups_of_towers_are_of_like_depth(towers):
    groups = [{layer.name for layer in group if layer.weights} for group in layer_groups(towers, 3)]
    assert groups == [
        {"block1_conv", "block1_conv_bn", "conv1_conv", "conv1_conv_bn"},
        {"block2_conv", "block2_conv_bn", "conv2_conv", "conv2_conv_bn"},
        {"pooling_one", "pooling_two", "logits"},
    ]
    assert sum(map(len, layer_groups(towers, 2))) == len(towers.layers)
    with pytest.raises(InvalidArgumentError, match="1 to 3 for the blocks of towers"):
        layer_groups(towers, 4)


def test_blocks_are_frozen_besides(resnet):
    train_from(resnet, "conv3", frozen=("conv4", "conv5_block2"))
    trained = {name.split("_")[0] for name in trainable_layers(resnet)}
    assert trained == {"conv3", "conv5", "logits"}
    assert not any(name.startswith("conv5_block2") for name in trainable_layers(resnet))
    train_from(resnet, "all", train_norm=True, frozen=("conv4",))
    assert {kind.rsplit("_", 1)[1] for kind in trainable_layers(resnet) if kind.startswith("conv4")} == {"bn"}
    with pytest.raises(UnknownNameError, match="block of resnet50 'attention'.*conv1, conv2, conv3"):
        train_from(resnet, "all", frozen=("attention",))


def test_attention_is_the_last_block_and_a_bottleneck_is_of_the_head():
    model = build_classifier("doodle_resnet", 2, (32, 32, 3), pooling="attention", bottleneck=4)
    assert blocks(model) == ["stem", "half", "quarter", "eighth", "attention"]
    head = ["bottleneck", "bottleneck_norm", "logits"]
    train_from(model, "head")
    assert trainable_layers(model) == head
    train_from(model, "attention")
    assert trainable_layers(model) == ["attention_conv", "attention_score", *head]
    train_from(model, "eighth", frozen=("attention",))
    assert trainable_layers(model) == ["eighth", "eighth_norm", *head]
    assert [layer.name for layer in layer_groups(model, 2)[-1]] == [
        "pooling", "bottleneck", "bottleneck_norm", "bottleneck_relu", "bottleneck_dropout", "logits"
    ]  # fmt: skip
