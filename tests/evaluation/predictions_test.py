import numpy as np
import pytest

from keras_sketch.errors import BadDataError
from keras_sketch.evaluation.predictions import Predictions, as_text


def build(**changes):
    values = dict(ids=["a", "b"], labels=[0, 1], probabilities=[[0.7, 0.3], [0.4, 0.6]], class_names=["cat", "dog"])
    return Predictions(**{**values, **changes})


def test_values_take_their_forms():
    predictions = build(ids=np.array([b"a", b"b"]), labels=np.array([0, 1], np.int8), facts={"country": [b"US", b"DE"]})
    assert predictions.ids == ["a", "b"]
    assert predictions.labels.dtype == np.int64
    assert predictions.probabilities.dtype == np.float32


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(ids=["a", "a"]), "example id 'a' occurs 2 times"),
        (dict(ids=["a"]), "`ids` has 1 values for 2 examples"),
        (dict(facts={"country": ["US"]}), "`country` has 1 values for 2 examples"),
        (dict(class_names=["cat"]), "1 class names for 2 probabilities"),
        (dict(class_names=["cat", "cat"]), "class name 'cat' occurs 2 times"),
        (dict(labels=[0, 2]), "outside 0..1"),
        (dict(probabilities=[[3.2, -1.0], [0.4, 0.6]]), "from -1 to 3.2 .* softmax"),
        (dict(probabilities=[[np.nan, 0.3], [0.4, 0.6]]), "not a finite number"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes, message):
    with pytest.raises(BadDataError, match=message):
        build(**changes)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"US", "US"),
        (True, "true"),
        (np.False_, "false"),
        (None, ""),
        (3, "3"),
        (np.str_("x"), "x"),
        ("\udcff", "\\udcff"),
    ],
)
def test_facts_as_text(value, text):
    assert as_text(value) == text
