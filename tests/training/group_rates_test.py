import dataclasses
import json

import keras
import numpy as np
import pytest

from keras_sketch.recipes import Stage
from keras_sketch.training.group_rates import FastaiAdam
from keras_sketch.training.optimizers import OPTIMIZERS, make_optimizer

STEPS, EPOCHS = 10, 3
STAGE = Stage(
    epochs=EPOCHS, learning_rate=0.02, schedule="one_cycle", warmup=0.3, weight_decay=0.1, group_rates=(0.01, 0.1, 1.0)
)
GRADIENTS = np.random.default_rng(0).normal(size=(STEPS * EPOCHS, 6, 2)).astype("float32")


@pytest.fixture(scope="module")
def model():
    """Two blocks and a head, each with a kernel of (1, 2) or (2, 2) and a bias."""
    x = inputs = keras.Input((1,))
    for number in (1, 2):
        x = keras.layers.Dense(2, name=f"conv{number}")(x)
    model = keras.Model(inputs, keras.layers.Dense(2, name="logits")(x))
    model.set_weights([np.full(each.shape, 0.5) for each in model.weights])
    return model


def run(model, optimizer, steps=STEPS * EPOCHS, scale=1.0):
    """Applies the gradients, each for every row of a variable; returns the variables after them."""
    start = model.get_weights()
    optimizer.build(model.trainable_variables)
    for step in GRADIENTS[:steps]:
        gradients = [scale * np.broadcast_to(row, each.shape) for row, each in zip(step, start, strict=True)]
        optimizer.apply([keras.ops.convert_to_tensor(each) for each in gradients])
    after = model.get_weights()
    model.set_weights(start)
    return after


def fastai_adam(weight, gradients, rates, momentums, decay):
    """fast.ai's `weight_decay`, `average_grad`, `average_sqr_grad` and `adam_step` in float64."""
    average = square = np.zeros_like(weight)
    for step, (gradient, rate, momentum) in enumerate(zip(gradients, rates, momentums, strict=True), start=1):
        weight = weight * (1 - rate * decay)
        average = momentum * average + (1 - momentum) * gradient
        square = 0.99 * square + 0.01 * gradient**2
        root = np.sqrt(square / (1 - 0.99**step)) + 1e-5
        weight = weight - rate / (1 - momentum**step) * average / root
    return weight


def test_fastai_s_adam_in_groups_is_the_published_one(model):
    positions = np.arange(STEPS * EPOCHS) / (STEPS * EPOCHS)

    def cycle(start, middle, end):
        rising = start + (1 - np.cos(np.pi * positions / 0.3)) * (middle - start) / 2
        falling = middle + (1 - np.cos(np.pi * (positions - 0.3) / 0.7)) * (end - middle) / 2
        return np.where(positions < 0.3, rising, falling)

    found = run(model, make_optimizer(dataclasses.replace(STAGE, optimizer="fastai_adam"), STEPS, model))
    for place, variable in enumerate(model.weights):
        rates = (0.01, 0.1, 1.0)[place // 2] * cycle(0.02 / 25, 0.02, 0.02e-5)
        gradients = np.broadcast_to(GRADIENTS[:, place, None, :], (len(GRADIENTS), *np.atleast_2d(variable).shape))
        start, decay = np.full_like(gradients[0], 0.5, "float64"), 0.1 if variable.name == "kernel" else 0
        expected = fastai_adam(start, gradients.astype("float64"), rates, cycle(0.95, 0.85, 0.95), decay)
        np.testing.assert_allclose(np.atleast_2d(found[place]), expected, rtol=3e-6)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_group_moves_as_it_would_with_an_optimizer_of_its_own(model, name):
    stage = dataclasses.replace(STAGE, optimizer=name)
    together = run(model, make_optimizer(stage, STEPS, model), steps=4)
    for place, factor in enumerate(stage.group_rates):
        own = dataclasses.replace(stage, learning_rate=stage.learning_rate * factor, group_rates=())
        alone = run(model, make_optimizer(own, STEPS), steps=4)
        for found, expected in list(zip(together, alone, strict=True))[2 * place : 2 * place + 2]:
            np.testing.assert_allclose(found, expected, rtol=2e-6)


@pytest.mark.parametrize("name", ["fastai_adam", "rmsprop"])
def test_it_survives_serialization(model, name):
    optimizer = make_optimizer(dataclasses.replace(STAGE, optimizer=name), STEPS, model)
    config = json.loads(json.dumps(keras.optimizers.serialize(optimizer)))
    again = keras.optimizers.deserialize(config)
    for found, expected in zip(run(model, again, 2), run(model, optimizer, 2), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_half_precision_s_loss_scale_changes_nothing(model):
    stage = dataclasses.replace(STAGE, optimizer="fastai_adam")
    scaled = keras.optimizers.LossScaleOptimizer(make_optimizer(stage, STEPS, model), initial_scale=1024.0)
    expected = run(model, make_optimizer(stage, STEPS, model))
    for found, each in zip(run(model, scaled, scale=1024.0), expected, strict=True):
        np.testing.assert_allclose(found, each, rtol=1e-6)
    assert float(scaled.learning_rate) == pytest.approx(0.02e-5)


def test_momentum_stays_where_there_is_no_cycle():
    optimizer = make_optimizer(dataclasses.replace(STAGE, optimizer="fastai_adam", schedule="constant"), STEPS)
    assert isinstance(optimizer, FastaiAdam)
    assert optimizer.momentum == 0.9
