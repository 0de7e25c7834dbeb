"""The published weights of Keras' applications, without a network to fetch them from."""

import socket
import warnings

import keras
import numpy as np
import pytest

from keras_sketch import build_classifier
from keras_sketch.errors import InvalidArgumentError, MissingDataError
from keras_sketch.models import BACKBONES
from keras_sketch.training.distribution import synchronize_batch_normalization

SHAPE = (32, 32, 3)
PIXELS = np.random.default_rng(0).integers(0, 256, (2, *SHAPE)).astype("float32")
STATISTICS = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


@pytest.fixture(autouse=True)
def released():
    yield
    keras.backend.clear_session()


def features_of(classifier):
    return np.array(keras.Model(classifier.input, classifier.get_layer("pooling").input)(PIXELS))


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


def test_efficientnet_from_a_file_is_what_keras_downloads(tmp_path):
    application = published_efficientnet(
        keras.applications.EfficientNetB0(include_top=False, weights=None, input_shape=SHAPE)
    )
    application.save(tmp_path / "w.h5")
    application.save_weights(tmp_path / "w.weights.h5")
    expected = np.array(with_second_scaling(application)(PIXELS))
    assert np.abs(expected - np.array(application(PIXELS))).max() > 0.01 * np.abs(expected).max()
    tolerance = dict(rtol=1e-3, atol=1e-4 * np.abs(expected).max())
    for file in ("w.h5", "w.weights.h5"):
        classifier = build_classifier("efficientnet_b0", 3, SHAPE, weights=tmp_path / file)
        np.testing.assert_allclose(features_of(classifier), expected, **tolerance)
    classifier.save_weights(tmp_path / "own.weights.h5")
    again = build_classifier("efficientnet_b0", 3, SHAPE, weights=tmp_path / "own.weights.h5")
    np.testing.assert_allclose(features_of(again), expected, **tolerance)
    np.testing.assert_allclose(features_of(synchronize_batch_normalization(classifier)), expected, **tolerance)


def test_efficientnet_has_one_graph_for_all_weights(monkeypatch, tmp_path):
    published = published_efficientnet(
        keras.applications.EfficientNetB0(include_top=False, weights=None, input_shape=SHAPE)
    )
    published.save_weights(tmp_path / "w.weights.h5")
    download = "keras.src.applications.efficientnet.file_utils.get_file"
    monkeypatch.setattr(download, lambda *_, **__: str(tmp_path / "w.weights.h5"))
    theirs = keras.applications.EfficientNetB0(include_top=False, weights="imagenet", input_shape=SHAPE)
    ours = build_classifier("efficientnet_b0", 3, SHAPE, weights="imagenet")
    expected = np.array(theirs(PIXELS))
    np.testing.assert_allclose(features_of(ours), expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
    random = build_classifier("efficientnet_b0", 3, SHAPE)
    assert [type(layer) for layer in random.layers] == [type(layer) for layer in ours.layers]
    assert [v.shape for v in random.variables] == [v.shape for v in ours.variables]


@pytest.mark.parametrize("name", ["mobilenet_025", "mobilenet_v2", "mobilenet_v3_small"])
def test_unusual_sizes_are_no_cause_for_a_warning(name, monkeypatch, tmp_path):
    row = BACKBONES[name]
    source = row.load()(include_top=False, weights=None, input_shape=SHAPE, **row.arguments)
    source.save_weights(tmp_path / "w.weights.h5")
    monkeypatch.setattr("keras.src.utils.file_utils.get_file", lambda *_, **__: str(tmp_path / "w.weights.h5"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        classifier = build_classifier(name, 3, SHAPE, weights="imagenet")
    assert [str(each.message) for each in caught if issubclass(each.category, UserWarning)] == []
    assert classifier.output_shape == (None, 3)


def test_efficientnet_trained_from_scratch_is_scaled_as_it_was(tmp_path):
    application = keras.applications.EfficientNetB0(include_top=False, weights=None, input_shape=SHAPE)
    application.save_weights(tmp_path / "w.weights.h5")
    classifier = build_classifier("efficientnet_b0", 3, SHAPE, weights=tmp_path / "w.weights.h5")
    np.testing.assert_allclose(features_of(classifier), application(PIXELS), rtol=1e-3, atol=1e-5)


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
