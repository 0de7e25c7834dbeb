import keras
import numpy as np
import pytest

from keras_sketch import build_classifier
from keras_sketch.errors import InvalidArgumentError, UnknownNameError
from keras_sketch.exporting import load_classifier, save_classifier
from keras_sketch.losses import CrossEntropy
from keras_sketch.models import blocks, layer_groups, train_from
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


@pytest.mark.parametrize(
    ("name", "block", "first", "expected_blocks"),
    [
        ("resnet50", "conv4", "conv4_block1_1_conv", "conv1 conv2 conv3 conv4 conv5"),
        ("densenet121", "conv5", "conv5_block1_0_bn", "conv1 conv2 pool2 conv3 pool3 conv4 pool4 conv5 bn"),
        ("efficientnet_b0", "block6a", "block6a_expand_conv",
         "stem block1 block2 block3 block4 block5 block6 block7 top"),
        ("vgg16", "block5", "block5_conv1", "block1 block2 block3 block4 block5"),
        ("sketch_cnn", "conv4", "conv4", "conv1 conv2 conv3 conv4 dense1"),
        ("doodle_resnet", "quarter", "quarter_in", "stem half quarter eighth"),
    ],
)  # fmt: skip
def test_blocks_of_families(name, block, first, expected_blocks):
    model = build_classifier(name, 2, (32, 32, 3))
    assert blocks(model) == expected_blocks.split()
    train_from(model, block)
    assert trainable_layers(model)[0] == first
    keras.backend.clear_session()


def test_a_number_is_taken_whole():
    model = build_classifier("mobilenet_v2", 2, (32, 32, 3))
    train_from(model, "block_1")
    assert trainable_layers(model)[0] == "block_1_expand"
    train_from(model, "block_16")
    assert trainable_layers(model)[0] == "block_16_expand"


def test_blocks_of_layers_that_keras_named():
    model = build_classifier("inception_v3", 2, (75, 75, 3))
    assert blocks(model) == [f"mixed{number}" for number in range(10)]
    train_from(model, "mixed7")
    before = keras.Model(model.input, model.get_layer("mixed7").output).layers
    assert {layer.name for layer in model.layers if not layer.trainable} == {layer.name for layer in before[:-1]}
    keras.backend.clear_session()


def test_a_nested_stem_is_frozen_whole():
    model = build_classifier("convnext_tiny", 2, (32, 32, 3))
    assert blocks(model) == [
        "stem", "stage_0", "downsampling_block_0", "stage_1", "downsampling_block_1", "stage_2",
        "downsampling_block_2", "stage_3",
    ]  # fmt: skip
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
