import keras
import pytest

from keras_sketch.recipes import all_recipes
from keras_sketch.workflows.train_classifier import _build


class Info:
    class_names = ("a", "b")
    image_shape = (28, 28, 1)


@pytest.mark.parametrize("strategy", [None, "several devices"])
def test_half_precision_scales_the_loss_and_keeps_float32_logits(strategy):
    model = _build(all_recipes()["quickdraw"], Info, "mixed_float16", strategy)
    model.compile("adam", "mse")
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert model.get_layer("half_in").compute_dtype == "float16"
    assert model.output.dtype == "float32"
    assert keras.config.dtype_policy().name == "float32"
