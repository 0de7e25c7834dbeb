"""Weights from files: those of Keras' applications, of the small networks, and what must not load."""

import itertools
import json
import socket

import h5py
import keras
import numpy as np
import pytest

from keras_sketch import build_classifier
from keras_sketch.errors import BadDataError, InvalidArgumentError, MissingDataError
from keras_sketch.models import BACKBONES
from keras_sketch.training.distribution import synchronize_batch_normalization

SHAPE = (32, 32, 3)
PIXELS = np.random.default_rng(0).integers(0, 256, (2, *SHAPE)).astype("float32")
STATISTICS = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


@pytest.fixture(autouse=True)
def released():
    yield
    keras.backend.clear_session()


def features_of(classifier, pixels=PIXELS):
    return np.array(keras.Model(classifier.input, classifier.get_layer("pooling").input)(pixels))


def shaken(network):
    """Gives every weight another value, so that none is right by its initial one."""
    random = np.random.default_rng(1)
    network.set_weights([w + 0.1 * random.random(w.shape).astype(w.dtype) for w in network.get_weights()])
    return network


def preprocessed(name):
    module = {"mobilenet_025": "mobilenet", "mobilenet_v3_small": "mobilenet_v3"}.get(name, name)
    return getattr(keras.applications, module).preprocess_input(PIXELS.copy())


