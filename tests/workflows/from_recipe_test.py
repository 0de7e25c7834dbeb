import dataclasses
import types

import keras
import pytest

from keras_sketch.errors import MissingDataError
from keras_sketch.recipes import all_recipes, find_recipe
from keras_sketch.workflows.from_recipe import build_network


def test_a_run_that_goes_on_needs_no_weights_file(tmp_path):
    recipe = dataclasses.replace(
        find_recipe(None, "doodles"), model="quickdraw_cnn", weights=str(tmp_path / "gone.weights.h5")
    )
    info = types.SimpleNamespace(class_names=("a", "b"), image_shape=(28, 28, 1))
    with pytest.raises(MissingDataError):
        build_network(recipe, info)
    assert build_network(recipe, info, begun=True).output_shape == (None, 2)


@pytest.mark.parametrize("strategy", [None, "several devices"])
def test_half_precision_scales_the_loss_and_keeps_float32_logits(strategy):
    info = types.SimpleNamespace(class_names=("a", "b"), image_shape=(28, 28, 1))
    model = build_network(all_recipes()["quickdraw"], info, "mixed_float16", strategy)
    model.compile("adam", "mse")
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert model.get_layer("half_in").compute_dtype == "float16"
    assert model.output.dtype == "float32"
    assert keras.config.dtype_policy().name == "float32"
