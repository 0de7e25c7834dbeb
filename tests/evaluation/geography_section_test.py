import numpy as np

from keras_sketch.evaluation.geography import distance_scores
from keras_sketch.evaluation.geography_section import geography_section
from keras_sketch.evaluation.leak import sibling_scores, untrained_scores
from keras_sketch.evaluation.leak_section import sibling_section, untrained_section
from keras_sketch.evaluation.mistakes import errors_within

NAMES = ["Chile", "France", "Germany"]
PLACES = np.array([(-35.7, -71.5), (46.0, 2.0), (51.0, 10.0)])
LABELS, PREDICTED = np.array([0, 1, 1, 2, 2]), np.array([0, 1, 2, 1, 0])


def test_distances_and_continents():
    scores = distance_scores(LABELS, PREDICTED, PLACES)
    scores["same_continent"] = errors_within(LABELS, PREDICTED, ["South America", "Europe", "Europe"])
    text = geography_section(scores, LABELS, PREDICTED, NAMES)
    assert f"| mean, km | {scores['mean_km']:,.0f} |" in text and "| within 2,500 km | 80.00 % |" in text
    # Europe's four: one right, three on the continent.
    assert "| Europe | 2 | 4 | 25.00 % | 75.00 % |" in text
    assert "| South America | 1 | 1 | 100.00 % | 100.00 % |" in text
    # Two of three errors; dealt at random over the six pairs that are errors, three stay: France 2x, Germany 1x.
    assert "Of 3 errors 66.67 %" in text and scores["same_continent"]["chance"] == 3 / 6
    assert geography_section({}, LABELS, PREDICTED, NAMES) == ""


def test_siblings_and_classes_that_cannot_be_learnt():
    hits = LABELS == PREDICTED
    found = sibling_scores(hits, list("aabbc"), ["a", "b"])
    text = sibling_section({"siblings": found})
    assert "| with a sibling in training | 4 | 2 | 50.00 % |" in text and "| without | 1 | 1 | 0.00 % |" in text
    assert "have +50.00 points" in text and "points wide" in text
    alone = sibling_section({"siblings": sibling_scores(hits, list("aabbc"), "abc")})
    assert "this run alone does not say" in alone
    shown = dict(zip(NAMES, ("Chile", "Fr|ance", "Germany"), strict=True))
    lost = untrained_section({"untrained": untrained_scores(LABELS, PREDICTED, NAMES, [3, 0, 2])}, shown)
    assert "1 class has 2 test examples and not one in training: Fr\\|ance." in lost
    assert "other 3 test examples: 33.33 %" in lost
    assert sibling_section({}) == untrained_section({}, {}) == ""
