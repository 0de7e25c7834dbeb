import math

import pytest

from keras_sketch.training.history import write_history
from keras_sketch.training.sweep import Setting
from keras_sketch.training.trial import Trial, finish_trial, read_trial

SETTING = Setting("adam", 1e-3, 0.0, 32, 2)
ROWS = [{"epoch": 1, "val_loss": 0.5, "val_top1": 0.7}, {"epoch": 2, "val_loss": 0.6, "val_top1": 0.8}]


@pytest.mark.parametrize("trial", [Trial(SETTING, ROWS, 1.5), Trial(SETTING, [], None, "out of memory")])
def test_a_finished_trial_is_read_back(trial, tmp_path):
    (tmp_path / "checkpoints").mkdir()
    write_history(tmp_path / "history.csv", ROWS)
    assert read_trial(SETTING, tmp_path) is None
    finish_trial(trial, tmp_path)
    assert read_trial(SETTING, tmp_path) == trial
    assert not (tmp_path / "checkpoints").exists()


def test_the_best_epoch_has_the_lowest_validation_loss():
    assert Trial(SETTING, ROWS, 1.5).best == ROWS[0]
    failed = Trial(SETTING, [], 1.5, "out of memory").best
    assert math.isinf(failed["val_loss"]) and math.isnan(failed["val_top1"])


def test_without_its_history_a_trial_is_not_finished(tmp_path):
    finish_trial(Trial(SETTING, ROWS, 1.5), tmp_path)
    assert read_trial(SETTING, tmp_path) is None
