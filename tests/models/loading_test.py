"""Which weights file is for what: towers, heads, a network that is cut."""

import h5py
import keras
import numpy as np
import pytest

from keras_sketch import build_classifier
from keras_sketch.errors import BadDataError, InvalidArgumentError, MissingDataError, UnknownNameError
from keras_sketch.models.loading import split_weights
from keras_sketch.models.table import backbone

SHAPE = (32, 32, 3)
PIXELS = np.random.default_rng(0).integers(0, 256, (2, *SHAPE)).astype("float32")
TOWERS = "vgg16_places365_resnet50"
HEAD = dict(pooling="gem", bottleneck=4, cosine_scale=16.0)


@pytest.fixture(autouse=True, scope="module")
def released():
    yield
    keras.backend.clear_session()


def shaken(network):
    """Gives every weight another value, so that none is right by its initial one."""
    random = np.random.default_rng(1)
    network.set_weights([w + 0.1 * random.random(w.shape).astype(w.dtype) for w in network.get_weights()])
    return network


def weights_of(network, *layers):
    return [weight for name in layers for weight in network.get_layer(name).get_weights()]


def assert_equal(found, expected):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def write_old_file(network, path):
    """Writes weights as Keras 2 did: a group a layer, those without weights too, in the order of the layers."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in network.layers]
        file.attrs["backend"], file.attrs["keras_version"] = b"tensorflow", b"2.1.5"
        for layer in network.layers:
            names = [f"{layer.name}/{weight.name}:0".encode() for weight in layer.weights]
            group = file.create_group(layer.name)
            group.attrs["weight_names"] = names
            for name, value in zip(names, layer.get_weights(), strict=True):
                group[name.decode()] = value


def published_vgg16(classes=None):
    """Builds the published network on Places365, with its layers' names; with its head where classes are given."""
    x = inputs = keras.Input(SHAPE, name="input_1")
    for block, (filters, convolutions) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), start=1):
        for number in range(1, convolutions + 1):
            name = f"block{block}_conv{number}"
            x = keras.layers.Conv2D(filters, 3, padding="same", activation="relu", name=name)(x)
        x = keras.layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
    if classes:
        x = keras.layers.Flatten(name="flatten")(x)
        for name, units in (("fc1", 8), ("fc2", 8), ("predictions", classes)):
            x = keras.layers.Dense(units, name=name)(x)
    return keras.Model(inputs, x, name="vgg16-places365")


