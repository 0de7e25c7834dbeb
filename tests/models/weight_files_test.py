"""Weights from files: those of Keras' applications, of the small networks, and what must not load."""

import itertools
import json
import zipfile

import h5py
import keras
import numpy as np
import pytest

from keras_sketch import build_classifier
from keras_sketch.errors import BadDataError, MissingDataError
from keras_sketch.models import BACKBONES
from keras_sketch.models.weight_files import load_weight_file
from keras_sketch.training.distribution import synchronize_batch_normalization

SHAPE = (32, 32, 3)
PIXELS = np.random.default_rng(0).integers(0, 256, (2, *SHAPE)).astype("float32")


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


def test_random_layers_keep_their_seeds(tmp_path):
    keras.utils.set_random_seed(1)
    build_classifier("doodle_resnet", 2, SHAPE).save_weights(tmp_path / "w.weights.h5")

    def seeds(**arguments):
        keras.utils.set_random_seed(2)
        model = build_classifier("doodle_resnet", 2, SHAPE, **arguments)
        weights = {id(weight) for weight in model.weights}
        return [np.array(variable) for variable in model.variables if id(variable) not in weights]

    np.testing.assert_array_equal(seeds(weights=tmp_path / "w.weights.h5"), seeds())


SIBLINGS = [
    ("vgg16", "vgg19"),
    ("vgg19", "vgg16"),
    ("mobilenet_025", "mobilenet"),
]
MORE_SIBLINGS = [
    ("efficientnet_b0", "efficientnet_b1"),
    ("efficientnet_b1", "efficientnet_b0"),
    ("densenet121", "densenet169"),
    ("resnet50", "resnet101"),
    ("resnet101", "resnet50"),
    ("resnet50", "resnet50_v2"),
    ("convnext_tiny", "convnext_small"),
    ("efficientnet_v2_b0", "efficientnet_v2_b1"),
    ("mobilenet_v3_small", "mobilenet_v3_large"),
]


@pytest.mark.parametrize(
    ("name", "other"), [*SIBLINGS, *(pytest.param(*pair, marks=pytest.mark.slow) for pair in MORE_SIBLINGS)]
)
@pytest.mark.parametrize("file", ["w.weights.h5", "w.h5"])
def test_weights_of_a_sibling_are_refused(name, other, file, tmp_path):
    row = BACKBONES[other]
    source = row.load()(include_top=False, weights=None, input_shape=SHAPE, **row.arguments)
    (source.save if file == "w.h5" else source.save_weights)(tmp_path / file)
    with pytest.raises(BadDataError, match=f"w.*h5 do not fit {name}: it"):
        build_classifier(name, 3, SHAPE, weights=tmp_path / file)
    (tmp_path / file).unlink()


