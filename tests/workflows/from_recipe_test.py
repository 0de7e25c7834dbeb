import dataclasses
import types

import pytest

from keras_sketch.errors import MissingDataError
from keras_sketch.recipes import find_recipe
from keras_sketch.workflows.from_recipe import build_network


def test_a_run_that_goes_on_needs_no_weights_file(tmp_path):
    recipe = dataclasses.replace(
        find_recipe(None, "doodles"), model="quickdraw_cnn", weights=str(tmp_path / "gone.weights.h5")
    )
    info = types.SimpleNamespace(class_names=("a", "b"), image_shape=(28, 28, 1))
    with pytest.raises(MissingDataError):
        build_network(recipe, info)
    assert build_network(recipe, info, begun=True).output_shape == (None, 2)
