"""Names of datasets, as users write them."""

import pytest

from keras_sketch.data import list_datasets
from keras_sketch.data.sources import dataset_named
from keras_sketch.errors import UnknownNameError


def test_a_hyphen_may_stand_for_an_underscore():
    assert {dataset_named(name.replace("_", "-")) for name in list_datasets()} == set(list_datasets())
    with pytest.raises(UnknownNameError, match="Unknown dataset 'route-arts'. Did you mean 'route_art'"):
        dataset_named("route-arts")
