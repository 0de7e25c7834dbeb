import dataclasses
import os
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from keras import layers

from keras_sketch import build_classifier
from keras_sketch.data.features import FeatureSplit
from keras_sketch.errors import InvalidArgumentError, RunInterrupted
from keras_sketch.models import train_from
from keras_sketch.models.splitting import split_network
from keras_sketch.recipes import Augmentation, Recipe, Stage
from keras_sketch.training import feature_store, fitting, frozen_features
from keras_sketch.training import recorder as recorder_module
from keras_sketch.training.feature_store import FeatureStore
from keras_sketch.training.fitting import fit_recipe
from keras_sketch.training.frozen_features import FrozenFeatures, Shown, divide

HEAD = Stage(epochs=1, learning_rate=1e-2, train_from="head", name="head")
CONV2 = Stage(epochs=1, learning_rate=1e-3, optimizer="adamw", weight_decay=0.01, train_from="conv2", name="conv2")
RECIPE = Recipe(name="", summary="", dataset="", model="", batch_size=48, stages=(HEAD, CONV2), balance="weights")
FADED = Augmentation(thickness=1.0)


@pytest.fixture
def data(dataset, tmp_path):
    """The bars in a folder of this test's own, which has no features at first."""
    own = shutil.copytree(dataset.splits["train"].builder.data_dir, tmp_path / "prepared" / "bars" / "bitmap" / "1.0.0")
    builder = tfds.builder_from_directory(own)
    return {name: dataclasses.replace(split, builder=builder) for name, split in dataset.splits.items()}


def network(precision="float32", side=28, name="conv1"):
    """A small one with all that matters here: a norm, dropout in the backbone and before the head."""
    keras.utils.set_random_seed(3)
    policy = dict(dtype=precision)
    inputs = keras.Input((side, side, 1), name="pixels")
    x = layers.Rescaling(1 / 255, name="scaling", dtype="float32")(inputs)
    x = layers.Conv2D(4, 3, strides=4, use_bias=False, name=f"{name}_conv", **policy)(x)
    x = layers.BatchNormalization(name=f"{name}_bn", **policy)(x)
    x = layers.SpatialDropout2D(0.2, name=f"{name}_drop", **policy)(x)
    x = layers.Conv2D(8, 3, strides=2, activation="relu", name="conv2_conv", **policy)(x)
    x = layers.GlobalAveragePooling2D(name="pooling", **policy)(x)
    x = layers.Dropout(0.2, name="head_dropout", **policy)(x)
    model = keras.Model(inputs, layers.Dense(3, name="logits", dtype="float32")(x))
    model.get_layer(f"{name}_bn").moving_mean.assign(np.linspace(-0.2, 0.2, 4))
    return model


def fit(data, folder, recipe=RECIPE, model=None, strategy=None):
    """Trains; without validation, so that the last weights are the ones that are kept."""
    model = model or network()
    return model, fit_recipe(model, recipe, data["train"], None, folder, {}, strategy)


def fit_whole(data, folder, recipe=RECIPE):
    """Trains as if features could not be stored."""

    def whole(model, recipe, stage, epochs, train, validation, poll):
        return model, train, validation

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "divide", whole)
        return fit(data, folder, recipe)


def close(one, other, tolerance):
    pairs = zip(one.get_weights(), other.get_weights(), strict=True)
    return max(float(np.abs(a - b).max()) for a, b in pairs) <= tolerance


def root(data):
    return data["train"].builder.data_path.parents[2] / "features"


def divided(data, model=None, recipe=RECIPE, stage=HEAD, first_epoch=0):
    model = model or network()
    train_from(model, stage.train_from, stage.train_norm)
    epochs = range(first_epoch, first_epoch + stage.epochs)
    return divide(model, recipe, stage, epochs, data["train"], data["validation"], lambda: None)


@pytest.fixture(scope="module")
def undisturbed(dataset, tmp_path_factory):
    return fit(dataset.splits, tmp_path_factory.mktemp("undisturbed"))


def test_weights_and_history_are_those_of_a_frozen_fit(dataset, undisturbed, tmp_path):
    model, rows = undisturbed
    whole, whole_rows = fit_whole(dataset.splits, tmp_path)
    assert close(model, whole, 1e-6)
    for row, other in zip(rows, whole_rows, strict=True):
        assert row == pytest.approx(other, abs=1e-3)
    start = network()
    changed = {a.path for a, b in zip(model.weights, start.weights, strict=True) if np.any(a.numpy() != b.numpy())}
    assert changed == {"conv2_conv/kernel", "conv2_conv/bias", "logits/kernel", "logits/bias"}
    assert model.get_layer("conv1_drop").rate == 0.2


