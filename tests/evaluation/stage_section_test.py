from keras_sketch.evaluation.stage_section import stage_section
from keras_sketch.recipes import Published

HISTORY = [
    {"epoch": 1, "stage": "head", "val_loss": 2.0, "val_top1": 0.30, "val_distance_km": 4000.4},
    {"epoch": 2, "stage": "head", "val_loss": 1.5, "val_top1": 0.403, "val_distance_km": 3000.0},
    {"epoch": 3, "stage": "head", "val_loss": 1.6, "val_top1": 0.45, "val_distance_km": 2900.0},
    {"epoch": 4, "stage": "fine|tune", "val_loss": "1.0", "val_top1": "0.7", "val_distance_km": ""},
]


def test_the_best_epoch_of_each_stage():
    text = stage_section(HISTORY)
    assert "| head | 1 to 3 | 2 | 1.5000 | 40.30 % | 3,000 |" in text
    assert "| fine\\|tune | 4 | 4 | 1.0000 | 70.00 % |  |" in text
    assert "published" not in text and "weights of epoch 4" in text


def test_published_figures_stand_beside_their_stage():
    published = (Published("A", {"top1": 0.9}), Published("B", {"head.top1": 0.403, "other.top1": 0.2}))
    text = stage_section(HISTORY, published)
    assert "published [2]" in text and "published [1]" not in text
    assert "| 3,000 | 40.30 % |" in text and "20.00" not in text


def test_nothing_is_said_of_one_stage_or_without_validation():
    assert stage_section([]) == stage_section(HISTORY[:3]) == ""
    assert stage_section([{"epoch": 1, "stage": "a"}, {"epoch": 2, "stage": "b"}]) == ""
    without_km = [{key: value for key, value in row.items() if "km" not in key} for row in HISTORY]
    assert "mean km" not in stage_section(without_km) != ""
