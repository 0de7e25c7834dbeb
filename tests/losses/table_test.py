"""The contract that every loss of the table holds."""

import dataclasses
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_sketch.errors import InvalidArgumentError, UnknownNameError
from keras_sketch.losses import LOSSES, CrossEntropyHaversine, check_loss, make_loss
from keras_sketch.recipes import Recipe, Stage

COUNTRIES = ("Chile", "Ghana", "Norway", "Spain")
RECIPE = Recipe("name", "", "geoguessr", "doodle_resnet", (Stage(1, 0.001),))
LOGITS = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
LABELS = np.arange(8) % 4


def of_recipe(**changes):
    return make_loss(dataclasses.replace(RECIPE, **changes), COUNTRIES)


@pytest.mark.parametrize("name", LOSSES)
def test_takes_integers_or_shares_and_gives_a_number_an_example(name):
    loss = of_recipe(loss=name)
    values = np.asarray(loss.call(LABELS, LOGITS))
    assert values.shape == (8,)
    assert values.dtype == np.float32
    assert (values > 0).all()
    assert np.allclose(loss.call(np.eye(4, dtype="float32")[LABELS], LOGITS), values, atol=1e-5)
    assert float(loss(LABELS, LOGITS)) == pytest.approx(values.mean(), abs=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_weights_of_examples_are_heeded(name):
    loss, weights = of_recipe(loss=name), np.array([1.0, 0, 2, 0, 0, 3, 0, 0])
    expected = (weights * np.asarray(loss.call(LABELS, LOGITS))).mean()
    assert float(loss(LABELS, LOGITS, sample_weight=weights)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_survives_its_config(name):
    loss = of_recipe(loss=name)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert float(again(LABELS, LOGITS)) == float(loss(LABELS, LOGITS))


@pytest.mark.parametrize("name", LOSSES)
def test_sure_mistakes_are_finite_in_half_precision(name):
    logits = (6e4 * np.eye(4)[(LABELS + 1) % 4]).astype("float16")
    assert np.isfinite(float(of_recipe(loss=name)(LABELS, logits)))


def test_arguments_are_the_recipes_fields():
    loss = of_recipe(loss="haversine", alpha=1.25, label_smoothing=0.1)
    assert isinstance(loss, CrossEntropyHaversine)
    assert (loss.alpha, loss.label_smoothing) == (1.25, 0.1)
    assert of_recipe(loss="haversine_smoothing", tau=75.0).tau == 75
    assert of_recipe(label_smoothing=0.2).label_smoothing == 0.2


def test_an_unknown_loss_is_named_with_the_nearest():
    for fails in (lambda: check_loss("haversin"), lambda: of_recipe(loss="haversin")):
        with pytest.raises(UnknownNameError, match="loss 'haversin'. Did you mean 'haversine'"):
            fails()
    assert [check_loss(name) for name in LOSSES] == [None] * len(LOSSES)


@pytest.mark.parametrize("name", [name for name, loss in LOSSES.items() if loss.has_distance])
def test_a_class_that_is_no_country_is_named(name):
    recipe = dataclasses.replace(RECIPE, loss=name)
    with pytest.raises(InvalidArgumentError, match=f"'cat' is none.*'{name}'"):
        make_loss(recipe, ("Chile", "cat"))
    with pytest.raises(InvalidArgumentError, match="rename 'USA' to 'United States'"):
        make_loss(recipe, ("Chile", "USA"))
    with pytest.raises(InvalidArgumentError, match="there are none"):
        make_loss(recipe, ())


def test_label_smoothing_is_refused_by_a_loss_without_it():
    with pytest.raises(
        InvalidArgumentError, match="`label_smoothing` must be 0 in the recipe with the loss haversine_smoothing"
    ):
        of_recipe(loss="haversine_smoothing", label_smoothing=0.1)


def test_the_table_loads_no_keras():
    code = "from keras_sketch.losses import LOSSES, check_loss; import sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"keras", "tensorflow"} & set(loaded)
