import numpy as np
import pytest

from keras_sketch.curation.countries import countries
from keras_sketch.evaluation.figures import VERMILION, new_figure
from keras_sketch.evaluation.world_map import _frequent, _Guesses, _legend, draw_world_map

KNOWN = [country for country in countries() if np.isfinite(country.latitude)]


def draw(path, labels, predicted, chosen):
    places = np.array([(country.latitude, country.longitude) for country in chosen])
    draw_world_map(path, np.array(labels), np.array(predicted), [country.name for country in chosen], places)


@pytest.fixture(scope="module")
def guessed():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 124, 3000)
    return labels, np.where(rng.random(3000) < 0.5, labels, rng.integers(0, 124, 3000))


def test_124_countries_with_europe_apart(tmp_path, picture, guessed):
    draw(tmp_path / "many.png", *guessed, KNOWN[::2][:124])
    world = [country for country in KNOWN if country.continent in ("Africa", "South America")][:8]
    for name in ("few.png", "again.png"):
        draw(tmp_path / name, range(8), range(7, -1, -1), world)
    assert picture(tmp_path / "many.png").shape[0] > 1.5 * picture(tmp_path / "few.png").shape[0]
    assert (tmp_path / "few.png").read_bytes() == (tmp_path / "again.png").read_bytes()


def by_code(*codes):
    return [next(country for country in KNOWN if country.code == code) for code in codes]


def test_an_arc_over_the_pacific_does_not_cross_the_atlantic(tmp_path, picture):
    chosen = by_code("JP", "MX")
    drawn = {}
    for name, predicted in {"with": [1] * 30, "without": [0] * 30}.items():
        draw(tmp_path / f"{name}.png", [0] * 30, predicted, chosen)
        drawn[name] = picture(tmp_path / f"{name}.png")[40:620]
    changed = (drawn["with"] != drawn["without"]).any(axis=(0, 2))
    middle = changed[500:1000]
    assert not middle.any() and changed[:300].any() and changed[1200:1420].any()


@pytest.mark.parametrize("codes", [("AQ", "FR"), ("NZ", "ES"), ("FJ", "US")])
def test_countries_at_the_edges(tmp_path, picture, codes):
    draw(tmp_path / "map.png", [0], [1], by_code(*codes))
    pixels = picture(tmp_path / "map.png")
    # Only the map that shows Antarctica is as high as that.
    assert (pixels.shape[0] > 800) == (codes[0] == "AQ")


def test_all_right_has_no_arc(tmp_path, picture, count_of):
    draw(tmp_path / "map.png", [0, 1, 1], [0, 1, 1], by_code("US", "JP"))
    assert count_of(picture(tmp_path / "map.png"), VERMILION) == 0


def test_of_equally_frequent_pairs_all_or_none():
    counts = np.ones((12, 12), int)
    assert len(_frequent(counts)) == 80
    counts[:3, 3:6] = 2
    assert len(_frequent(counts)) == 9
    assert len(_frequent(np.ones((5, 5), int))) == 20


def test_the_legend_names_counts_that_occur_and_circles_without_examples():
    counts = np.array([[45, 0, 0, 0], [0, 3, 0, 2], [4, 0, 1, 0], [0, 0, 0, 0]])
    figure, examples = new_figure(8, 4), counts.sum(axis=1)
    figure.add_subplot()
    _legend(figure, _Guesses("abcd", np.zeros((4, 2)), examples, examples / 45, _frequent(counts)))
    said = [text.get_text() for text in figure.legends[0].get_texts()]
    assert said == ["5 test examples", "45 test examples", "answered only", "2 mistakes", "4 mistakes"]
