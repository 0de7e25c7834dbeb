import numpy as np
import pytest

from keras_sketch.errors import BadDataError
from keras_sketch.evaluation import learning_rate_picture
from keras_sketch.evaluation.figures import BLUE, GREEN, VERMILION
from keras_sketch.evaluation.learning_rate_picture import draw_learning_rate_curve

RATES = np.geomspace(1e-7, 10, 60)
SMOOTHED = np.concatenate([np.full(30, 2.0), np.linspace(2, 1, 20), np.linspace(1.2, 900, 10)])


@pytest.mark.parametrize(
    ("count", "suggestions"), [(60, {"valley": 1e-4, "steepest": 1e-3}), (30, {}), (1, {})], ids=["two", "none", "one"]
)
def test_the_curve_and_its_suggestions_are_drawn(tmp_path, picture, count_of, count, suggestions):
    losses = SMOOTHED + np.random.default_rng(0).normal(0, 0.1, 60)
    draw_learning_rate_curve(tmp_path / "curve.png", RATES[:count], losses[:count], SMOOTHED[:count], suggestions)
    pixels = picture(tmp_path / "curve.png")
    assert pixels.shape == (528, 864, 3)
    assert count_of(pixels, BLUE) > 20
    assert [count_of(pixels, colour) > 20 for colour in (VERMILION, GREEN)] == [bool(suggestions)] * 2


def test_an_explosion_does_not_flatten_the_rest(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(learning_rate_picture, "save_figure", lambda figure, _: figures.append(figure))
    draw_learning_rate_curve(tmp_path / "curve.png", RATES, SMOOTHED, SMOOTHED, {"valley": 1e-3})
    (axes,) = figures[0].axes
    bottom, top = axes.get_ylim()
    assert bottom < 1 and 2 < top < 3
    assert axes.get_xscale() == "log"


def test_no_point_is_refused(tmp_path):
    with pytest.raises(BadDataError, match="no step"):
        draw_learning_rate_curve(tmp_path / "curve.png", RATES[:0], RATES[:0], RATES[:0], {})
    assert not list(tmp_path.iterdir())
