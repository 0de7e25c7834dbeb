import gc
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from keras_sketch.errors import InvalidArgumentError, UnknownNameError
from keras_sketch.explain import class_activation, forward
from keras_sketch.explain.class_activation import gradcam

SIDE = 12
CLASSES = 4


def pixels(count=5, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE, channels), dtype=np.uint8)


def convolutions(x):
    x = layers.Rescaling(1 / 64, dtype="float32")(x)
    x = layers.Conv2D(5, 3, activation="relu", name="first")(x)
    x = layers.MaxPooling2D(2)(x)
    return layers.Conv2D(6, 3, name="second")(x)


def linear_head(policy="float32"):
    """Global average pooling and one dense layer, for which Grad-CAM has a closed form."""
    keras.utils.set_random_seed(1)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        inputs = keras.Input((SIDE, SIDE, 3))
        features = layers.Activation("relu", name="features")(convolutions(inputs))
        pooled = layers.GlobalAveragePooling2D()(features)
        return keras.Model(inputs, layers.Dense(CLASSES, name="logits", dtype="float32")(pooled))
    finally:
        keras.config.set_dtype_policy(before)


def deep_head():
    keras.utils.set_random_seed(2)
    inputs = keras.Input((SIDE, SIDE, 3))
    x = layers.Flatten()(convolutions(inputs))
    x = layers.Dropout(0.5)(layers.Dense(7, activation="tanh")(x))
    return keras.Model(inputs, layers.Dense(CLASSES)(x))


def split(model, name):
    """The part of a flat model up to a layer, and the part behind it, as two models of their own."""
    features = model.get_layer(name).output
    return keras.Model(model.input, features), keras.Model(features, model.output)


def by_hand(to_features, to_logits, images, classes):
    """Grad-CAM from its paper's equations 1 and 2, one image after the other."""
    maps = []
    for image, chosen in zip(images, classes, strict=True):
        features = tf.Variable(to_features(image[None].astype(np.float32)))
        with tf.GradientTape() as tape:
            score = to_logits(features)[0, chosen]
        weights = tape.gradient(score, features).numpy().mean(axis=(0, 1, 2))
        maps.append(np.maximum((features.numpy()[0] * weights).sum(axis=-1), 0))
    return np.stack(maps)


def predicted(model, images):
    return model.predict(images.astype(np.float32), verbose=0).argmax(axis=1)


@pytest.mark.parametrize("name", ["first", "second"])
def test_it_equals_the_paper_by_hand(name):
    model = deep_head()
    images = pixels()
    heat = gradcam(model, images, layer=name, normalize=False)
    expected = by_hand(*split(model, name), images, predicted(model, images))
    assert expected.max() > 0
    np.testing.assert_allclose(heat, expected, atol=1e-5 * expected.max())


@pytest.mark.parametrize(
    ("policy", "tolerance"), [("float32", 1e-5), ("mixed_float16", 4e-3), ("mixed_bfloat16", 3e-2)]
)
def test_a_linear_head_gives_the_closed_form(policy, tolerance):
    model = linear_head(policy)
    images = pixels()
    features = np.asarray(split(model, "features")[0](images.astype(np.float32)), np.float32)
    kernel = np.asarray(model.get_layer("logits").kernel)
    for chosen in range(CLASSES):
        weights = kernel[:, chosen] / np.prod(features.shape[1:3])
        expected = np.maximum(features @ weights, 0)
        heat = gradcam(model, images, chosen, normalize=False)
        assert heat.dtype == np.float32
        np.testing.assert_allclose(heat, expected, atol=tolerance * expected.max())


