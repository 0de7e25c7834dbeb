import pytest

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.workflows.arguments import split_names, split_numbers


def test_names_with_and_without_commas():
    assert split_names("cat,dog") == split_names(("cat, dog",)) == split_names(["cat", "dog"]) == ("cat", "dog")


def test_numbers_with_and_without_commas():
    assert split_numbers("rates", ("1e-3,0.1", "2"), float) == split_numbers("rates", (1e-3, 0.1, 2), float)
    assert split_numbers("sizes", (32, 64), int) == split_numbers("sizes", ["32,64"], int) == (32, 64)


@pytest.mark.parametrize(("numbers", "kind"), [((), float), (("",), int), (("1,x",), float), (("1.5",), int)])
def test_what_is_no_number_is_named(numbers, kind):
    with pytest.raises(InvalidArgumentError, match="`rates` must be .*numbers, at least one"):
        split_numbers("rates", numbers, kind)
