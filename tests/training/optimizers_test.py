import math

import keras
import numpy as np
import pytest

from keras_sketch.errors import InvalidArgumentError, UnknownNameError
from keras_sketch.recipes import Stage
from keras_sketch.training.optimizers import OPTIMIZERS, make_optimizer


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_starts_with_the_stage_s_rate(name):
    optimizer = make_optimizer(Stage(epochs=1, learning_rate=0.02, optimizer=name), 10)
    assert float(optimizer.learning_rate) == pytest.approx(0.02)


def test_decay_leaves_biases_alone():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    optimizer = make_optimizer(Stage(epochs=1, learning_rate=0.1, optimizer="adamw", weight_decay=0.5), 1)
    optimizer.build(model.trainable_variables)
    model.set_weights([np.ones((2, 1)), np.ones(1)])
    optimizer.apply([np.zeros((2, 1), "float32"), np.zeros(1, "float32")])
    np.testing.assert_allclose(model.get_weights()[0], 1 - 0.1 * 0.5, rtol=1e-5)
    np.testing.assert_allclose(model.get_weights()[1], 1)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (dict(optimizer="adamm"), UnknownNameError, "Did you mean 'adam"),
        (dict(schedule="cosin"), UnknownNameError, "cosine"),
        (dict(learning_rate=-1.0), InvalidArgumentError, "learning_rate"),
        (dict(learning_rate=math.nan), InvalidArgumentError, "learning_rate"),
        (dict(schedule="one-cycle"), UnknownNameError, "Did you mean 'one_cycle'"),
        (dict(warmup=1.0), InvalidArgumentError, "warmup"),
        (dict(weight_decay=-0.1), InvalidArgumentError, "weight_decay"),
    ],
)
def test_bad_values_are_named(changes, error, message):
    with pytest.raises(error, match=message):
        make_optimizer(Stage(**{"epochs": 1, "learning_rate": 0.1, **changes}), 10)
