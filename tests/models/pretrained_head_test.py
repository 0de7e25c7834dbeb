"""Networks that keep the head which they were trained on ImageNet with."""

import gc

import keras
import numpy as np
import pytest

from keras_sketch import build_classifier, gradcam
from keras_sketch.errors import BadDataError, InvalidArgumentError
from keras_sketch.explain.layers import feature_layer_name
from keras_sketch.exporting import load_classifier, save_classifier
from keras_sketch.models import BACKBONES, blocks, train_from
from keras_sketch.training.distribution import synchronize_batch_normalization

QUICK = ["mobilenet_025", "mobilenet_v3_small", "vgg16"]
SLOW = [
    "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_b0", "inception_resnet_v2", "inception_v3",
    "mobilenet_v2", "nasnet_mobile", "resnet50", "resnet50_v2", "xception",
]  # fmt: skip


@pytest.fixture(autouse=True)
def released():
    yield
    keras.backend.clear_session()
    gc.collect()


def shape_of(name):
    return (max(BACKBONES[name].smallest, 64 if name in QUICK[:2] else 32),) * 2 + (3,)


def pixels_of(name):
    return np.random.default_rng(0).integers(0, 256, (2, *shape_of(name))).astype("float32")


def theirs(name, head=True, shape=None):
    """Builds Keras' own network with random weights; those that are 0 or 1 at first are shaken."""
    row, random = BACKBONES[name], np.random.default_rng(1)
    arguments = dict(include_top=True, classifier_activation=None) if head else dict(include_top=False)
    network = row.load()(weights=None, input_shape=shape or shape_of(name), **arguments, **row.arguments)
    for weight in network.weights:
        if len(weight.shape) == 1 and "normalization" not in weight.path:
            weight.assign(random.uniform(0.5, 1.5, weight.shape))
    return network


def prepared(name, pixels):
    """Scales pixels as Keras' own function does; of the networks that can scale by themselves, those do not here."""
    row = BACKBONES[name]
    if row.scaling == "included":
        return pixels
    return keras.applications.imagenet_utils.preprocess_input(pixels.copy(), mode=row.scaling)


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_logits_are_keras_own(name, tmp_path):
    source, pixels = theirs(name), pixels_of(name)
    expected = np.array(source(prepared(name, pixels)))
    source.save_weights(tmp_path / "w.weights.h5")
    del source
    model = build_classifier(name, 1000, shape_of(name), tmp_path / "w.weights.h5", head="pretrained")
    found = np.array(model(pixels))
    assert np.ptp(expected, axis=-1).min() > 0
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())
    train_from(model, "head")
    with_weights = [layer for layer in model.layers if layer.weights]
    head = [layer for layer in with_weights if layer.trainable_weights]
    # ConvNeXt normalizes behind the pooling.
    assert head == with_weights[-BACKBONES[name].head_layers - ("convnext" in name) :]
    train_from(model, blocks(model)[-1])
    assert any(layer.trainable_weights for layer in with_weights[: -len(head)])


def test_it_is_explained_cloned_saved_and_loaded(tmp_path):
    name = "mobilenet_025"
    model, pixels = build_classifier(name, 1000, shape_of(name), head="pretrained"), pixels_of(name)
    logits = np.array(model(pixels))
    save_classifier(model, tmp_path / "model.keras", {})
    loaded = load_classifier(tmp_path / "model.keras")
    again = build_classifier(name, 1000, shape_of(name), tmp_path / "model.keras", head="pretrained")
    for other in (synchronize_batch_normalization(model), loaded, again):
        np.testing.assert_allclose(other(pixels), logits, atol=1e-5)
        assert feature_layer_name(other) == "conv_pw_13_relu"
    assert gradcam(loaded, pixels).shape == pixels.shape[:3]
    fewer = build_classifier(name, 3, shape_of(name), tmp_path / "model.keras")
    for ours, source in zip(fewer.weights[:-2], model.weights, strict=False):
        np.testing.assert_array_equal(ours, source)


