import keras
import numpy as np
import pytest

from keras_sketch import build_classifier
from keras_sketch.errors import RunInterrupted
from keras_sketch.recipes import Recipe, Stage
from keras_sketch.training import recorder as recorder_module
from keras_sketch.training.fitting import fit_recipe

PLATEAU = Recipe(
    name="plateau",
    summary="",
    dataset="quickdraw",
    model="quickdraw_cnn",
    batch_size=16,
    stages=(
        Stage(epochs=1, learning_rate=1e-3, name="first"),
        # So high a rate that the loss does not fall every time.
        Stage(epochs=6, learning_rate=0.05, schedule="plateau", plateau=1, final_rate=0.01, group_rates=(0.5, 1.0)),
    ),
)


def fresh_model():
    keras.utils.set_random_seed(3)
    return build_classifier("quickdraw_cnn", 3)


@pytest.mark.parametrize("validated", [pytest.param(True, marks=pytest.mark.slow), False])
def test_a_rate_that_falls_on_a_plateau_is_the_history_s_and_a_stop_changes_nothing(
    dataset, tmp_path, monkeypatch, interrupt_at, validated
):
    train, validation = dataset.splits["train"], dataset.splits["validation"] if validated else None
    rates = []

    def on_train_batch_begin(self, batch, logs=None):
        rates.append((self.place.epoch, float(self.model.optimizer.learning_rate)))

    monkeypatch.setattr(recorder_module.Recorder, "on_train_batch_begin", on_train_batch_begin)
    model = fresh_model()
    rows = fit_recipe(model, PLATEAU, train, validation, tmp_path / "whole", {})
    stage = rows[1:]
    rate, best, expected = 0.05, float("inf"), []
    for row in stage:
        expected.append(rate)
        loss = row["val_loss"] if validated else row["loss"]
        rate, best = (rate, loss) if loss < best else (max(0.3 * rate, 0.01), best)
    assert len(set(expected)) > 1
    assert [row["learning_rate"] for row in stage] == pytest.approx(expected)
    assert [row["learning_rate_1"] for row in stage] == pytest.approx([each / 2 for each in expected])
    steps = train.steps(16)
    np.testing.assert_allclose([rate for _, rate in rates[steps:]], np.repeat(expected, steps), rtol=1e-6)
    if not validated:
        return
    with interrupt_at(6 * steps + 2), pytest.raises(RunInterrupted):
        fit_recipe(fresh_model(), PLATEAU, train, validation, tmp_path / "broken", {})
    resumed = build_classifier("quickdraw_cnn", 3)
    assert fit_recipe(resumed, PLATEAU, train, validation, tmp_path / "broken", {}) == rows
    for a, b in zip(model.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
