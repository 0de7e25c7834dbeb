import dataclasses
import types
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_sketch.curation.imagenet import imagenet_classes
from keras_sketch.errors import InvalidArgumentError, MissingDataError, TrainingError, UnknownNameError
from keras_sketch.recipes import Stage, all_recipes, find_recipe
from keras_sketch.workflows.from_recipe import build_network, check_blocks, check_weights, open_data


def test_a_run_that_goes_on_needs_no_weights_file(tmp_path):
    recipe = dataclasses.replace(
        find_recipe(None, "doodles"), model="quickdraw_cnn", weights=str(tmp_path / "gone.weights.h5")
    )
    info = types.SimpleNamespace(class_names=("a", "b"), image_shape=(28, 28, 1))
    with pytest.raises(MissingDataError):
        build_network(recipe, info)
    assert build_network(recipe, info, begun=True).output_shape == (None, 2)


def test_a_dataset_that_is_all_test_cannot_be_trained_on(tmp_path):
    manual = Path(__file__).parents[2] / "tfds_builders/imagenet_sketch/dummy_data"
    recipe = find_recipe(None, "imagenet_sketch").with_changes(split="all", image_size=16)
    with pytest.raises(TrainingError, match="nothing to train on: in the split 'all' of imagenet_sketch every example"):
        open_data(recipe, {"manual_dir": manual, "data_dir": tmp_path})


def test_a_loss_that_does_not_suit_the_classes_is_refused_before_anything_is_written(bars, prepared):
    recipe = find_recipe(None, "quickdraw").with_changes(config="bitmap", loss="haversine")
    with pytest.raises(InvalidArgumentError, match="'arm' is none"):
        open_data(recipe, {"manual_dir": bars, "data_dir": prepared})


@pytest.mark.parametrize("strategy", [None, "several devices"])
def test_half_precision_scales_the_loss_and_keeps_float32_logits(strategy):
    info = types.SimpleNamespace(class_names=("a", "b"), image_shape=(28, 28, 1))
    model = build_network(all_recipes()["quickdraw"], info, "mixed_float16", strategy)
    model.compile("adam", "mse")
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert model.get_layer("half_in").compute_dtype == "float16"
    assert model.output.dtype == "float32"
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize("change", ["two classes", "another order"])
def test_the_pretrained_head_wants_imagenet_s_classes_in_their_order(change):
    names = [each.wnid for each in imagenet_classes()]
    names = names[:2] if change == "two classes" else [names[1], names[0], *names[2:]]
    info = types.SimpleNamespace(class_names=tuple(names), image_shape=(32, 32, 3))
    with pytest.raises(TrainingError, match=rf"imagenet_sketch has {len(names)} classes here, '{names[0]}' being the"):
        build_network(find_recipe(None, "imagenet_sketch"), info)


def small(model="quickdraw_cnn", **changes):
    return find_recipe(None, "doodles").with_changes(model=model, **changes)


def test_the_head_is_the_recipe_s():
    info = types.SimpleNamespace(class_names=("a", "b", "c"), image_shape=(28, 28, 1))
    recipe = small(model="doodle_resnet", pooling="gem_channels", bottleneck=8, dropout=0.25, loss="arcface", scale=5.0)
    network = build_network(recipe, info)
    assert network.get_layer("pooling").p.shape == network.get_layer("pooling").input.shape[-1:]
    assert network.get_layer("bottleneck").units == 8
    assert network.get_layer("bottleneck_dropout").rate == 0.25
    images = np.random.default_rng(0).integers(0, 256, (4, 28, 28, 1), "uint8")
    features = keras.Model(network.inputs[0], network.get_layer("logits").input)(images).numpy()
    kernel = network.get_layer("logits").kernel.numpy()
    lengths = np.linalg.norm(features, axis=1, keepdims=True) * np.linalg.norm(kernel, axis=0)
    np.testing.assert_allclose(network(images), 5 * features @ kernel / lengths, atol=1e-4)
    plain = build_network(small(), info)
    assert plain.get_layer("logits").bias is not None


def test_a_frozen_block_that_is_not_there_is_named_before_any_data_is_read():
    recipe = dataclasses.replace(small(), stages=(Stage(1, 1e-3, frozen=("attention",)),))
    with pytest.raises(UnknownNameError, match="attention"):
        check_blocks(recipe)
    check_blocks(dataclasses.replace(recipe, model="mobilenet_025", image_size=32, pooling="attention"))


def test_a_weights_file_that_is_not_there_is_named_with_where_it_comes_from(tmp_path):
    (tmp_path / "there.h5").write_bytes(b"")
    check_weights(small(weights=str(tmp_path / "there.h5")))
    check_weights(small(model="resnet50", weights="imagenet"))
    with pytest.raises(MissingDataError, match="no weights file gone.h5. Give another"):
        check_weights(small(weights="gone.h5"))
    towers = small(model="vgg16_places365_resnet50", weights=f"vgg16=gone.h5,resnet50={tmp_path / 'there.h5'}")
    with pytest.raises(MissingDataError, match="no weights file gone.h5. It is at https.*Give --weights vgg16=FILE"):
        check_weights(towers)
    with pytest.raises(MissingDataError, match="no weights file gone.h5. Give another"):
        check_weights(towers.with_changes(weights=f"vgg16={tmp_path / 'there.h5'},resnet50=gone.h5"))
    with pytest.raises(UnknownNameError, match="vgg17"):
        check_weights(towers.with_changes(weights="vgg17=gone.h5"))
