import dataclasses
import types
from pathlib import Path

import keras
import pytest

from keras_sketch.curation.imagenet import imagenet_classes
from keras_sketch.errors import InvalidArgumentError, MissingDataError, TrainingError
from keras_sketch.recipes import all_recipes, find_recipe
from keras_sketch.workflows.from_recipe import build_network, open_data


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
