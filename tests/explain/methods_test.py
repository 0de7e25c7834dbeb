"""Every method against its paper's equations, written out in NumPy over one image after the other."""

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from keras_sketch.errors import UnknownNameError
from keras_sketch.explain import METHODS, forward, gradcam, score_cam

SIDE = 14
CLASSES = 4


def pixels(count=4, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)


class Parts:
    """The layers of one network before and behind its features, to be put together in several ways."""

    def __init__(self, policy="float32"):
        keras.utils.set_random_seed(3)
        self.before = [
            layers.Rescaling(1 / 64, dtype="float32"),
            layers.Conv2D(5, 3, strides=2, activation="relu", name="early", dtype=policy),
            layers.Conv2D(40, 3, activation="relu", name="late", dtype=policy),
        ]
        self.behind = [
            layers.Flatten(dtype=policy),
            layers.Dense(7, activation="relu", dtype=policy),
            layers.Dense(CLASSES, dtype="float32"),
        ]
        for layer in self.before[:1]:
            layer.build((None, SIDE, SIDE, 3))

    def features(self, images):
        return apply(self.before, tf.cast(images, tf.float32))

    def logits(self, features):
        return apply(self.behind, features)

    def flat(self, *more):
        inputs = keras.Input((SIDE, SIDE, 3))
        return keras.Model(inputs, apply([*self.before, *self.behind, *more], inputs))

    def nested(self):
        inner, inputs = keras.Input((SIDE, SIDE, 3)), keras.Input((SIDE, SIDE, 3))
        backbone = keras.Model(inner, apply(self.before, inner), name="backbone")
        return keras.Model(inputs, apply(self.behind, backbone(inputs)))

    def sequential(self):
        return keras.Sequential([keras.Sequential(self.before), keras.Sequential(self.behind)])


def apply(steps, x):
    for step in steps:
        x = step(x)
    return x


def features_and_gradient(parts, image, chosen):
    features = tf.Variable(tf.cast(parts.features(image[None]), tf.float32))
    with tf.GradientTape() as tape:
        score = parts.logits(features)[0, chosen]
    return features.numpy()[0], tape.gradient(score, features).numpy()[0]


def gradcam_by_hand(parts, image, chosen):
    features, gradient = features_and_gradient(parts, image, chosen)
    return np.maximum((features * gradient.mean(axis=(0, 1))).sum(axis=-1), 0)


def gradcam_plus_plus_by_hand(parts, image, chosen):
    features, gradient = (each.astype(np.float64) for each in features_and_gradient(parts, image, chosen))
    heat = 0
    for k in range(features.shape[-1]):
        weight = 0
        for i, j in np.ndindex(features.shape[:2]):
            g = gradient[i, j, k]
            below = 2 * g**2 + features[..., k].sum() * g**3
            weight += (g**2 / below if below else 0) * max(g, 0)
        heat = heat + weight * features[..., k]
    return np.maximum(heat, 0)


def eigencam_by_hand(parts, image, chosen):
    features = np.asarray(parts.features(image[None]), np.float64)[0]
    matrix = features.reshape(-1, features.shape[-1])
    projection = matrix @ np.linalg.svd(matrix)[2][0]
    return np.maximum(projection * np.sign(projection.sum()), 0).reshape(features.shape[:2])


def layercam_by_hand(parts, image, chosen):
    features, gradient = features_and_gradient(parts, image, chosen)
    heat = np.zeros(features.shape[:2])
    for i, j, k in np.ndindex(features.shape):
        heat[i, j] += max(gradient[i, j, k], 0) * features[i, j, k]
    return np.maximum(heat, 0)