def test_normalized_maps_are_resized_and_scaled_one_by_one():
    model = deep_head()
    images = pixels()
    raw = gradcam(model, images, 1, normalize=False)
    heat = gradcam(model, images, 1)
    assert heat.shape == (5, SIDE, SIDE) and heat.dtype == np.float32
    resized = np.stack([keras.ops.image.resize(each[..., None], (SIDE, SIDE))[..., 0] for each in raw])
    largest = resized.max(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(heat, np.where(largest > 0, resized / np.where(largest > 0, largest, 1), 0), atol=1e-6)


def test_a_map_without_evidence_stays_zero():
    model = linear_head()
    kernel, bias = model.get_layer("logits").get_weights()
    kernel[:, 2] = -np.abs(kernel[:, 2])
    model.get_layer("logits").set_weights([kernel, bias])
    np.testing.assert_array_equal(gradcam(model, pixels(), 2), 0)


def test_classes_one_for_all_or_one_each():
    model, images = deep_head(), pixels()
    each = [gradcam(model, images, chosen) for chosen in range(CLASSES)]
    chosen = [3, 0, 2, 2, 1]
    np.testing.assert_allclose(gradcam(model, images, chosen), [each[c][n] for n, c in enumerate(chosen)], atol=1e-6)
    np.testing.assert_allclose(
        gradcam(model, images), [each[c][n] for n, c in enumerate(predicted(model, images))], atol=1e-6
    )


def test_one_image_floats_and_no_images():
    model, images = deep_head(), pixels()
    heat = gradcam(model, images)
    np.testing.assert_allclose(gradcam(model, images.astype(np.float64)), heat, atol=1e-6)
    np.testing.assert_allclose(gradcam(model, tf.constant(images)), heat, atol=1e-6)
    np.testing.assert_allclose(gradcam(model, images[2]), heat[2:3], atol=1e-5)
    assert gradcam(model, images[:0]).shape == (0, SIDE, SIDE)
    assert gradcam(model, images[:0], layer="second", normalize=False).shape == (0, 3, 3)


def test_chunks_make_no_difference(monkeypatch):
    model, images = deep_head(), pixels(7)
    whole = gradcam(model, images, list(range(4)) + [0, 1, 2])
    for module in (class_activation, forward):
        monkeypatch.setattr(module, "CHUNK", 3)
    np.testing.assert_allclose(gradcam(model, images, list(range(4)) + [0, 1, 2]), whole, atol=1e-6)


def nested(pooling):
    backbone_inputs = keras.Input((SIDE, SIDE, 3))
    features = convolutions(backbone_inputs)
    if pooling == "inside":
        features = layers.GlobalAveragePooling2D()(features)
    backbone = keras.Model(backbone_inputs, features, name="backbone")
    inputs = keras.Input((SIDE, SIDE, 3))
    x = backbone(layers.Rescaling(0.5)(inputs))
    if pooling == "outside":
        x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(CLASSES)(x)), backbone


@pytest.mark.parametrize("pooling", ["inside", "outside"])
def test_nested_networks_need_no_connected_graph(pooling):
    model, backbone = nested(pooling)
    images = pixels()
    heat = gradcam(model, images, 0, normalize=False)
    for same in ("second", "backbone/second", backbone.get_layer("second")):
        np.testing.assert_array_equal(gradcam(model, images, 0, layer=same, normalize=False), heat)
    features = keras.Model(backbone.input, backbone.get_layer("second").output)(images.astype(np.float32) * 0.5)
    weights = np.asarray(model.layers[-1].kernel)[:, 0] / 9
    np.testing.assert_allclose(heat, np.maximum(np.asarray(features) @ weights, 0), atol=1e-5)
    assert gradcam(model, images, 0, layer="first", normalize=False).shape == (5, 10, 10)


def sequential(*first):
    return keras.Sequential(
        [
            *first,
            layers.Conv2D(5, 3, activation="relu", name="first"),
            keras.Sequential([layers.Conv2D(6, 3, name="second"), layers.ReLU(name="last")], name="block"),
            layers.GlobalMaxPooling2D(),
            layers.Dense(CLASSES),
        ]
    )


@pytest.mark.parametrize("first", [[keras.Input((SIDE, SIDE, 3))], []], ids=["with input", "not built yet"])
def test_sequential_models(first):
    model, images = sequential(*first), pixels()
    heat = gradcam(model, images, 1, normalize=False)
    np.testing.assert_array_equal(heat, gradcam(model, images, 1, layer="last", normalize=False))
    first, block, pooling, dense = model.layers
    expected = by_hand(lambda x: block(first(x)), lambda x: dense(pooling(x)), images, [1] * 5)
    np.testing.assert_allclose(heat, expected, atol=1e-5 * expected.max())


@pytest.mark.parametrize("build", [linear_head, deep_head, lambda: nested("inside")[0], sequential])
def test_a_loaded_model_gives_the_same(build, tmp_path):
    model, images = build(), pixels()
    heat = gradcam(model, images)
    model.save(tmp_path / "model.keras")
    np.testing.assert_allclose(gradcam(keras.saving.load_model(tmp_path / "model.keras"), images), heat, atol=1e-6)


