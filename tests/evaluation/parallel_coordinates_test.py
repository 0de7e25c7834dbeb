import math

import numpy as np
import pytest

from keras_sketch.errors import BadDataError
from keras_sketch.evaluation.figures import VERMILION
from keras_sketch.evaluation.marginals import chance_correlation, draw_marginals, rank_correlation
from keras_sketch.evaluation.parallel_coordinates import draw_parallel_coordinates
from keras_sketch.evaluation.search_trials import SearchTrials
from keras_sketch.evaluation.value_axis import ValueAxis

RNG = np.random.default_rng(0)
VALUES = {"batch size": RNG.integers(16, 257, 30), "rate": RNG.choice([1e-4, 1e-3], 30), "decay": [0.0, 1e-5, 0.1] * 10}
SCORES = RNG.random(30)


@pytest.mark.parametrize("draw", [draw_parallel_coordinates, draw_marginals])
@pytest.mark.parametrize(
    ("values", "scores"),
    [
        (VALUES, SCORES),
        (VALUES, np.where(np.arange(30) % 7, SCORES, np.nan)),
        ({"batch size": [8], "decay": [0.0]}, [50.0]),
        ({"batch size": [8, 8, 9]}, [1.0, 1.0, 1.0]),
    ],
    ids=["thirty", "some failed", "one trial", "all alike"],
)
def test_searches_are_drawn(tmp_path, picture, count_of, draw, values, scores):
    best = int(np.nanargmax(scores))
    axes = {name: ValueAxis(each, name != "batch size", name != "batch size") for name, each in values.items()}
    draw(tmp_path / "picture.png", SearchTrials(axes, np.array(scores), "top-1 (%)", best))
    pixels = picture(tmp_path / "picture.png")
    assert count_of(pixels, VERMILION) > 20 and pixels.shape[1] > pixels.shape[0]


def test_nothing_to_draw_is_refused():
    with pytest.raises(BadDataError, match="every trial failed"):
        SearchTrials({"rate": ValueAxis([1.0])}, np.array([math.nan]), "top-1 (%)", 0)


def test_zero_stands_a_decade_below_the_smallest_on_a_logarithmic_axis():
    axis = ValueAxis([0.1, 0.0, 1e-3, 1e-2], logarithmic=True, listed=True)
    assert axis.places == pytest.approx([1, 0, 1 / 3, 2 / 3])
    assert [label for _, label in axis.ticks] == ["0", "0.001", "0.01", "0.1"]
    assert ValueAxis([0.0, 5.0, 10.0]).places == pytest.approx([0, 0.5, 1])


def test_many_values_have_round_ticks():
    assert [label for _, label in ValueAxis(np.logspace(-5, -1.5, 30), True).ticks] == [
        "1e-5",
        "0.0001",
        "0.001",
        "0.01",
    ]
    ticks = ValueAxis(range(16, 257)).ticks
    assert 4 <= len(ticks) <= 8 and all(0 <= place <= 1 and float(label) % 10 == 0 for place, label in ticks)


def test_equal_values_stand_beside_each_other():
    spread = ValueAxis([1.0, 2.0, 1.0, 1.0], listed=True).spread(0.06)
    assert spread == pytest.approx([-0.02, 1, 0, 0.02])
    assert ValueAxis([1.0, 2.0, 1.0]).spread(0.06) == pytest.approx([0, 1, 0])


def test_correlation_is_scipy_s():
    from scipy.stats import spearmanr

    values = np.array(VALUES["decay"])
    assert rank_correlation(values, SCORES) == pytest.approx(spearmanr(values, SCORES).statistic)
    assert rank_correlation(np.ones(30), SCORES) is None


def test_unrelated_values_correlate_as_chance_has_it():
    draws = [abs(rank_correlation(RNG.random(30), RNG.random(30))) for _ in range(2000)]
    assert np.mean(np.array(draws) > chance_correlation(30)) == pytest.approx(0.05, abs=0.015)
    assert chance_correlation(1) == 1
