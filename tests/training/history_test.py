import math

from keras_sketch.training.history import best_epoch, monitored_losses, read_history, should_stop, write_history

ROWS = [
    {"epoch": 1, "stage": "head", "loss": 2.0, "val_loss": 1.5},
    {"epoch": 2, "stage": "head", "loss": 1.0, "val_loss": 0.5},
    {"epoch": 3, "stage": "all", "loss": 0.5, "val_loss": 0.75, "top1": 0.125},
]


def test_rows_come_back_as_they_went(tmp_path):
    write_history(tmp_path / "history.csv", ROWS)
    assert read_history(tmp_path / "history.csv") == ROWS


def test_the_best_epoch_has_the_lowest_validation_loss_or_is_the_last():
    assert best_epoch(ROWS) == 1
    assert best_epoch([{"loss": 1.0}, {"loss": 2.0}]) == 1
    assert best_epoch([{"val_loss": math.nan}, {"val_loss": 1.0}, {"val_loss": 2.0}]) == 1


def test_epochs_that_left_a_block_untrained_do_not_count():
    left = [{"val_loss": 1.0, "frozen": "attention"}, {"val_loss": 0.5, "frozen": "attention"}]
    assert best_epoch(left) == 1
    assert best_epoch([*left, {"val_loss": 2.0}, {"val_loss": 1.5}, {"val_loss": 3.0}]) == 3


def test_the_loss_that_counts_is_the_validation_s_where_there_is_one():
    assert monitored_losses(ROWS) == [1.5, 0.5, 0.75]
    assert monitored_losses([{"loss": 1.0}, {"loss": 2.0}]) == [1.0, 2.0]


def test_patience_counts_epochs_since_the_best():
    assert should_stop(ROWS, patience=1)
    assert not should_stop(ROWS, patience=2)
    assert not should_stop(ROWS, patience=None)