@pytest.mark.parametrize(
    ("name", "head", "file"),
    [
        *itertools.product(("mobilenet_025", "mobilenet_v3_small"), (False, True), ("w.weights.h5", "w.h5")),
        ("vgg16", True, "w.h5"),
    ],
)
def test_a_file_of_the_application_loads_with_its_head_and_without(name, head, file, tmp_path):
    row = BACKBONES[name]
    arguments = {**row.arguments, "include_preprocessing": True} if name == "mobilenet_v3_small" else row.arguments
    source = row.load()(include_top=head, weights=None, input_shape=SHAPE, classes=7, **arguments)
    source = source if name == "vgg16" else shaken(source)
    (source.save if file == "w.h5" else source.save_weights)(tmp_path / file)
    loaded = build_classifier(name, 3, SHAPE, weights=tmp_path / file)
    (tmp_path / file).unlink()
    expected = row.load()(include_top=False, weights=None, input_shape=SHAPE, **arguments)
    expected.set_weights(source.get_weights()[: len(expected.weights)])
    expected = np.array(expected(preprocessed(name)))
    np.testing.assert_allclose(features_of(loaded), expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def published_efficientnet(network):
    """Gives the network the statistics that Keras' published file holds."""
    normalization = network.get_layer(index=2)
    normalization.set_weights([*map(np.float32, STATISTICS), normalization.get_weights()[2]])
    normalization.finalize_state()
    return network


def with_second_scaling(network):
    """Builds what Keras builds for `weights="imagenet"`: one more scaling behind the normalization, written out."""
    normalization = network.get_layer(index=2)
    behind = keras.Model(normalization.output, network.output)
    pixels = keras.Input(SHAPE)
    normalized = normalization(network.get_layer(index=1)(pixels))
    return keras.Model(pixels, behind(keras.layers.Rescaling([x**-0.5 for x in STATISTICS[1]])(normalized)))


@pytest.mark.parametrize("file", ["w.weights.h5", "w.h5"])
def test_efficientnet_from_a_file_is_what_keras_downloads(file, tmp_path):
    application = published_efficientnet(
        keras.applications.EfficientNetB0(include_top=False, weights=None, input_shape=SHAPE)
    )
    (application.save if file == "w.h5" else application.save_weights)(tmp_path / file)
    classifier = build_classifier("efficientnet_b0", 3, SHAPE, weights=tmp_path / file)
    expected = np.array(with_second_scaling(application)(PIXELS))
    assert np.abs(expected - np.array(application(PIXELS))).max() > 0.01 * np.abs(expected).max()
    tolerance = dict(rtol=1e-3, atol=1e-4 * np.abs(expected).max())
    np.testing.assert_allclose(features_of(classifier), expected, **tolerance)
    classifier.save_weights(tmp_path / "own.weights.h5")
    again = build_classifier("efficientnet_b0", 3, SHAPE, weights=tmp_path / "own.weights.h5")
    np.testing.assert_allclose(features_of(again), expected, **tolerance)
    np.testing.assert_allclose(features_of(synchronize_batch_normalization(classifier)), expected, **tolerance)


def test_efficientnet_trained_from_scratch_is_scaled_as_it_was(tmp_path):
    application = keras.applications.EfficientNetB0(include_top=False, weights=None, input_shape=SHAPE)
    application.save_weights(tmp_path / "w.weights.h5")
    classifier = build_classifier("efficientnet_b0", 3, SHAPE, weights=tmp_path / "w.weights.h5")
    np.testing.assert_allclose(features_of(classifier), application(PIXELS), rtol=1e-3, atol=1e-5)


def test_random_layers_keep_their_seeds(tmp_path):
    keras.utils.set_random_seed(1)
    build_classifier("doodle_resnet", 2, SHAPE).save_weights(tmp_path / "w.weights.h5")

    def seeds(**arguments):
        keras.utils.set_random_seed(2)
        model = build_classifier("doodle_resnet", 2, SHAPE, **arguments)
        weights = {id(weight) for weight in model.weights}
        return [np.array(variable) for variable in model.variables if id(variable) not in weights]

    np.testing.assert_array_equal(seeds(weights=tmp_path / "w.weights.h5"), seeds())


def refused(name, other, file):
    row = BACKBONES[other]
    source = row.load()(include_top=False, weights=None, input_shape=SHAPE, **row.arguments)
    (source.save if file.name == "w.h5" else source.save_weights)(file)
    with pytest.raises(BadDataError, match=f"w.*h5 do not fit {name}: it"):
        build_classifier(name, 3, SHAPE, weights=file)
    file.unlink()


@pytest.mark.parametrize(
    ("name", "other"),
    [("vgg16", "vgg19"), ("vgg19", "vgg16"), ("mobilenet_025", "mobilenet"), ("efficientnet_b0", "efficientnet_b1")],
)
@pytest.mark.parametrize("file", ["w.weights.h5", "w.h5"])
def test_weights_of_another_network_are_refused(name, other, file, tmp_path):
    refused(name, other, tmp_path / file)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("efficientnet_b1", "efficientnet_b0"),
        ("densenet121", "densenet169"),
        ("resnet50", "resnet101"),
        ("resnet101", "resnet50"),
        ("resnet50", "resnet50_v2"),
        ("convnext_tiny", "convnext_small"),
        ("efficientnet_v2_b0", "efficientnet_v2_b1"),
        ("mobilenet_v3_small", "mobilenet_v3_large"),
    ],
)
@pytest.mark.parametrize("file", ["w.weights.h5", "w.h5"])
def test_weights_of_a_sibling_are_refused(name, other, file, tmp_path):
    refused(name, other, tmp_path / file)