def scorecam_by_hand(parts, image, chosen):
    def probability(picture):
        logits = np.asarray(parts.logits(parts.features(picture[None])), np.float64)[0]
        return np.exp(logits[chosen]) / np.exp(logits).sum()

    edge = np.concatenate([image[0], image[-1], image[1:-1, 0], image[1:-1, -1]])
    empty = np.broadcast_to(np.median(edge, axis=0), image.shape)
    features = np.asarray(parts.features(image[None]), np.float32)[0]
    heat = np.zeros(features.shape[:2])
    for k in range(features.shape[-1]):
        mask = cv2.resize(features[..., k], (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
        if mask.max() > mask.min():
            mask = ((mask - mask.min()) / (mask.max() - mask.min()))[..., None]
            weight = probability(image * mask + empty * (1 - mask)) - probability(empty)
            heat += weight * features[..., k]
    return np.maximum(heat, 0)


BY_HAND = {
    "gradcam": gradcam_by_hand,
    "gradcam++": gradcam_plus_plus_by_hand,
    "eigencam": eigencam_by_hand,
    "layercam": layercam_by_hand,
    "scorecam": scorecam_by_hand,
}


def expected(method, parts, images, classes):
    return np.stack([BY_HAND[method](parts, image, chosen) for image, chosen in zip(images, classes, strict=True)])


def distance(heat, wanted):
    """The largest difference, as a share of the largest value wanted."""
    assert heat.shape == wanted.shape and wanted.max() > 0
    return np.abs(heat - wanted).max() / wanted.max()


def test_every_method_has_its_equations_here():
    assert list(BY_HAND) == list(METHODS)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("build", ["flat", "nested", "sequential"])
def test_it_equals_the_paper_by_hand_however_the_network_is_built(method, build):
    parts, images, classes = Parts(), pixels(), [0, 3, 1, 2]
    heat = gradcam(getattr(parts, build)(), images, classes, method, layer="late", normalize=False)
    assert distance(heat, expected(method, parts, images, classes)) <= 1e-5


@pytest.mark.parametrize("method", METHODS)
def test_the_predicted_class_is_the_default_and_the_layer_found(method):
    parts, images = Parts(), pixels()
    classes = np.asarray(parts.logits(parts.features(images))).argmax(axis=-1)
    heat = gradcam(parts.flat(), images, method=method, normalize=False)
    assert distance(heat, expected(method, parts, images, classes)) <= 1e-5


@pytest.mark.parametrize("method", METHODS)
def test_an_early_layer(method):
    parts, images = Parts(), pixels()
    model = parts.flat()
    parts.before, parts.behind = parts.before[:2], parts.before[2:] + parts.behind
    heat = gradcam(model, images, 2, method, layer="early", normalize=False)
    assert distance(heat, expected(method, parts, images, [2] * 4)) <= 1e-5


@pytest.mark.parametrize("method", METHODS)
def test_after_saving_and_loading(method, tmp_path):
    parts, images = Parts(), pixels()
    parts.nested().save(tmp_path / "model.keras")
    heat = gradcam(keras.saving.load_model(tmp_path / "model.keras"), images, 1, method, normalize=False)
    assert distance(heat, expected(method, parts, images, [1] * 4)) <= 1e-5


@pytest.mark.parametrize(("policy", "tolerance"), [("mixed_float16", 1e-2), ("mixed_bfloat16", 8e-2)])
@pytest.mark.parametrize("method", METHODS)
def test_mixed_precision(method, policy, tolerance):
    parts, exact, images = Parts(policy), Parts(), pixels()
    heat = gradcam(parts.flat(), images, 1, method, normalize=False)
    assert heat.dtype == np.float32
    assert distance(heat, expected(method, exact, images, [1] * 4)) <= tolerance


@pytest.mark.parametrize("end", [layers.Softmax(), layers.Activation("softmax"), keras.ops.softmax])
@pytest.mark.parametrize("method", ["gradcam", "scorecam"])
def test_a_softmax_at_the_end_is_passed_over(method, end):
    parts, images = Parts(), pixels()
    model = parts.flat(end)
    heat = gradcam(model, images, method=method, layer="late", normalize=False)
    classes = np.asarray(parts.logits(parts.features(images))).argmax(axis=-1)
    assert distance(heat, expected(method, parts, images, classes)) <= 1e-5
    np.testing.assert_allclose(np.asarray(model(images.astype(np.float32))).sum(axis=-1), 1, atol=1e-6)


def test_a_dense_layer_with_softmax_is_left_as_it_was():
    parts, images = Parts(), pixels()
    heat = gradcam(parts.flat(), images, 1)
    parts.behind[-1].activation = keras.activations.softmax
    model = parts.flat()
    np.testing.assert_allclose(gradcam(model, images, 1), heat, atol=1e-5)
    assert parts.behind[-1].activation is keras.activations.softmax


@pytest.mark.parametrize("method", METHODS)
def test_shape_range_dtype_and_batches(method, monkeypatch):
    model, images = Parts().flat(), pixels(7)
    classes = [0, 1, 2, 3, 0, 1, 2]
    heat = gradcam(model, images, classes, method)
    assert heat.shape == (7, SIDE, SIDE) and heat.dtype == np.float32
    assert heat.min() >= 0 and set(heat.max(axis=(1, 2)).round(5)) <= {0, 1} and heat.max() == 1
    single = [gradcam(model, image, chosen, method)[0] for image, chosen in zip(images, classes, strict=True)]
    np.testing.assert_allclose(heat, single, atol=1e-5)
    for module in (forward, score_cam):
        monkeypatch.setattr(module, "CHUNK", 3)
    np.testing.assert_allclose(gradcam(model, images, classes, method), heat, atol=1e-5)
    assert gradcam(model, images[:0], method=method).shape == (0, SIDE, SIDE)


@pytest.mark.parametrize("method", METHODS)
def test_features_that_are_all_zero_give_an_empty_map(method):
    parts = Parts()
    kernel, bias = parts.flat().get_layer("late").get_weights()
    parts.before[-1].set_weights([kernel * 0, bias - 1])
    np.testing.assert_array_equal(gradcam(parts.flat(), pixels(), 0, method), 0)


def test_eigencam_takes_the_sign_with_the_positive_sum():
    inputs = keras.Input((SIDE, SIDE, 3))
    features = layers.Rescaling(-1 / 255, name="negative")(inputs)
    model = keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(features)))
    heat = gradcam(model, pixels(), method="eigencam", layer="negative", normalize=False)
    matrix = pixels().reshape(4, -1, 3) / 255
    first = np.stack([np.linalg.svd(each)[2][0] for each in matrix])
    wanted = np.abs(np.einsum("npc,nc->np", matrix, first)).reshape(4, SIDE, SIDE)
    np.testing.assert_allclose(heat, wanted, atol=1e-5)


def test_scorecam_leaves_out_channels_that_are_constant(monkeypatch):
    parts, images = Parts(), pixels(1)
    model = parts.flat()
    kernel, bias = parts.before[-1].get_weights()
    kernel[..., 8:] = 0
    parts.before[-1].set_weights([kernel, bias + 1])
    wanted = expected("scorecam", parts, images, [1])
    assert distance(gradcam(model, images, 1, "scorecam", normalize=False), wanted) <= 1e-5


def test_an_unknown_method_lists_the_choices():
    with pytest.raises(UnknownNameError, match="Unknown method 'gradcamm'. Did you mean 'gradcam'.*layercam"):
        gradcam(Parts().flat(), pixels(), method="gradcamm")
