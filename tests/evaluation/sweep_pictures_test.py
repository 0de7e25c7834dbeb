import math

import pytest

from keras_sketch.errors import BadDataError
from keras_sketch.evaluation.figures import BLUE, GREEN, ORANGE
from keras_sketch.evaluation.sweep_pictures import draw_learning_rates, draw_optimizers

ROWS = [dict(epoch=i, loss=1 / i, val_loss=1.2 / i, top1=0.1 * i, val_top1=0.09 * i) for i in range(1, 7)]


@pytest.mark.parametrize(
    "histories",
    [{"adam": ROWS, "rmsprop": ROWS[:3], "sgd": []}, {f"{i}": ROWS for i in range(9)}, {"adam": ROWS[:1]}],
    ids=["three, one failed", "many", "one epoch"],
)
def test_optimizers(tmp_path, picture, count_of, histories):
    draw_optimizers(tmp_path / "optimizers.png", histories)
    pixels = picture(tmp_path / "optimizers.png")
    assert pixels.shape == (480, 1152, 3)
    drawn = [count_of(pixels, colour) > 0 for colour in (BLUE, ORANGE, GREEN)]
    assert drawn == [len(histories) > index for index in range(3)]


def test_ticks_stand_at_whole_epochs(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr("keras_sketch.evaluation.sweep_pictures.save_figure", lambda figure, _: figures.append(figure))
    for count in (1, 2, 6):
        draw_optimizers(tmp_path / "optimizers.png", {"adam": ROWS[:count]})
        for axes in figures[-1].axes:
            assert all(tick == round(tick) for tick in axes.get_xticks())


@pytest.mark.parametrize(
    "losses",
    [
        {(1e-3, 0.0): 1.0},
        {(rate, decay): 1 + decay + rate for rate in (1e-4, 1e-3) for decay in (0.0, 1e-4, 1e-3)},
        {(1e-3, 0.0): 1.0, (1e-2, 0.0): 900.0, (1e-1, 0.0): math.inf, (1e-1, 1e-3): math.inf},
        {(1e-3, decay / 1000): 0.0 for decay in range(12)},
    ],
    ids=["one", "grid", "failed", "loss 0"],
)
def test_learning_rates(tmp_path, picture, count_of, losses):
    draw_learning_rates(tmp_path / "rates.png", losses, (1e-3, 0.0))
    pixels = picture(tmp_path / "rates.png")
    assert pixels.shape == (528, 768, 3)
    drawn = [count_of(pixels, colour) > 0 for colour in (BLUE, ORANGE, GREEN)]
    assert drawn == [len({decay for _, decay in losses}) > index for index in range(3)]


def test_nothing_to_draw_is_refused(tmp_path):
    with pytest.raises(BadDataError):
        draw_optimizers(tmp_path / "optimizers.png", {"adam": []})
    with pytest.raises(BadDataError):
        draw_learning_rates(tmp_path / "rates.png", {(1e-3, 0.0): math.inf}, (1e-3, 0.0))
    assert not list(tmp_path.iterdir())
