import numpy as np
import pytest
from scipy.special import softmax

from keras_sketch.errors import UnknownNameError
from keras_sketch.losses import LOSSES, activation_of, probabilities
from keras_sketch.recipes import Recipe, Stage

LOGITS = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")


def test_the_recipes_loss_decides():
    recipe = Recipe("name", "", "folder", "sketch_cnn", (Stage(1, 0.001),))
    assert activation_of(recipe.to_dict()) == "softmax"
    assert activation_of({**recipe.to_dict(), "loss": "binary_cross_entropy"}) == "sigmoid"
    assert [activation_of({"loss": name}) for name in LOSSES].count("sigmoid") == 1


@pytest.mark.parametrize("recipe", [None, {}, {"name": "from before losses had names"}])
def test_without_a_loss_it_is_softmax(recipe):
    assert activation_of(recipe) == "softmax"


def test_an_unknown_loss_is_no_softmax():
    with pytest.raises(UnknownNameError, match="binary_cross_entropy"):
        activation_of({"loss": "binary_crossentropy"})


def test_probabilities():
    assert np.allclose(probabilities(LOGITS, "softmax"), softmax(LOGITS.astype(float), axis=-1))
    assert np.allclose(probabilities(LOGITS, "sigmoid"), 1 / (1 + np.exp(-LOGITS.astype(float))))
    for activation in ("softmax", "sigmoid"):
        sure = probabilities(np.array([[6e4, -6e4]], "float16"), activation)
        assert sure.dtype == "float32"
        assert sure.tolist() == [[1, 0]]