def test_a_run_on_features_stopped_in_both_stages_ends_as_the_undisturbed_one(data, undisturbed, tmp_path, monkeypatch):
    model, rows = undisturbed
    original, seen = recorder_module.Recorder.on_train_batch_end, []

    def on_train_batch_end(self, batch, logs=None):
        seen.append(batch)
        if len(seen) in (2, 5):
            self._stop.signal_number = 2
        original(self, batch, logs)

    monkeypatch.setattr(recorder_module.Recorder, "on_train_batch_end", on_train_batch_end)
    for _ in range(2):
        with pytest.raises(RunInterrupted):
            fit(data, tmp_path / "run")
    shutil.rmtree(root(data))
    other = network()
    other.set_weights([0.5 * weight for weight in other.get_weights()])
    resumed, resumed_rows = fit(data, tmp_path / "run", model=other)
    assert resumed_rows == rows
    assert close(model, resumed, 0)


def test_features_come_in_the_order_of_the_images_and_are_computed_once(data, capsys):
    model = network()
    for how in ("163 computed now", "all from before"):
        rest, train, validation = divided(data, model)
        assert how in capsys.readouterr().out
    frozen = split_network(model).frozen
    for balanced in (False, True):
        place = dict(epochs=3, seed=5, first_epoch=1, first_step=1, balanced=balanced)
        stored, computed = (each.training(48, **place) for each in (train, data["train"]))
        pairs = list(zip(stored, computed, strict=True))
        assert len(pairs) == len(stored) == 2 * data["train"].steps(48) - 1
        for (features, labels), (images, expected) in pairs:
            np.testing.assert_array_equal(labels, expected)
            np.testing.assert_allclose(features, frozen(images), atol=1e-6)
    stored, computed = (each.evaluation(7) for each in (validation, data["validation"]))
    for (features, labels), (images, expected) in zip(stored, computed, strict=True):
        np.testing.assert_array_equal(labels, expected)
        np.testing.assert_allclose(rest(features), model(images), atol=1e-6)


def test_an_epoch_has_the_view_of_its_number(data):
    recipe = dataclasses.replace(RECIPE, augmentation=FADED, seed=4)
    model, stage = network(), dataclasses.replace(HEAD, epochs=3, feature_views=2)
    _, train, _ = divided(data, model, recipe, stage)
    assert len(list(root(data).iterdir())) == 3
    frozen = split_network(model).frozen
    stored = list(train.training(48, 3, 4, FADED))
    drawn = list(data["train"].training(48, 2, 4, FADED))
    for (features, _), (images, _) in zip(stored, drawn, strict=False):
        np.testing.assert_allclose(features, frozen(images), atol=1e-6)
    whole = [np.concatenate([x for x, _ in train.in_order(48, epoch=epoch)]) for epoch in range(3)]
    np.testing.assert_array_equal(whole[0], whole[2])
    assert np.abs(whole[0] - whole[1]).max() > 1e-3
    assert divided(data, model, recipe)[1] is data["train"]


def test_views_that_no_epoch_of_the_stage_shows_are_not_computed(data):
    recipe = dataclasses.replace(RECIPE, augmentation=FADED, seed=4)
    model, stage = network(), dataclasses.replace(HEAD, epochs=2, feature_views=4)
    _, train, _ = divided(data, model, recipe, stage, first_epoch=3)
    assert len(train.views) == 2
    frozen = split_network(model).frozen
    for epoch, view in ((3, 3), (4, 0)):
        [(features, _)], [(images, _)] = train.in_order(200, epoch=epoch), data["train"].in_order(200, FADED, 4, view)
        np.testing.assert_allclose(features, frozen(images), atol=1e-6)
    sampling = dataclasses.replace(recipe, balance="sampling")
    assert len(divided(data, model, sampling, stage, first_epoch=3)[1].views) == 4


def test_views_of_mixed_pictures_are_refused(data, tmp_path):
    stages = (dataclasses.replace(HEAD, feature_views=2),)
    with pytest.raises(InvalidArgumentError, match="feature_views"):
        fit(data, tmp_path, dataclasses.replace(RECIPE, stages=stages, augmentation=Augmentation(mixup=0.2)))


def test_a_stop_while_features_are_computed_leaves_none(data, tmp_path, monkeypatch):
    def stop(recorder):
        raise RunInterrupted("", 2)

    monkeypatch.setattr(recorder_module.Recorder, "stop_if_asked", stop)
    with pytest.raises(RunInterrupted):
        fit(data, tmp_path)
    assert list(root(data).iterdir()) == []


