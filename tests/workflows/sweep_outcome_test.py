import pytest

pytest.importorskip("keras_tuner")

from keras_sketch.recipes import Recipe, Stage
from keras_sketch.training.history import write_history
from keras_sketch.training.sweep import Sweep
from keras_sketch.training.trial_ledger import Ledger
from keras_sketch.training.tuning import conclude, search
from keras_sketch.workflows.sweep_outcome import write_sweep_outcome

RECIPE = Recipe("tiny", "", "doodles", "quickdraw_cnn", (Stage(4, 1e-3),), seed=3)


def written(folder, best_rate, best_epoch, rates=(1e-4, 1e-3, 1e-2)):
    """Writes the outcome of a sweep with an invented loss, and returns its report."""

    def fit(recipe, place):
        stage = recipe.stages[-1]
        loss = 1 + (stage.learning_rate != best_rate)
        rows = [
            dict(epoch=i, loss=loss, top1=0.5, val_loss=loss + abs(i - best_epoch), val_top1=0.4)
            for i in range(1, stage.epochs + 1)
        ]
        write_history(place / "history.csv", rows)
        return rows

    ledger = Ledger(Sweep(("adam",), rates, (0.0,), (128,), 2), RECIPE, folder)
    search(ledger, fit)
    write_sweep_outcome(conclude(ledger), ledger, "python train.py")
    return (folder / "report.md").read_text()


def test_the_report_says_when_to_look_further(tmp_path):
    text = written(tmp_path, 1e-2, best_epoch=4)
    assert "The best learning rate is the largest that was tried" in text
    assert "lowest in the last epoch" in text
    assert "with seed 3" in text


def test_and_when_there_is_no_need_to(tmp_path, capsys):
    text = written(tmp_path, 1e-3, best_epoch=3)
    assert "that was tried" not in text and "last epoch" not in text
    assert "| epochs | 3 |" in text and "| validation top-1 | 40.00 % |" in text
    assert "Train with them: python train.py" in capsys.readouterr().out


def test_the_smallest_rate_is_an_edge_too(tmp_path):
    assert "is the smallest that was tried" in written(tmp_path, 1e-4, best_epoch=3)