def test_weights_of_a_small_network_come_from_its_own_file(tmp_path):
    source = build_classifier("quickdraw_cnn", 2)
    source.save_weights(tmp_path / "w.weights.h5")
    loaded = build_classifier("quickdraw_cnn", 2, weights=str(tmp_path / "w.weights.h5"))
    for a, b in zip(source.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(BadDataError, match="do not fit quickdraw_cnn with 3 classes: it needs 1 of shape .50, 3."):
        build_classifier("quickdraw_cnn", 3, weights=tmp_path / "w.weights.h5")
    with pytest.raises(BadDataError, match="do not fit doodle_resnet with 2 classes"):
        build_classifier("doodle_resnet", 2, weights=tmp_path / "w.weights.h5")


def test_missing_and_damaged_files_are_named(tmp_path):
    with pytest.raises(MissingDataError, match=r"No weights at .*nowhere.*Give a .weights.h5 or .h5 file of mobilenet"):
        build_classifier("mobilenet_025", 2, SHAPE, weights=tmp_path / "nowhere.weights.h5")
    with pytest.raises(MissingDataError, match="No weights at"):
        build_classifier("mobilenet_025", 2, SHAPE, weights=tmp_path)
    whole = tmp_path / "w.weights.h5"
    build_classifier("mobilenet_025", 2, SHAPE).save_weights(whole)
    content = whole.read_bytes()
    for damaged in (content[: len(content) // 2], b"", b"not weights", json.dumps({}).encode()):
        whole.write_bytes(damaged)
        with pytest.raises(BadDataError, match="Cannot read the weights in .*w.weights.h5"):
            build_classifier("mobilenet_025", 2, SHAPE, weights=whole)
    whole.write_bytes(content)
    renamed = whole.rename(tmp_path / "other.h5")
    with pytest.raises(BadDataError, match="name ends in .weights.h5"):
        build_classifier("mobilenet_025", 2, SHAPE, weights=renamed)
    with h5py.File(tmp_path / "table.h5", "w") as file:
        file["table"] = np.zeros(3)
    with pytest.raises(BadDataError, match="do not fit mobilenet_025"):
        build_classifier("mobilenet_025", 2, SHAPE, weights=tmp_path / "table.h5")


def test_numbers_that_are_not_finite_are_refused(tmp_path):
    source = build_classifier("quickdraw_cnn", 2)
    source.layers[-1].set_weights([np.full((50, 2), np.nan), np.zeros(2)])
    source.save_weights(tmp_path / "w.weights.h5")
    with pytest.raises(BadDataError, match="not finite"):
        build_classifier("quickdraw_cnn", 2, weights=tmp_path / "w.weights.h5")


def test_offline_one_sentence_says_which_file_from_where(monkeypatch, tmp_path):
    def unreachable(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unreachable)
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(tmp_path))
    expected = r"cannot download vgg16\S*notop.h5 from https://storage\S*notop.h5 \(.*not known\).*--weights FILE"
    with pytest.raises(MissingDataError, match=expected):
        build_classifier("vgg16", 2, SHAPE, weights="imagenet")


def test_small_networks_have_no_imagenet_weights():
    with pytest.raises(InvalidArgumentError, match="sketch_cnn has no ImageNet weights"):
        build_classifier("sketch_cnn", 2, weights="imagenet")


@pytest.mark.parametrize(
    ("name", "file", "function", "module", "arguments"),
    [
        ("densenet121", "densenet121_imagenet_top", "DenseNet121", "densenet", {}),
        ("resnet50", "resnet50_pruned_int8_imagenet_notop", "ResNet50", "resnet", {}),
        ("mobilenet_v2", "mobilenet_v2_1.0_224_imagenet_notop", "MobileNetV2", "mobilenet_v2", {}),
        ("mobilenet_025", "mobilenet_0.25_224_imagenet_top", "MobileNet", "mobilenet", {"alpha": 0.25}),
    ],
)
def test_real_weights_give_the_features_that_keras_gives(samples, name, file, function, module, arguments):
    weights = samples.parent / "weights" / f"{file}.weights.h5"
    if not weights.is_file():
        pytest.skip(f"{weights.name} is not beside the samples")
    shape = (96, 96, 3)
    pixels = np.random.default_rng(0).integers(0, 256, (2, *shape)).astype("float32")
    theirs = getattr(keras.applications, function)(include_top=False, weights=weights, input_shape=shape, **arguments)
    expected = np.array(theirs(getattr(keras.applications, module).preprocess_input(pixels.copy())))
    ours = synchronize_batch_normalization(build_classifier(name, 3, shape, weights))
    np.testing.assert_allclose(features_of(ours, pixels), expected, atol=1e-4 * np.abs(expected).max())
