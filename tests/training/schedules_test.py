import math

import keras
import numpy as np
import pytest

from keras_sketch.training.schedules import OneCycle, WarmupCosine, plateau_rate


def test_the_cosine_rises_and_falls_to_zero():
    schedule = WarmupCosine(peak=2.0, total_steps=100, warmup=0.2)
    rates = np.array([float(schedule(step)) for step in range(101)])
    assert rates[0] == pytest.approx(2 / 21)
    assert rates.argmax() == 20 and rates.max() == pytest.approx(2.0)
    assert (np.diff(rates[:21]) > 0).all() and (np.diff(rates[20:]) < 0).all()
    assert rates[60] == pytest.approx(1.0, abs=1e-5)
    assert rates[100] == pytest.approx(0, abs=1e-6)
    assert float(WarmupCosine(1.0, 10)(5)) == pytest.approx(0.5 * (1 + math.cos(math.pi / 2)))


def fastai_combined_cos(share, start, middle, end, position):
    """fast.ai's `combine_scheds` of two `SchedCos`, for a position in 0..1."""
    if position < share:
        low, high, place = start, middle, position / share
    else:
        low, high, place = middle, end, (position - share) / (1 - share)
    return low + (1 + math.cos(math.pi * (1 - place))) * (high - low) / 2


@pytest.mark.parametrize("share", [0.99, 0.3, 0.25, 0.0])
@pytest.mark.parametrize("values", [(2e-3 / 25, 2e-3, 2e-8), (0.95, 0.85, 0.95)])
def test_one_cycle_is_fastai_s_to_its_last_digit(share, values):
    schedule = OneCycle(*values, total_steps=40, warmup=share)
    found = [float(schedule(step)) for step in range(41)]
    expected = [fastai_combined_cos(share, *values, step / 40) for step in range(41)]
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-11)
    assert float(schedule(50)) == pytest.approx(values[2])


@pytest.mark.parametrize(
    ("losses", "patience", "rates"),
    [
        ([], 2, [1.0]),
        ([5, 4, 3, 2], 1, [1, 1, 1, 1, 1]),
        ([5, 5, 5, 5], 1, [1, 1, 0.3, 0.09, 0.09]),
        # A loss as low as the lowest is no better one; after a fall the count begins anew.
        ([3, 4, 3, 2, 2.5, 2, 2, 1.9, 9, 9], 2, [1, 1, 1, 0.3, 0.3, 0.3, 0.09, 0.09, 0.09, 0.09, 0.09]),
        ([1, math.nan, 2], 2, [1, 1, 1, 0.3]),
        ([1, 1 - 1e-9, 1 - 2e-9, 1 - 2e-9], 2, [1, 1, 1, 1, 1]),
    ],
)
def test_the_rate_falls_after_epochs_without_a_better_loss(losses, patience, rates):
    found = [plateau_rate(losses[:epoch], 1.0, patience, final_rate=0.09) for epoch in range(len(losses) + 1)]
    assert found == pytest.approx(rates)


@pytest.mark.parametrize("patience", [1, 2, 5])
def test_the_plateau_s_rate_is_that_of_keras_callback(patience):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(1e-3))
    callback = keras.callbacks.ReduceLROnPlateau("loss", factor=0.3, patience=patience, min_delta=0, min_lr=1e-5)
    callback.set_model(model)
    callback.on_train_begin()
    losses = np.random.default_rng(patience).normal(np.linspace(2, 1, 60), 0.2).round(1).tolist()
    found, expected = [], []
    for epoch, loss in enumerate(losses):
        found.append(plateau_rate(losses[:epoch], 1e-3, patience, 1e-5))
        expected.append(float(model.optimizer.learning_rate))
        callback.on_epoch_end(epoch, {"loss": loss})
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert len(set(found)) > 2


@pytest.mark.parametrize("schedule", [WarmupCosine(2.0, 10, 0.2), OneCycle(0.1, 1.0, 1e-5, 10, 0.3)])
def test_a_schedule_survives_serialization(schedule):
    again = keras.optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(schedule))
    assert [float(again(step)) for step in range(11)] == [float(schedule(step)) for step in range(11)]
