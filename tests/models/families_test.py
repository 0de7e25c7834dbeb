"""A network of each family: it learns, and its features are those of Keras' own network."""

import keras
import numpy as np
import pytest

from keras_sketch import list_models
from keras_sketch.losses import CrossEntropy
from keras_sketch.models import BACKBONES

APPLICATIONS = [
    "resnet50", "resnet50_v2", "densenet121", "efficientnet_b0", "efficientnet_v2_b0", "convnext_tiny", "mobilenet",
    "mobilenet_v2", "mobilenet_v3_small", "xception", "inception_v3", "vgg16", "nasnet_mobile",
]  # fmt: skip
FAMILIES = [*APPLICATIONS, "doodle_resnet", "quickdraw_cnn", "sketch_cnn"]
OTHERS = sorted(set(list_models()) - set(FAMILIES))


@pytest.fixture(scope="module")
def name(request):
    yield request.param
    keras.backend.clear_session()


@pytest.fixture(scope="module")
def model(name, build_small):
    return build_small(name)


@pytest.mark.parametrize(
    "name", [*APPLICATIONS, pytest.param("efficientnet_v2_s", marks=pytest.mark.slow)], indirect=True
)
def test_features_are_those_of_keras_for_its_own_preprocessing(name, model, small_pixels):
    pixels = small_pixels(name).astype("float32")
    function = BACKBONES[name].load()
    module = getattr(keras.applications, function.__module__.rsplit(".", 1)[-1])
    # Where Keras scales inside, it does so here.
    theirs = function(include_top=False, weights=None, input_shape=pixels.shape[1:])
    theirs.set_weights(model.get_weights()[: len(theirs.weights)])
    expected = np.array(theirs(module.preprocess_input(pixels.copy())))
    found = np.array(keras.Model(model.input, model.get_layer("pooling").input)(pixels))
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())


@pytest.mark.parametrize(
    "name", [*FAMILIES, *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)], indirect=True
)
def test_it_learns_from_a_step(name, model, small_pixels):
    # Eagerly: tracing takes several times as long as the one step.
    model.compile("sgd", CrossEntropy(), run_eagerly=True)
    before = model.get_weights()
    history = model.fit(small_pixels(name, 4), np.array([0, 1, 2, 0]), batch_size=4, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    after = model.get_weights()
    changed = [not np.array_equal(old, new) for old, new in zip(before, after, strict=True)]
    assert np.mean(changed) > 0.5 and all(np.isfinite(weight).all() for weight in after)