def test_logits_are_float32_under_mixed_precision():
    name = "mobilenet_025"
    exact, pixels = build_classifier(name, 1000, shape_of(name), head="pretrained"), pixels_of(name)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = build_classifier(name, 1000, shape_of(name), head="pretrained")
    finally:
        keras.config.set_dtype_policy(before)
    mixed.set_weights(exact.get_weights())
    logits = mixed(pixels)
    assert logits.dtype == "float32"
    assert not np.array_equal(logits, keras.ops.cast(keras.ops.cast(logits, "bfloat16"), "float32"))
    np.testing.assert_allclose(logits, exact(pixels), atol=0.1 * np.abs(logits).max())


@pytest.mark.parametrize(("name", "file"), [("mobilenet_025", "w.h5"), ("mobilenet_v3_small", "w.weights.h5")])
def test_a_file_without_the_head_is_refused(name, file, tmp_path):
    source = theirs(name, head=False)
    (source.save if file == "w.h5" else source.save_weights)(tmp_path / file)
    with pytest.raises(BadDataError, match='do not fit .*: it holds no head, which head="pretrained" keeps'):
        build_classifier(name, 1000, shape_of(name), tmp_path / file, head="pretrained")


@pytest.mark.parametrize(
    ("name", "module"),
    [("mobilenet_025", "mobilenet"), pytest.param("efficientnet_b0", "efficientnet", marks=pytest.mark.slow)],
)
def test_published_weights_serve_images_of_another_size(name, module, monkeypatch, tmp_path):
    source = theirs(name, shape=BACKBONES[name].input_shape)
    source.save_weights(tmp_path / "w.weights.h5")
    monkeypatch.setattr(
        f"keras.src.applications.{module}.file_utils.get_file", lambda *_, **__: str(tmp_path / "w.weights.h5")
    )
    model = build_classifier(name, 1000, (32, 32, 3), "imagenet", head="pretrained")
    assert len(model.weights) == len(source.weights)
    for ours, weight in zip(model.weights, source.weights, strict=True):
        np.testing.assert_array_equal(ours, weight)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(name="resnet50", num_classes=1000, head="own"), '`head` must be "new" or "pretrained"'),
        (dict(name="resnet50", num_classes=125, head="pretrained"), "`num_classes` must be ImageNet's 1000"),
        (dict(name="sketch_cnn", num_classes=1000, head="pretrained"), '`head` must be "new": sketch_cnn has no Imag'),
        (
            dict(name="vgg16", num_classes=1000, input_shape=(32, 32, 3), weights="imagenet", head="pretrained"),
            r"`image_size` must be 224 \(--image-size\): the published head of vgg16 takes no other",
        ),
    ],
)
def test_what_no_head_fits_is_named(arguments, message):
    with pytest.raises(InvalidArgumentError, match=message):
        build_classifier(**arguments)


@pytest.mark.parametrize(
    ("name", "file", "function", "arguments"),
    [
        ("densenet121", "densenet121_imagenet_top", "DenseNet121", {}),
        ("mobilenet_025", "mobilenet_0.25_224_imagenet_top", "MobileNet", {"alpha": 0.25}),
    ],
)
def test_real_heads_give_what_keras_gives(samples, name, file, function, arguments):
    weights = samples.parent / "weights" / f"{file}.weights.h5"
    if not weights.is_file():
        pytest.skip(f"{weights.name} is not beside the samples")
    shape = (64, 64, 3)
    pixels = np.random.default_rng(0).integers(0, 256, (2, *shape)).astype("float32")
    arguments = dict(weights=weights, input_shape=shape, classifier_activation=None, **arguments)
    expected = np.array(getattr(keras.applications, function)(**arguments)(prepared(name, pixels)))
    ours = build_classifier(name, 1000, shape, weights, head="pretrained")(pixels)
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-4 * np.abs(expected).max())
