import dataclasses
import json
import math

import numpy as np
import pytest

from keras_sketch.errors import InvalidArgumentError, TrainingError
from keras_sketch.recipes import Recipe, Stage
from keras_sketch.training.random_search import Draw, RandomSearch, Range, check_values
from keras_sketch.training.trial import Trial

STAGES = (Stage(2, 5e-4, train_from="head", weight_decay=0.3), Stage(40, 1e-3, "sgd", weight_decay=0.2))
RECIPE = Recipe("tiny", "", "geoguessr", "quickdraw_cnn", STAGES, loss="haversine", alpha=1.0, seed=3)
LOG = RandomSearch(learning_rates=Range(1e-5, 1e-1), weight_decays=Range(1e-6, 1e-2))


def trial(draw, top1=0.5, loss=1.0, failure="", **more):
    return Trial(draw, [] if failure else [{"epoch": 1, "val_loss": loss, "val_top1": top1, **more}], 1.0, failure)


def test_the_published_values_are_among_ours():
    search = RandomSearch()
    assert (search.draws, search.trial_epochs) == (30, 10)
    assert (len(search.learning_rates), len(search.weight_decays)) == (7, 6)
    assert 1e-3 in search.learning_rates and 1e-4 in search.weight_decays
    assert search.batch_sizes.low <= 180 <= search.batch_sizes.high
    assert search.alphas.low <= 2.5 <= search.alphas.high


def test_a_draw_depends_on_the_seed_and_its_number_alone():
    search = RandomSearch()
    draws = list(search.laid_out(RECIPE, {}))
    assert draws == [search.draw(3, number) for number in range(30)]
    assert list(dataclasses.replace(search, draws=50).laid_out(RECIPE, {}))[:30] == draws
    assert search.draw(4, 0) != draws[0]
    without = dataclasses.replace(search, alphas=(), learning_rates=(1.0,)).draw(3, 7)
    assert (without.alpha, without.batch_size, without.weight_decay) == (None, *_others(search.draw(3, 7)))


def _others(draw):
    return draw.batch_size, draw.weight_decay


@pytest.mark.parametrize("search", [RandomSearch(), LOG], ids=["lists", "log-uniform"])
def test_draws_are_as_likely_as_they_should_be(search):
    draws = [search.draw(0, number) for number in range(4000)]
    sizes, counts = np.unique([draw.batch_size for draw in draws], return_counts=True)
    assert (sizes[0], sizes[-1], len(sizes)) == (16, 256, 241) and counts.max() < 50
    assert np.mean([draw.alpha for draw in draws]) == pytest.approx(2.5, abs=0.1)
    rates = np.log10([draw.learning_rate for draw in draws])
    if search is LOG:
        assert np.histogram(rates, 4, (-5, -1))[0] == pytest.approx([1000] * 4, abs=120)
        assert all(1e-6 <= draw.weight_decay <= 1e-2 for draw in draws)
    else:
        assert np.unique(rates, return_counts=True)[1] == pytest.approx([4000 / 7] * 7, abs=100)
        assert {draw.weight_decay for draw in draws} == set(search.weight_decays)


def test_a_draw_changes_every_stage():
    changed = Draw(180, 2e-3, 1e-4, 10, 2.5).change(RECIPE)
    first, last = changed.stages
    assert first == Stage(2, pytest.approx(1e-3), train_from="head", weight_decay=1e-4)
    assert last == Stage(10, 2e-3, "sgd", weight_decay=1e-4)
    assert (changed.batch_size, changed.alpha) == (180, 2.5)
    assert Draw(180, 2e-3, 1e-4, 10).change(RECIPE).alpha == 1.0


def test_batches_are_not_larger_than_the_training_split():
    assert RandomSearch().fitted(100).batch_sizes == Range(16, 100)
    assert RandomSearch().fitted(10).draw(0, 0).batch_size == 10
    assert RandomSearch(batch_sizes=(8, 64)).fitted(10).batch_sizes == (8,)
    with pytest.raises(InvalidArgumentError, match="batch_sizes.*at most 10"):
        RandomSearch(batch_sizes=(64,)).fitted(10)


def test_a_search_comes_back_from_json():
    for search in (RandomSearch(), LOG, RandomSearch(alphas=())):
        assert RandomSearch.from_dict(json.loads(json.dumps(dataclasses.asdict(search)))) == search


def test_the_best_has_the_highest_top1_whatever_its_loss():
    first, second, third, failed = draws = [RandomSearch().draw(3, number) for number in range(4)]
    trials = {
        first: trial(first, 0.6, 0.1, val_distance_km=900.0),
        second: trial(second, 0.7, 9.0, val_distance_km=900.0),
        third: trial(third, 0.7, 9.9, val_distance_km=800.0),
        failed: trial(failed, failure="out of memory"),
    }
    search = RandomSearch(draws=4)
    assert search.best(RECIPE, trials) == third
    assert search.ready(RECIPE, dict.fromkeys(draws[:3], 1.0)) == [failed]
    with pytest.raises(TrainingError, match=r"Every trial failed \(out of memory\)"):
        search.best(RECIPE, {failed: trials[failed]})


def test_the_tuned_recipe_has_its_own_epochs():
    draw = Draw(180, 2e-3, 1e-4, 10, 2.5)
    tuned = RandomSearch().tuned(RECIPE, trial(draw))
    assert (tuned.stages[-1].epochs, tuned.batch_size, tuned.name) == (40, 180, "tiny-tuned")
    assert tuned == dataclasses.replace(draw, epochs=40).change(RECIPE).with_changes(
        name="tiny-tuned", summary=tuned.summary
    )


def test_names_differ_where_draws_do():
    draw = Draw(180, 2e-3, 1e-4, 10)
    changes = [{}, {"batch_size": 181}, {"learning_rate": 0.0021}, {"weight_decay": 0.0}, {"epochs": 9}, {"alpha": 2.0}]
    assert len({dataclasses.replace(draw, **change).name for change in changes}) == len(changes)
    assert dataclasses.replace(draw, epochs=1).describe().endswith("1 epoch") and draw.describe().endswith("10 epochs")


@pytest.mark.parametrize(
    ("values", "message"),
    [((1.0, -1.0), "at least 0"), ((math.nan,), "nan"), (Range(2, 1), "range"), (Range(0, math.inf), r"0\.\.inf")],
)
def test_what_cannot_be_drawn_is_refused(values, message):
    with pytest.raises(InvalidArgumentError, match=message):
        check_values("alphas", values, 0)
