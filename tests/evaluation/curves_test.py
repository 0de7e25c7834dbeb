import numpy as np
import pytest

from keras_sketch.errors import BadDataError
from keras_sketch.evaluation.curves import draw_curves
from keras_sketch.evaluation.figures import BLUE, GREEN, ORANGE

ROW = dict(epoch=1, loss=1.2, top1=0.5, val_loss=1.1, val_top1=0.6, learning_rate=1e-3, stage="head")


@pytest.mark.parametrize(
    "history",
    [
        [ROW],
        [{"loss": 1.0}, {"loss": 0.5}],
        [{**ROW, "epoch": i, "stage": "a" if i < 4 else "b", "learning_rate": 10.0**-i} for i in range(1, 8)],
        [{**ROW, "epoch": i} for i in range(60)],
        [{key: str(value) for key, value in ROW.items()}, {**ROW, "epoch": 2, "val_loss": "", "val_top1": None}],
        [ROW, {**ROW, "loss": float("nan"), "learning_rate": ""}],
        [{**ROW, "distance_km": 900.5, "val_distance_km": 1200.25}, {**ROW, "epoch": 2, "distance_km": 700.0}],
    ],
    ids=[
        "one epoch",
        "loss alone",
        "stages",
        "many",
        "validation not every epoch",
        "epochs that do not rise",
        "distance",
    ],
)
def test_curves(tmp_path, picture, count_of, history):
    draw_curves(tmp_path / "curves.png", history)
    pixels = picture(tmp_path / "curves.png")
    assert pixels.shape == (
        480,
        504 * sum(key in history[0] for key in ("loss", "top1", "distance_km", "learning_rate")),
        3,
    )
    assert count_of(pixels, BLUE) > 0
    assert (count_of(pixels, ORANGE) > 0) == ("val_loss" in history[0])
    assert (count_of(pixels, GREEN) > 0) == ("learning_rate" in history[0])
    draw_curves(tmp_path / "curves.png", history, best_epoch=2)
    assert not np.array_equal(picture(tmp_path / "curves.png"), pixels)


@pytest.mark.parametrize("history", [[], [{"loss": "much"}]])
def test_curves_of_nothing_are_refused(tmp_path, history):
    with pytest.raises(BadDataError):
        draw_curves(tmp_path / "curves.png", history)
    assert not list(tmp_path.iterdir())
