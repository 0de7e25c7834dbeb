"""One contract over the whole table of models, with the smallest images that each network takes."""

import functools
import inspect

import keras
import numpy as np
import pytest
from keras.applications.imagenet_utils import preprocess_input

from keras_sketch import gradcam, list_models, load_classifier
from keras_sketch.errors import InvalidArgumentError
from keras_sketch.exporting import save_classifier
from keras_sketch.losses import CrossEntropy
from keras_sketch.models import BACKBONES, blocks, train_from
from keras_sketch.models.pooling import GeM, pool

# Each has a smaller sibling in the table.
LARGE = {
    *("efficientnet_v2_b0", "mobilenet", "mobilenet_v3_large", "vgg19"),
    *("convnext_base", "convnext_large", "convnext_xlarge", "densenet201", "inception_resnet_v2", "nasnet_large"),
    *(f"efficientnet_b{size}" for size in range(1, 8)),
    *(f"efficientnet_v2_{size}" for size in ("b1", "b2", "b3", "s", "m", "l")),
    *("convnext_small", "densenet169", "resnet101", "resnet101_v2", "resnet152", "resnet152_v2"),
    *("ig_resnext101_32x8d", "ig_resnext101_32x16d"),
    # Networks of above, with the pooling that these have in a test here, and one that has tests of its own.
    *("resnet50_gem", "resnet101_gem", "delf_resnet50_matrix"),
}
BLOCKS = {
    "resnet50": "conv1 conv2 conv3 conv4 conv5",
    "delf_resnet50": "conv1 conv2 conv3 conv4 attention",
    "vgg16_places365_resnet50": "block1 block2 block3 block4 block5 conv1 conv2 conv3 conv4 conv5",
    "densenet121": "conv1 conv2 pool2 conv3 pool3 conv4 pool4 conv5 bn",
    "efficientnet_b0": "stem block1 block2 block3 block4 block5 block6 block7 top",
    "vgg16": "block1 block2 block3 block4 block5",
    "sketch_cnn": "conv1 conv2 conv3 conv4 dense1",
    "doodle_resnet": "stem half quarter eighth",
    "inception_v3": " ".join(f"mixed{number}" for number in range(10)),
    "convnext_tiny": "stem stage_0 downsampling_block_0 stage_1 downsampling_block_1 stage_2 downsampling_block_2 "
    "stage_3",
}


MATRIX = "delf_resnet50_matrix"
"""It is made of local features that never train, and has no maps to pool."""


def with_gem(name, model, build_small):
    """Puts GeM in the place of a network's pooling, without building it anew where it is large."""
    row = BACKBONES[name]
    if row.pooling is None or row.towers:
        return build_small(name, pooling="gem")
    [maps, *_] = keras.tree.flatten(model.get_layer("pooling").input)
    return keras.Model(model.input, keras.layers.Dense(3, name="logits")(pool(maps, "gem")), name=name)


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=[pytest.mark.slow] * (name in LARGE)) for name in list_models()]
)
def name(request):
    yield request.param
    keras.backend.clear_session()


@pytest.fixture(scope="module")
def model(name, build_small):
    return build_small(name)


@pytest.fixture(scope="module")
def pixels(name, small_pixels):
    return small_pixels(name)


@pytest.fixture(scope="module")
def logits(model, pixels):
    return np.array(model(pixels.astype("float32")))