def key(data, model=None, augmentation=Recipe.augmentation, seed=0, view=0, split="train"):
    model = model or network()
    train_from(model, "head")
    features = FrozenFeatures(split_network(model).frozen, FeatureStore(root(data)), lambda: None)
    return features.key(Shown(data[split], augmentation, seed, view))


def moved(model, weight):
    variable = {each.path: each for each in model.weights}[weight]
    variable.assign(variable + 1e-6)
    return model


def test_the_key_changes_with_whatever_features_depend_on(data):
    smaller, stretched = (
        {name: dataclasses.replace(split, **change) for name, split in data.items()}
        for change in (dict(side=20), dict(resize="stretch"))
    )
    other_epsilon = network()
    other_epsilon.get_layer("conv1_bn").epsilon = 1e-2
    keys = [
        key(data),
        key(data, moved(network(), "conv1_conv/kernel")),
        key(data, moved(network(), "conv1_bn/moving_variance")),
        key(data, network("mixed_bfloat16")),
        key(data, other_epsilon),
        key(smaller, network(side=20)),
        key(stretched),
        key(data, split="validation"),
        *(key(data, augmentation=FADED, seed=seed, view=view) for seed in (0, 1) for view in (0, 1)),
    ]
    for file in data["train"].builder.info.splits["train"].filepaths:
        os.utime(file, ns=(0, 0))
    keys.append(key(data))
    assert len(set(keys)) == len(keys)


def test_the_key_does_not_change_with_names_the_head_or_a_seed_that_draws_nothing(data):
    model = moved(network(name="conv1_7"), "logits/kernel")
    assert key(data, model, seed=3) == key(data)


def test_the_key_changes_with_the_code(data, tmp_path, monkeypatch):
    before = key(data)
    for name in ("data/features.py", "models/splitting.py", "curation/decode.py", "training/frozen_features.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    first = frozen_features._code.__wrapped__(tmp_path)
    (tmp_path / "models" / "splitting.py").write_text("x = 2\n")
    assert frozen_features._code.__wrapped__(tmp_path) != first
    monkeypatch.setattr(frozen_features, "_code", lambda: first)
    assert key(data) != before


def test_maps_are_float16_where_there_are_many_and_pooled_features_float32(data, monkeypatch):
    model = network("mixed_bfloat16")
    for stage, most, dtype in ((CONV2, 100_000, "float16"), (CONV2, 200_000, "float32"), (HEAD, 0, "float32")):
        monkeypatch.setattr(frozen_features, "EXACT_BYTES", most)
        rest, train, _ = divided(data, model, stage=stage)
        assert [array.dtype for array in train.views[0]] == [dtype]
        [(features, _)], [(images, _)] = train.evaluation(200), data["train"].evaluation(200)
        assert features.dtype == tf.float32
        np.testing.assert_allclose(rest(features), model(images), atol=2e-2)


def test_too_little_room_is_said_and_the_whole_network_trains(data, monkeypatch, capsys):
    monkeypatch.setattr(feature_store, "_RESERVE", 1e15)
    model = network()
    part, train, _ = divided(data, model)
    assert part is model and train is data["train"]
    assert "cannot be stored. No room:" in capsys.readouterr().out
    assert list(root(data).iterdir()) == []


def test_a_frozen_part_that_does_little_is_not_stored(data, monkeypatch):
    model = network()
    monkeypatch.setattr(frozen_features, "LEAST_SHARE", 0.9)
    assert divided(data, model, stage=CONV2)[0] is model
    assert divided(data, model)[0] is not model


@pytest.mark.parametrize("change", [dict(train_from="all"), dict(train_norm=True)])
def test_what_is_not_frozen_is_not_stored(data, change):
    model = network()
    part, train, validation = divided(data, model, stage=dataclasses.replace(HEAD, **change))
    assert part is model and not isinstance(train, FeatureSplit) and validation is data["validation"]


@pytest.mark.slow
def test_fine_tuning_conv5_changes_that_block_and_the_head_alone(data, tmp_path):
    larger = {name: dataclasses.replace(split, side=32) for name, split in data.items()}
    keras.utils.set_random_seed(0)
    model = build_classifier("resnet50", 3, (32, 32, 1))
    start = {each.path: each.numpy() for each in model.weights}
    stages = (HEAD, dataclasses.replace(CONV2, train_from="conv5", name="conv5"))
    fit(larger, tmp_path, dataclasses.replace(RECIPE, stages=stages), model)
    changed = {each.path for each in model.weights if np.any(each.numpy() != start[each.path])}
    assert changed == {path for path in start if path.startswith(("conv5_", "logits/"))}
