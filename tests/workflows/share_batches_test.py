import dataclasses
import types

import pytest

from keras_sketch.data.pipeline import ImageSplit
from keras_sketch.errors import InvalidArgumentError
from keras_sketch.recipes import find_recipe
from keras_sketch.workflows.from_recipe import share_batches

RECIPE = dataclasses.replace(find_recipe(None, "doodles"), rate_scaling="linear")


def data_of(**examples):
    info = types.SimpleNamespace(splits={name: types.SimpleNamespace(num_examples=n) for name, n in examples.items()})
    splits = {name: ImageSplit(types.SimpleNamespace(info=info), name, 28) for name in examples}
    return types.SimpleNamespace(splits=splits)


def test_too_few_examples_make_the_batch_smaller_and_the_rates_follow():
    shared = share_batches(RECIPE, data_of(train=65, test=8), 2, True)
    assert (shared.batch_size, shared.rate_batch_size) == (64, 128)
    assert shared.stages[0].learning_rate == pytest.approx(1e-3)
    assert share_batches(RECIPE, data_of(train=600, test=8), 2, True) == RECIPE


def test_a_rate_that_was_asked_for_does_not_follow():
    asked = RECIPE.with_changes(learning_rate=0.5)
    shared = share_batches(asked, data_of(train=65, test=8), 2, True, 0.5)
    assert (shared.batch_size, shared.stages[0].learning_rate, shared.rate_batch_size) == (64, 0.5, None)


@pytest.mark.parametrize(
    "batch, devices, examples, near",
    [(128, 3, 600, "126 or 129"), (1, 2, 600, "2"), (128, 3, 128, "126"), (999, 2, 65, "64")],
)
def test_a_batch_that_cannot_be_shared_names_those_that_can(batch, devices, examples, near):
    recipe = dataclasses.replace(RECIPE, batch_size=batch)
    with pytest.raises(InvalidArgumentError, match=rf"a multiple of the {devices} devices, such as {near} \(--batch"):
        share_batches(recipe, data_of(train=examples, test=60), devices, False)


def test_more_devices_than_a_split_can_feed_names_how_many_can():
    with pytest.raises(
        InvalidArgumentError, match="`devices` must be at most 3, or the test split larger: .* 3, leave"
    ):
        share_batches(RECIPE, data_of(train=600, validation=60, test=3), 4, True)