def test_weights_of_a_small_network_come_from_its_own_file(tmp_path):
    source = build_classifier("quickdraw_cnn", 2)
    source.save_weights(tmp_path / "w.weights.h5")
    loaded = build_classifier("quickdraw_cnn", 2, weights=str(tmp_path / "w.weights.h5"))
    for a, b in zip(source.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(BadDataError, match="do not fit doodle_resnet with 2 classes"):
        build_classifier("doodle_resnet", 2, weights=tmp_path / "w.weights.h5")


@pytest.mark.parametrize("name", ["quickdraw_cnn", "doodle_resnet", "sketch_cnn"])
@pytest.mark.parametrize("file", ["w.weights.h5", "w.h5", "w.keras"])
def test_for_other_classes_all_but_the_head_is_loaded(name, file, tmp_path):
    source = shaken(build_classifier(name, 5, SHAPE))
    (source.save_weights if file == "w.weights.h5" else source.save)(tmp_path / file)
    keras.utils.set_random_seed(1)
    random = build_classifier(name, 3, SHAPE)
    keras.utils.set_random_seed(1)
    loaded = build_classifier(name, 3, SHAPE, weights=tmp_path / file)
    for a, b in zip(source.get_weights()[:-2], loaded.get_weights()[:-2], strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(loaded.get_weights()[-2], random.get_weights()[-2])
    again = build_classifier(name, 5, SHAPE, weights=tmp_path / file)
    np.testing.assert_allclose(again(PIXELS), source(PIXELS), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("missing", r"beta is \[\(6,\)\] for \[\(4, 6\), \(6,\)\]"),
        ("misshapen", r"beta is \[\(4, 5\), \(6,\)\] for"),
        ("extra", r"gamma \[\(2, 2\)\] is not the network's"),
        ("twice", r"other/vars \[\(2, 2\)\] is not the network's"),
    ],
)
def test_the_layer_that_does_not_fit_is_named(change, named, tmp_path):
    def network():
        inputs = keras.Input((3,))
        return keras.Model(inputs, keras.layers.Dense(6, name="beta")(keras.layers.Dense(4, name="alpha")(inputs)))

    file = tmp_path / "w.weights.h5"
    network().save_weights(file)
    with h5py.File(file, "r+") as stored:
        [place] = [each for each in stored["layers"] if stored[f"layers/{each}/vars"].attrs["name"] == "beta"]
        if change in ("extra", "twice"):
            stored["layers/other/vars/0"] = np.zeros((2, 2))
            stored["layers/other/vars"].attrs["name"] = "gamma" if change == "extra" else "beta"
        else:
            del stored[f"layers/{place}/vars/0"]
        if change == "misshapen":
            stored[f"layers/{place}/vars/0"] = np.zeros((4, 5))
    with pytest.raises(BadDataError, match=named):
        load_weight_file(network(), "it", file)


@pytest.mark.parametrize("file", ["w.weights.h5", "w.h5", "w.keras"])
def test_only_the_head_may_differ(file, tmp_path):
    def network(side, classes, extra):
        inputs = keras.Input((side,))
        x = keras.layers.Dense(6)(keras.layers.Dense(4)(inputs))
        x = keras.layers.Dense(6)(x) if extra else x
        return keras.Model(inputs, keras.layers.Dense(classes, name="logits")(x))

    for side, extra in ((5, False), (7, True)):
        source = network(side, 3, extra)
        (source.save_weights if file == "w.weights.h5" else source.save)(tmp_path / file)
        with pytest.raises(BadDataError, match="do not fit it: its? "):
            load_weight_file(network(7, 2, False), "it", tmp_path / file, head="logits")
        (tmp_path / file).unlink()


@pytest.mark.parametrize("name", ["mobilenet_025", "efficientnet_b0"])
def test_a_whole_model_gives_its_backbone(name, tmp_path):
    source = shaken(build_classifier(name, 5, SHAPE))
    source.compile("adam", "mse")
    source.optimizer.build(source.trainable_variables)
    source.save(tmp_path / "model.keras")
    loaded = build_classifier(name, 3, (32, 32, 1), weights=tmp_path / "model.keras", light_on_dark=True)
    for a, b in zip(source.get_weights()[:-2], loaded.get_weights()[:-2], strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_keras_file_that_is_none_is_refused(tmp_path):
    file = tmp_path / "model.keras"
    build_classifier("quickdraw_cnn", 2).save(file)
    content = file.read_bytes()
    with zipfile.ZipFile(tmp_path / "empty.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    for damaged in (content[: len(content) // 2], b"nothing", (tmp_path / "empty.keras").read_bytes()):
        file.write_bytes(damaged)
        with pytest.raises(BadDataError, match="Cannot read the weights in .*model.keras.*Give a .weights.h5"):
            build_classifier("quickdraw_cnn", 2, weights=file)


def test_missing_and_damaged_files_are_named(tmp_path):
    with pytest.raises(
        MissingDataError, match=r"No weights at .*nowhere.*Give a .weights.h5, .h5 or .keras file of mob"
    ):
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


@pytest.mark.parametrize(
    ("name", "file", "function", "module", "arguments"),
    [
        pytest.param(
            *("densenet121", "densenet121_imagenet_top", "DenseNet121", "densenet", {}), marks=pytest.mark.slow
        ),
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
