import pytest

from keras_sketch.errors import InvalidArgumentError, KerasSketchError, RunInterrupted, UnknownNameError


def test_an_unknown_name_lists_the_choices_and_the_nearest():
    message = str(UnknownNameError("model", "resnet5O", ["resnet50", "vgg16"], hint="See the list."))
    assert message == "Unknown model 'resnet5O'. Did you mean 'resnet50'? Known: resnet50, vgg16. See the list."


def test_of_many_choices_only_the_nearest_are_listed():
    choices = [f"class {number}" for number in range(345)]
    message = str(UnknownNameError("class", "class 3444", choices))
    assert "Did you mean 'class 344'? There are 345; nearest: class 344" in message
    assert len(message) < 150
    assert str(UnknownNameError("class", "zzz", choices)) == "Unknown class 'zzz'. There are 345."


def test_letters_in_another_order_are_nearest():
    assert "Did you mean 'dog'?" in str(UnknownNameError("class", "dgo", ["dragon", "dog", "cat"]))


def test_the_nearest_does_not_depend_on_case_and_a_spelling_leads_to_its_name():
    assert "Did you mean 'Horse'?" in str(UnknownNameError("class", "HORSF", ["Horse", "cat"]))
    spellings = {"pony": "horse", "Poni": "horse", "cat": "cat"}
    error = UnknownNameError("class", "Ponny", ["horse", "cat"], spellings=spellings)
    assert str(error) == "Unknown class 'Ponny'. Did you mean 'horse'? Known: cat, horse."
    assert error.nearest == "horse"
    assert UnknownNameError("class", "zzz", ["cat"]).nearest is None


def test_a_bad_value_says_argument_allowed_and_received():
    assert str(InvalidArgumentError("k", "at least 1", 0)) == "`k` must be at least 1. Received: 0."


@pytest.mark.parametrize("error", [UnknownNameError("a", "b", []), InvalidArgumentError("a", "b", 1)])
def test_they_are_value_errors_too(error):
    assert isinstance(error, KerasSketchError)
    assert isinstance(error, ValueError)


def test_an_interrupted_run_has_the_shell_s_exit_code():
    assert RunInterrupted("stopped", 15).exit_code == 143