@pytest.mark.parametrize("with_head", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_each_tower_has_its_own_weights_and_preprocessing(with_head, tmp_path):
    vgg16 = published_vgg16(365 if with_head else None)
    resnet50 = keras.applications.ResNet50(include_top=False, weights=None, input_shape=SHAPE)
    write_old_file(vgg16, tmp_path / "places.h5")
    resnet50.save_weights(tmp_path / "r=50,.weights.h5")
    files = f"vgg16={tmp_path}/places.h5,resnet50={tmp_path}/r=50,.weights.h5"
    model = build_classifier(TOWERS, 3, SHAPE, files)
    features = keras.Model(model.input, model.get_layer("pooling").output)(PIXELS)
    convolutions = keras.Model(vgg16.input, vgg16.get_layer("block5_pool").output)
    expected = [
        convolutions(PIXELS[..., ::-1] - np.array([104.006, 116.669, 122.679], "float32")),
        resnet50(keras.applications.resnet.preprocess_input(PIXELS.copy())),
    ]
    expected = np.concatenate([np.mean(maps, axis=(1, 2)) for maps in expected], axis=-1)
    np.testing.assert_allclose(features, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


@pytest.mark.slow
def test_towers_that_are_left_out_stay_random_and_a_whole_file_is_of_the_whole(tmp_path):
    vgg16 = published_vgg16()
    write_old_file(vgg16, tmp_path / "places.h5")
    source = build_classifier(TOWERS, 3, SHAPE, {"vgg16": tmp_path / "places.h5", "resnet50": None}, pooling="gem")
    assert_equal(weights_of(source, "block5_conv3"), weights_of(vgg16, "block5_conv3"))
    source.get_layer("pooling_vgg16").exponent.assign(2.0)
    source.save(tmp_path / "model.keras")
    again = build_classifier(TOWERS, 3, SHAPE, tmp_path / "model.keras", pooling="gem")
    assert_equal(again.get_weights(), source.get_weights())
    fewer = build_classifier(TOWERS, 2, SHAPE, tmp_path / "model.keras", pooling="avg", bottleneck=4)
    layers = ("block5_conv3", "conv1_conv", "conv5_block3_3_bn")
    assert_equal(weights_of(fewer, *layers), weights_of(source, *layers))


def test_which_weights_are_for_what():
    row = backbone(TOWERS)
    assert split_weights(TOWERS, row, "vgg16=a,b.h5,resnet50=imagenet") == {"vgg16": "a,b.h5", "resnet50": "imagenet"}
    assert split_weights(TOWERS, row, "resnet50=none") == split_weights(TOWERS, row, None) == {}
    assert split_weights(TOWERS, row, "run/model.keras") == {TOWERS: "run/model.keras"}
    assert split_weights("resnet50", backbone("resnet50"), "a=b.h5") == {"resnet50": "a=b.h5"}


@pytest.mark.parametrize(
    ("name", "weights", "error", "message"),
    [
        (
            *(TOWERS, "imagenet", InvalidArgumentError),
            r"vgg16=FILE,resnet50=FILE\|imagenet.*github.com/GKalliatakis/Keras-VGG16-places365/releases.*notop.h5",
        ),
        (TOWERS, "vgg16=imagenet", InvalidArgumentError, "Received: 'vgg16=imagenet'"),
        (TOWERS, "vgg=file.h5", UnknownNameError, "Unknown tower of vgg16_places365_resnet50 'vgg'. Did you mean 'vgg"),
        (TOWERS, "file.h5,vgg16=file.h5", UnknownNameError, "Unknown tower of vgg16_places365_resnet50 'file.h5'"),
        (TOWERS, "vgg16=nowhere.h5", MissingDataError, "No weights at nowhere.h5.*file of vgg16"),
        ("resnet50", {"resnet50": "imagenet"}, InvalidArgumentError, "resnet50 has no towers"),
    ],
)
def test_weights_that_there_are_not(name, weights, error, message):
    with pytest.raises(error, match=message):
        build_classifier(name, 3, SHAPE, weights)


@pytest.mark.parametrize("file", ["w.h5", "w.weights.h5"])
def test_a_published_network_s_file_fills_the_backbone_under_any_head(file, tmp_path):
    source = keras.applications.MobileNet(weights=None, input_shape=SHAPE, alpha=0.25, classes=7)
    (source.save if file == "w.h5" else source.save_weights)(tmp_path / file)
    model = build_classifier("mobilenet_025", 7, SHAPE, tmp_path / file, **HEAD)
    layers = [layer.name for layer in source.layers if layer.weights and layer.name != "conv_preds"]
    assert_equal(weights_of(model, *layers), weights_of(source, *layers))
    assert model.get_layer("pooling").p == 3


@pytest.mark.parametrize("name", ["mobilenet_025", "sketch_cnn"])
@pytest.mark.parametrize("file", ["w.weights.h5", "w.h5", "w.keras"])
def test_a_classifier_s_file_fills_its_head_where_it_fits(name, file, tmp_path):
    source = shaken(build_classifier(name, 5, SHAPE, **HEAD))
    (source.save_weights if file == "w.weights.h5" else source.save)(tmp_path / file)
    again = build_classifier(name, 5, SHAPE, tmp_path / file, **HEAD)
    assert_equal(again.get_weights(), source.get_weights())
    fewer = build_classifier(name, 3, SHAPE, tmp_path / file, **HEAD)
    assert_equal(fewer.get_weights()[:-1], source.get_weights()[:-1])
    assert fewer.output_shape == (None, 3)


@pytest.mark.slow
def test_a_classifier_s_file_fills_the_backbone_of_one_with_another_head(tmp_path):
    source = shaken(build_classifier("mobilenet_025", 5, SHAPE, **HEAD))
    for file, write in (("w.weights.h5", source.save_weights), ("w.h5", source.save)):
        write(tmp_path / file)
        for head in ({}, dict(pooling="attention"), dict(pooling="gem_channels", bottleneck=2)):
            model = build_classifier("mobilenet_025", 5, SHAPE, tmp_path / file, **head)
            layers = [layer.name for layer in source.layers if layer.weights and layer.name.startswith("conv")]
            assert_equal(weights_of(model, *layers), weights_of(source, *layers))
    with pytest.raises(BadDataError, match="do not fit sketch_cnn with 5 classes"):
        build_classifier("sketch_cnn", 5, SHAPE, tmp_path / "w.weights.h5")


def test_a_network_that_is_cut_loads_from_the_whole_and_from_its_own(tmp_path):
    whole = keras.applications.ResNet50(include_top=False, weights=None, input_shape=SHAPE)
    whole.save_weights(tmp_path / "whole.weights.h5")
    first = build_classifier("delf_resnet50", 3, SHAPE, tmp_path / "whole.weights.h5")
    layers = [layer.name for layer in first.layers if layer.weights and layer.name.startswith("conv")]
    assert len(layers) == 2 * 43 and layers[-1].startswith("conv4_block6")
    assert_equal(weights_of(first, *layers), weights_of(whole, *layers))
    first.get_layer("attention_score").bias.assign([0.5])
    first.save(tmp_path / "first.keras")
    second = build_classifier("delf_resnet50", 3, SHAPE, tmp_path / "first.keras")
    assert_equal(second.get_weights(), first.get_weights())
    wider = build_classifier("delf_resnet50", 4, SHAPE, tmp_path / "first.keras", bottleneck=8)
    assert_equal(weights_of(wider, *layers), weights_of(first, *layers))
    with pytest.raises(BadDataError, match="do not fit resnet50"):
        build_classifier("resnet50", 3, SHAPE, tmp_path / "first.keras")