def test_a_frozen_backbone_and_byte_inputs():
    inputs = keras.Input((SIDE, SIDE, 3), dtype="uint8")
    x = keras.ops.relu(convolutions(keras.ops.cast(inputs, "float32")) * 2.0)
    model = keras.Model(inputs, layers.Dense(CLASSES)(layers.GlobalAveragePooling2D()(x)))
    for layer in model.layers[:-1]:
        layer.trainable = False
    heat = gradcam(model, pixels(), 0, normalize=False)
    features = keras.Model(inputs, x)(pixels())
    weights = np.asarray(model.layers[-1].kernel)[:, 0] / 9
    np.testing.assert_allclose(heat, np.maximum(np.asarray(features) @ weights, 0), atol=1e-4 * heat.max())


def test_later_calls_reuse_what_was_compiled_and_see_new_weights(monkeypatch):
    model, images = linear_head(), pixels()
    before = gradcam(model, images, 0, normalize=False)
    monkeypatch.setattr(tf, "function", lambda *_, **__: pytest.fail("it was compiled again"))
    dense = model.get_layer("logits")
    dense.set_weights([2 * dense.get_weights()[0], dense.get_weights()[1]])
    np.testing.assert_allclose(gradcam(model, images, 0, normalize=False), 2 * before, rtol=1e-4, atol=1e-6)


def test_the_model_is_left_as_it_was_and_can_be_freed():
    model = linear_head()
    nodes = [len(layer._inbound_nodes) for layer in model.layers]
    attributes = [sorted(vars(layer)) for layer in model.layers]
    gradcam(model, pixels())
    assert [len(layer._inbound_nodes) for layer in model.layers] == nodes
    assert [sorted(vars(layer)) for layer in model.layers] == attributes
    reference = weakref.ref(model)
    del model
    gc.collect()
    assert reference() is None


@pytest.mark.parametrize("class_index", [4, -1, [0, 1, 2, 3, 4], [0, 1], 1.0, True, "cat", [[0] * 5]])
def test_classes_that_do_not_exist_are_refused(class_index):
    with pytest.raises(InvalidArgumentError, match=r"`class_index` must be None, an integer in 0\.\.3 or one for each"):
        gradcam(linear_head(), pixels(), class_index)


def test_unknown_layers_list_the_choices():
    model = linear_head()
    with pytest.raises(UnknownNameError, match="Did you mean 'second'.*Known: features, first, .*second"):
        gradcam(model, pixels(), layer="secnd")
    for name in ("logits", linear_head().get_layer("second"), 3):
        with pytest.raises(UnknownNameError, match="Unknown layer with a 4-D output in 'functional.*Known: features"):
            gradcam(model, pixels(), layer=name)


def test_a_layer_that_the_logits_do_not_depend_on_is_refused():
    inputs = keras.Input((SIDE, SIDE, 3))
    x = layers.Conv2D(2, 3, name="conv")(inputs)
    cut = keras.ops.stop_gradient(x)
    model = keras.Model(inputs, layers.Dense(CLASSES)(layers.GlobalAveragePooling2D()(cut)))
    with pytest.raises(InvalidArgumentError, match="one that the logits depend on. Received: 'conv'"):
        gradcam(model, pixels(), layer="conv")


@pytest.mark.parametrize(
    "images", [pixels()[..., :1], pixels()[:, :-1], pixels()[..., 0, 0], pixels() > 0, np.array(["cat"])]
)
def test_images_that_the_model_does_not_take_are_refused(images):
    with pytest.raises(InvalidArgumentError, match="`images` must be"):
        gradcam(linear_head(), images)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, x):
        return self.dense(keras.ops.mean(x, axis=(1, 2)))


@pytest.mark.parametrize(
    "model",
    [
        Subclassed(),
        keras.Sequential([keras.Input((SIDE, SIDE, 3)), layers.Conv2D(2, 3)]),
        keras.Sequential([keras.Input((SIDE, SIDE, 3)), layers.Flatten(), layers.Dense(3)]),
    ],
    ids=["subclassed", "no logits", "no features"],
)
def test_models_that_cannot_be_explained_are_refused(model):
    with pytest.raises(InvalidArgumentError, match="`model` must be a Functional or Sequential network"):
        gradcam(model, pixels())
