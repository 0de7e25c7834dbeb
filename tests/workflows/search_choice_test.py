import pytest

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.recipes import Recipe, Stage
from keras_sketch.training.random_search import RandomSearch, Range
from keras_sketch.training.sweep import Sweep
from keras_sketch.workflows.search_choice import choose_plan

PLAIN = Recipe("tiny", "", "doodles", "quickdraw_cnn", (Stage(4, 1e-3),))
HAVERSINE = PLAIN.with_changes(loss="haversine")


def test_what_is_not_given_is_the_search_s_own():
    nothing = {"draws": None, "optimizers": (), "alphas": ()}
    assert choose_plan("sweep", PLAIN, False, nothing) == Sweep()
    assert choose_plan("random", HAVERSINE, False, nothing) == RandomSearch()


def test_alpha_is_drawn_only_where_there_is_one_and_none_is_given():
    assert choose_plan("random", PLAIN, False, {}).alphas == ()
    assert choose_plan("random", HAVERSINE, True, {}).alphas == ()
    assert choose_plan("random", HAVERSINE, False, {"alphas": ("0,2.5",)}).alphas == (0.0, 2.5)


def test_values_are_lists_or_ranges():
    given = {
        "draws": 4,
        "batch_sizes": ("8..64",),
        "learning_rates": ("1e-4,1e-3", "0.01"),
        "weight_decays": "1e-6..0.1",
    }
    plan = choose_plan("random", PLAIN, False, given)
    assert (plan.draws, plan.batch_sizes, plan.weight_decays) == (4, Range(8, 64), Range(1e-6, 0.1))
    assert plan.learning_rates == (1e-4, 1e-3, 1e-2)
    assert choose_plan("sweep", PLAIN, False, {"decays": (0.0, "1e-3")}).decays == (0.0, 1e-3)


@pytest.mark.parametrize(
    ("search", "recipe", "given", "message"),
    [
        ("random", PLAIN, {"optimizers": ("adam",)}, "`optimizers` must be left out with the search random"),
        ("random", PLAIN, {"decays": (0.0,)}, "`decays` must be left out with the search random"),
        ("sweep", PLAIN, {"draws": 3}, "`draws` must be left out with the search sweep"),
        ("sweep", PLAIN, {"weight_decays": (0.0,)}, "`weight_decays` must be left out"),
        ("sweep", HAVERSINE, {"alphas": ("0..5",)}, "`alphas` must be left out"),
        ("sweep", PLAIN, {"learning_rates": ("1e-4..1e-2",)}, "`learning_rates` must be numbers"),
        ("random", PLAIN, {"alphas": ("0..5",)}, "`alphas` must be left out with the loss cross_entropy"),
        ("random", PLAIN, {"draws": 0}, "`draws` must be at least 1"),
        ("random", PLAIN, {"trial_epochs": 0}, "`trial_epochs` must be at least 1"),
        ("random", PLAIN, {"batch_sizes": ("0..8",)}, "`batch_sizes` must be whole numbers of at least 1"),
        ("random", PLAIN, {"batch_sizes": ("8.5",)}, "`batch_sizes` must be whole numbers"),
        ("random", PLAIN, {"learning_rates": ("0,1e-3",)}, "`learning_rates` must be numbers"),
        ("random", PLAIN, {"learning_rates": ("1e-2..1e-3",)}, r"a range from the lower .*'0\.01\.\.0\.001'"),
        ("random", PLAIN, {"learning_rates": ("1e-4..1e-3", "0.1")}, r"or one range such as 1\.\.10"),
        ("random", PLAIN, {"weight_decays": ("0..1",)}, "`weight_decays` must be numbers"),
        ("random", PLAIN, {"weight_decays": ("nan",)}, "`weight_decays` must be numbers of at least 0"),
        ("random", HAVERSINE, {"alphas": ("-1..5",)}, "`alphas` must be numbers of at least 0"),
        ("grid", PLAIN, {}, "`search` must be one of sweep, random"),
    ],
)
def test_what_cannot_be_searched_is_refused(search, recipe, given, message):
    with pytest.raises(InvalidArgumentError, match=message):
        choose_plan(search, recipe, False, given)


def test_a_given_alpha_and_alphas_to_draw_contradict_each_other():
    with pytest.raises(InvalidArgumentError, match="left out with a given alpha"):
        choose_plan("random", HAVERSINE, True, {"alphas": ("0..5",)})
