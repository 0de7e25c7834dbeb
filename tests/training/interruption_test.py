"""Stops at the places where an epoch is neither in its steps nor over, and saves that take long or fail."""

import signal
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from keras_sketch import build_classifier
from keras_sketch.errors import RunInterrupted
from keras_sketch.recipes import Augmentation, Recipe, Stage
from keras_sketch.training import recorder as recorder_module
from keras_sketch.training.checkpoint import Checkpoints
from keras_sketch.training.fitting import fit_recipe
from keras_sketch.training.recorder import Recorder

RECIPE = Recipe(
    name="interrupted",
    summary="",
    dataset="quickdraw",
    model="quickdraw_cnn",
    batch_size=16,
    augmentation=Augmentation(rotation=10),
    stages=(Stage(epochs=2, learning_rate=1e-3, schedule="cosine", warmup=0.2),),
)


def fit(dataset, folder, seed=3):
    keras.utils.set_random_seed(seed)
    model = build_classifier("quickdraw_cnn", 3)
    return model, fit_recipe(model, RECIPE, dataset.splits["train"], dataset.splits["validation"], folder, {})


@pytest.fixture(scope="module")
def undisturbed(dataset, tmp_path_factory):
    return fit(dataset, tmp_path_factory.mktemp("undisturbed"))


def test_a_stop_in_the_validation_ends_it_and_loses_nothing(dataset, undisturbed, tmp_path, monkeypatch):
    model, rows = undisturbed
    original, seen = Recorder.on_test_batch_end, []

    def on_test_batch_end(self, batch, logs=None):
        if not seen:
            signal.raise_signal(signal.SIGTERM)
        seen.append(batch)
        original(self, batch, logs)

    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "on_test_batch_end", on_test_batch_end)
        steps = dataset.splits["train"].steps(16)
        with pytest.raises(RunInterrupted, match=f"Terminated in epoch 1 after step {steps};") as stopped:
            fit(dataset, tmp_path)
    assert len(seen) == 1 and stopped.value.exit_code == 143
    resumed, resumed_rows = fit(dataset, tmp_path, seed=99)
    assert resumed_rows == rows
    for a, b in zip(model.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_stop_in_the_last_step_of_an_epoch_loses_nothing(dataset, undisturbed, tmp_path, interrupt_at):
    model, rows = undisturbed
    with interrupt_at(dataset.splits["train"].steps(16)), pytest.raises(RunInterrupted):
        fit(dataset, tmp_path)
    resumed, resumed_rows = fit(dataset, tmp_path, seed=99)
    assert resumed_rows == rows
    for a, b in zip(model.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("seconds", [0.0, 0.35])
def test_checkpoints_that_take_long_are_fewer(dataset, tmp_path, monkeypatch, seconds):
    """A save of 0.35 s may come after 23 s; the clock goes 10 s a step."""
    times, clock = [], [0.0]
    monkeypatch.setattr(recorder_module, "time", SimpleNamespace(monotonic=lambda: clock[0]))

    def save(self, arrays, place, metadata):
        times.append(clock[0])
        clock[0] += seconds

    monkeypatch.setattr(Checkpoints, "save", save)
    monkeypatch.setattr(recorder_module, "SAVE_EVERY_SECONDS", 5.0)
    original = Recorder.on_train_batch_end

    def on_train_batch_end(self, batch, logs=None):
        clock[0] += 10
        original(self, batch, logs)

    monkeypatch.setattr(Recorder, "on_train_batch_end", on_train_batch_end)
    fit(dataset, tmp_path)
    gaps = np.diff(times[:-1])
    least = max(5.0, seconds / recorder_module.SAVING_SHARE)
    assert len(gaps) > 2 and all(least <= gap <= least + 11 for gap in gaps)
