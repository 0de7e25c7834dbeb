import numpy as np
import pytest
from sklearn.metrics.pairwise import haversine_distances

from keras_sketch.evaluation.geography import continents, distance_scores

PLACES = np.array([(52.0, 10.0), (46.0, 2.0), (36.0, 138.0), (-25.0, 135.0), (40.0, -100.0)])
LABELS = np.array([0, 0, 0, 1, 2, 3, 4, 4])
PREDICTED = np.array([0, 1, 2, 1, 4, 3, 4, 0])


def by_hand(labels, predicted):
    between = 6371.0088 * haversine_distances(np.radians(PLACES))
    km = between[labels, predicted]
    return km, {
        "mean_km": km.mean(),
        "median_km": np.median(km),
        "geoscore": np.mean([5000 * np.exp(-each / 1492.7) for each in km]),
        "within_750_km": np.mean(km <= 750),
        "within_2500_km": np.mean(km <= 2500),
        "mean_km_dealt": np.mean(between[labels[:, None], predicted[None]]),
    }


def test_the_scores_are_those_by_hand():
    scores = distance_scores(LABELS, PREDICTED, PLACES)
    intervals = scores.pop("intervals")
    km, wanted = by_hand(LABELS, PREDICTED)
    assert scores == pytest.approx(wanted)
    assert scores["within_750_km"] == 4 / 8 and scores["within_2500_km"] == 5 / 8
    assert set(intervals) == set(wanted) - {"mean_km_dealt"}
    assert all(low <= scores[name] <= high for name, (low, high) in intervals.items())
    # 4 of 8, e.g. Newcombe 1998: 0.2152 to 0.7848.
    assert intervals["within_750_km"] == pytest.approx([0.2152, 0.7848], abs=1e-4)


def test_the_intervals_are_the_bootstraps_with_groups_drawn_whole():
    rng = np.random.default_rng(1)
    labels, predicted = rng.integers(0, 5, 101), rng.integers(0, 5, 101)
    predicted = np.where(rng.random(101) < 0.4, labels, predicted)
    groups = np.sort(rng.integers(0, 25, 101))
    km, _ = by_hand(labels, predicted)
    members = [km[groups == group] for group in np.unique(groups)]
    drawn = [np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))]) for _ in range(4000)]
    found = distance_scores(labels, predicted, PLACES, groups, resamples=4000)["intervals"]
    for name, average in (("mean_km", np.mean), ("median_km", np.median)):
        wanted = np.percentile([average(each) for each in drawn], [2.5, 97.5])
        assert found[name] == pytest.approx(wanted, rel=0.05)
    alone = distance_scores(labels, predicted, PLACES, resamples=200)["intervals"]
    twice = distance_scores(*(np.repeat(each, 5) for each in (labels, predicted)), PLACES, np.arange(101).repeat(5))
    # Five copies of an example tell no more than one.
    assert np.ptp(twice["intervals"]["mean_km"]) == pytest.approx(np.ptp(alone["mean_km"]), rel=0.2)
    assert np.ptp(twice["intervals"]["within_750_km"]) == pytest.approx(np.ptp(alone["within_750_km"]), rel=0.05)


def test_one_example_and_all_right():
    assert distance_scores(LABELS[:1], LABELS[:1], PLACES)["mean_km"] == 0
    scores = distance_scores(LABELS, LABELS, PLACES)
    assert (scores["geoscore"], scores["median_km"]) == (5000, 0)
    assert scores["intervals"]["mean_km"] == [0, 0] and scores["intervals"]["within_750_km"][0] < 0.8


def test_continents_of_countries_alone():
    assert continents(["France", "Japan", "Chile"]) == ["Europe", "Asia", "South America"]
    assert continents(["France", "cat"]) is None