class TestEveryModel:
    def test_gives_float32_logits_alike_for_uint8_and_float(self, model, pixels, logits):
        from_uint8 = model(pixels)
        assert from_uint8.shape == (2, 3) and from_uint8.dtype == "float32"
        assert np.isfinite(logits).all()
        np.testing.assert_allclose(from_uint8, logits, atol=1e-4 * np.abs(logits).max())

    def test_scales_the_pixels_inside(self, name, model, pixels):
        row, pixels = BACKBONES[name], pixels.astype("float32")
        seen = 255 - pixels if row.light_on_dark else pixels
        by_hand = {"unit": lambda x: x / 255, "tf128": lambda x: x / 128 - 1, "included": lambda x: x / 255}
        by_hand["places365"] = lambda x: x[..., ::-1] - np.array([104.006, 116.669, 122.679], "float32")
        scalings = {f"scaling_{part}": tower.scaling for part, tower in row.towers.items()}
        for layer, scaling in (scalings or {"scaling": row.scaling}).items():
            expected = by_hand.get(scaling) or functools.partial(preprocess_input, mode=scaling)
            layer = model.get_layer(index=2) if scaling == "included" else model.get_layer(layer)
            found = keras.Model(model.input, layer.output)(seen)
            np.testing.assert_allclose(found, expected(pixels.copy()), atol=1e-4)

    def test_features_are_those_of_keras_for_its_own_preprocessing(self, name, model, pixels):
        row, pixels = BACKBONES[name], pixels.astype("float32")
        if not row.is_application or row.pooling != "avg" or "alpha" in row.arguments:
            pytest.skip("is not Keras' own network as it is")
        module = getattr(keras.applications, row.load().__module__.rsplit(".", 1)[-1])
        # Where Keras scales inside, it does so here.
        theirs = row.load()(include_top=False, weights=None, input_shape=pixels.shape[1:])
        theirs.set_weights(model.get_weights()[: len(theirs.weights)])
        expected = np.array(theirs(module.preprocess_input(pixels.copy())))
        found = np.array(keras.Model(model.input, model.get_layer("pooling").input)(pixels))
        np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())

    def test_has_its_parameters_and_is_flat(self, name, model):
        row = BACKBONES[name]
        if row.pooling:
            head = (model.get_layer("logits").input.shape[-1] + 1) * 3
            assert model.count_params() == row.parameters + head
        nested = [layer.name for layer in model.layers if isinstance(layer, keras.Model)]
        assert all("convnext" in name and isinstance(model.get_layer(part), keras.Sequential) for part in nested)

    def test_explains(self, model, pixels):
        heat = gradcam(model, pixels)
        assert heat.shape == pixels.shape[:3]
        assert np.isfinite(heat).all() and heat.min() >= 0 and heat.max() <= 1

    def test_saves_and_loads(self, model, pixels, logits, tmp_path):
        save_classifier(model, tmp_path / "model.keras", {"class_names": ["a", "b", "c"]})
        loaded = load_classifier(tmp_path / "model.keras")
        (tmp_path / "model.keras").unlink()
        assert loaded.class_names == ("a", "b", "c")
        loaded_logits = loaded(pixels.astype("float32"))
        np.testing.assert_allclose(loaded_logits, logits, atol=1e-4 * np.abs(logits).max())

    def test_trains_from_its_head_and_from_each_block(self, name, model):
        head = {"logits/kernel", "logits/bias"} | ({"pooling/exponent"} if BACKBONES[name].pooling == "gem" else set())
        train_from(model, "head")
        assert {weight.path for weight in model.trainable_weights} == head
        trained: dict[str, list[int]] = {}
        for block in blocks(model):
            train_from(model, block)
            # The blocks of a tower, where there are several, have the first part of their names in common.
            tower = block.rstrip("0123456789") if BACKBONES[name].towers else ""
            trained.setdefault(tower, []).append(len(model.trainable_weights))
        for counts in trained.values():
            assert counts == sorted(counts, reverse=True) and len(head) <= counts[-1]
            assert name == MATRIX or len(head) < counts[-1]
        train_from(model, "all")
        assert name == MATRIX or len(model.trainable_weights) >= max(map(max, trained.values()))
        assert blocks(model) == BLOCKS.get(name, " ".join(blocks(model))).split()

    def test_learns_with_generalized_mean_pooling(self, name, model, build_small, small_pixels):
        if name == MATRIX:
            with pytest.raises(InvalidArgumentError, match="`pooling` must be left out"):
                build_small(name, pooling="gem")
            return
        whole, before, model = model, model.get_weights(), with_gem(name, model, build_small)
        gems = [layer for layer in model.layers if isinstance(layer, GeM)]
        assert len(gems) == max(1, len(BACKBONES[name].towers))
        train_from(model, "head")
        trained = [weight.path for weight in model.trainable_weights]
        assert {f"{gem.name}/exponent" for gem in gems} <= set(trained)
        train_from(model, "all")
        # Eagerly: tracing takes several times as long as the one step.
        model.compile("sgd", CrossEntropy(), run_eagerly=True)
        start = model.get_weights()
        history = model.fit(small_pixels(name, 4), np.array([0, 1, 2, 0]), batch_size=4, verbose=0)
        end = model.get_weights()
        assert np.isfinite(history.history["loss"]).all() and all(np.isfinite(weight).all() for weight in end)
        assert np.mean([not np.array_equal(old, new) for old, new in zip(start, end, strict=True)]) > 0.5
        # Of a single position every mean is the same.
        assert all(gem.p >= 1 and (gem.p == 3) == (gem.input.shape[1:3] == (1, 1)) for gem in gems)
        whole.set_weights(before)


def test_rows_of_a_family_are_scaled_alike():
    families = {row.function[19:].rstrip("0123456789"): set() for row in BACKBONES.values() if row.is_application}
    for row in BACKBONES.values():
        if row.is_application:
            families[row.function[19:].rstrip("0123456789")].add(row.scaling)
    assert {name: kinds for name, kinds in families.items() if len(kinds) > 1} == {}


def test_every_application_of_keras_has_a_row():
    applications = {name for name, value in vars(keras.applications).items() if inspect.isfunction(value)}
    assert len(applications) > 30
    assert applications == {row.function[19:] for row in BACKBONES.values() if row.is_application}
