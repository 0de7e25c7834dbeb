import csv
import dataclasses

import keras
import numpy as np
import pytest
from keras import ops

from keras_sketch.errors import DivergedError
from keras_sketch.recipes import Recipe, Stage
from keras_sketch.training import recorder
from keras_sketch.training.checkpoint import Checkpoints
from keras_sketch.training.fitting import fit_recipe

RECIPE = Recipe(
    name="diverging",
    summary="",
    dataset="quickdraw",
    model="quickdraw_cnn",
    batch_size=16,
    seed=4,
    stages=(Stage(epochs=2, learning_rate=1e-3),),
)


class NanFor(keras.layers.Layer):
    """Makes nothing but NaN of the pictures with one sum of pixels."""

    def __init__(self, total, **settings):
        super().__init__(**settings)
        self.total = total

    def call(self, images):
        images = ops.cast(images, "float32")
        found = ops.sum(images, axis=(1, 2, 3), keepdims=True) == self.total
        return ops.where(found, np.nan, images)


def network(total):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((28, 28, 1))
    features = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(NanFor(total)(inputs)))
    return keras.Model(inputs, keras.layers.Dense(3)(features))


@pytest.mark.parametrize("balance", ["none", "sampling"])
def test_the_step_and_the_batch_are_named_and_the_last_good_state_is_put_back(dataset, tmp_path, balance):
    recipe, train = dataclasses.replace(RECIPE, balance=balance), dataset.splits["train"]
    stream = [
        images.numpy().sum(axis=(1, 2, 3))
        for images, _ in train.training(16, 2, seed=4, balanced=balance == "sampling")
    ]
    bad = stream[3][5]
    step = next(number for number, sums in enumerate(stream) if bad in sums)
    model = network(bad)
    with pytest.raises(DivergedError, match=f"nan in epoch 1, step {step + 1}. .*diverged.csv.*epoch 1 after step 0"):
        fit_recipe(model, recipe, train, None, tmp_path, {})
    with (tmp_path / "diverged.csv").open() as file:
        rows = list(csv.DictReader(file))
    facts = train.facts(["id", "label"])
    places = [list(facts["id"]).index(row["id"]) for row in rows]
    np.testing.assert_array_equal(train.images(places).astype("float32").sum(axis=(1, 2, 3)), stream[step])
    assert [int(row["label"]) for row in rows] == [facts["label"][place] for place in places]
    assert {(row["epoch"], row["step"]) for row in rows} == {("1", str(step + 1))}
    start = network(bad)
    for weight, first in zip(model.get_weights(), start.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, first)
    _, _, arrays = Checkpoints(tmp_path / "checkpoints").latest()
    assert all(np.isfinite(array).all() for name, array in arrays.items() if name.startswith("model/"))


def test_weights_that_are_not_finite_are_never_saved(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(recorder, "SAVE_EVERY_SECONDS", -1.0)
    monkeypatch.setattr(recorder, "SAVING_SHARE", float("inf"))
    model = network(-1.0)
    # The loss of the first step is finite; the weights after it are not.
    recipe = dataclasses.replace(RECIPE, stages=(Stage(epochs=2, learning_rate=3e38, optimizer="sgd"),))
    with pytest.raises(DivergedError, match="in epoch 1"):
        fit_recipe(model, recipe, dataset.splits["train"], None, tmp_path, {})
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    for state in (tmp_path / "checkpoints").glob("state-*.npz"):
        with np.load(state) as stored:
            assert all(np.isfinite(stored[name]).all() for name in stored.files if name.startswith("model/"))
