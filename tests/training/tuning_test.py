import json
import math
import subprocess
import sys

import pytest

pytest.importorskip("keras_tuner")

from keras_sketch.errors import DivergedError, RunInterrupted, TrainingError
from keras_sketch.recipes import Recipe, Stage
from keras_sketch.training.history import write_history
from keras_sketch.training.random_search import RandomSearch
from keras_sketch.training.sweep import Sweep
from keras_sketch.training.trial import read_trial
from keras_sketch.training.trial_ledger import Ledger
from keras_sketch.training.tuning import LedgerOracle, conclude, search

RECIPE = Recipe("tiny", "", "doodles", "quickdraw_cnn", (Stage(8, 1e-3),))
SWEEP = Sweep(("adam", "rmsprop", "sgd"), (1e-4, 1e-3), (0.0, 1e-3), (64,), trial_epochs=2)


def run(folder, fit, plan=SWEEP):
    """Searches in a folder, and returns the outcome."""
    ledger = Ledger(plan, RECIPE, folder)
    search(ledger, fit)
    return conclude(ledger)


class FakeFit:
    """Instead of training: the loss falls until the fifth epoch, and is lowest for RMSprop at 1e-3."""

    def __init__(self, **raises):
        self.calls, self.raises = [], raises

    def __call__(self, recipe, folder):
        stage = recipe.stages[-1]
        self.calls.append(folder.name)
        (folder / "checkpoints").mkdir(exist_ok=True)
        (folder / "checkpoints" / "state.npz").touch()
        if stage.optimizer in self.raises:
            raise self.raises[stage.optimizer]
        loss = 1 + (stage.optimizer != "rmsprop") + abs(math.log10(stage.learning_rate) + 3)
        rows = [
            {"epoch": epoch, "val_loss": loss + abs(epoch - 5) / 10, "val_top1": 0.5}
            for epoch in range(1, stage.epochs + 1)
        ]
        write_history(folder / "history.csv", rows)
        return rows


def test_finds_the_best_and_writes_a_recipe(tmp_path, capsys):
    fit = FakeFit()
    outcome = run(tmp_path, fit)
    stage = outcome.recipe.stages[-1]
    assert (stage.optimizer, stage.learning_rate, stage.epochs) == ("rmsprop", 1e-3, 5)
    assert outcome.recipe.name == "tiny-tuned"
    assert [each.name for each in outcome.trials] == fit.calls and outcome.best.epochs == 8
    assert len(fit.calls) == len(set(fit.calls)) == 8
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Trial 1 of 8, optimizer: adam, learning rate 0.001, decay 0, batch 128, 2 epochs"
    assert "Trial 8 of 8, epochs:" in lines[-2] and "top-1 50.00%" in lines[-1] and "about" in lines[-3]
    assert not list(tmp_path.glob("trials/*/checkpoints"))


def test_finished_trials_are_not_trained_again(tmp_path, capsys):
    whole = run(tmp_path, FakeFit())
    last = list(whole.trials)[-2:]
    for setting in last:
        (tmp_path / "trials" / setting.name / "result.json").unlink()
    (tmp_path / "trials" / last[0].name / "checkpoints").mkdir()
    again = FakeFit()
    outcome = run(tmp_path, again)
    assert again.calls == [setting.name for setting in last]
    assert (list(outcome.trials), outcome.recipe) == (list(whole.trials), whole.recipe)
    assert outcome.trials[last[0]].seconds is None and outcome.trials[last[1]].seconds is not None
    assert "trained before" in capsys.readouterr().out


@pytest.mark.parametrize("damage", ["", "{", '{"seconds": 1}'])
def test_a_damaged_result_is_trained_again(tmp_path, damage):
    whole = run(tmp_path, FakeFit())
    first = next(iter(whole.trials))
    (tmp_path / "trials" / first.name / "result.json").write_text(damage)
    (tmp_path / "keras_tuner" / "oracle.json").write_text('{"half')
    again = FakeFit()
    assert run(tmp_path, again).recipe == whole.recipe
    assert again.calls == [first.name]


def test_killed_at_any_moment_the_same_trials_come(tmp_path):
    """A process that kills itself in the middle of its fourth trial; another one takes over."""
    code = f"""
import os, pathlib, signal, sys
sys.path.insert(0, {str(tmp_path)!r})
from tuning_test import FakeFit, run
fake = FakeFit()
def fit(recipe, folder):
    if len(fake.calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return fake(recipe, folder)
folder = pathlib.Path({str(tmp_path / "killed")!r})
folder.mkdir()
run(folder, fit)
"""
    (tmp_path / "tuning_test.py").write_bytes(open(__file__, "rb").read())
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert killed.returncode == -9, killed.stderr
    fit, whole = FakeFit(), FakeFit()
    outcome = run(tmp_path / "killed", fit)
    (tmp_path / "whole").mkdir()
    expected = run(tmp_path / "whole", whole)
    assert fit.calls == whole.calls[3:]
    assert (list(outcome.trials), outcome.recipe) == (list(expected.trials), expected.recipe)


def test_a_trial_that_diverges_is_a_result(tmp_path, capsys):
    import tensorflow as tf

    memory = tf.errors.ResourceExhaustedError(None, None, "no memory")
    fit = FakeFit(adam=DivergedError("nan"), sgd=memory)
    outcome = run(tmp_path, fit)
    failures = {setting.optimizer: trial.failure for setting, trial in outcome.trials.items()}
    assert failures == {"adam": "the loss is not finite", "sgd": "out of memory", "rmsprop": ""}
    assert "Failed: out of memory" in capsys.readouterr().out
    again = FakeFit()
    assert run(tmp_path, again).recipe == outcome.recipe
    assert not again.calls
    setting = next(iter(outcome.trials))
    assert read_trial(setting, tmp_path / "trials" / setting.name) == outcome.trials[setting]


def test_a_validation_loss_that_is_not_finite_is_a_failure(tmp_path):
    def fit(recipe, folder):
        loss = math.nan if recipe.stages[-1].optimizer == "adam" else 1.0
        write_history(folder / "history.csv", [{"epoch": 1, "val_loss": loss, "val_top1": 0.5}])
        return [{"epoch": 1, "val_loss": loss, "val_top1": 0.5}]

    outcome = run(tmp_path, fit)
    assert outcome.recipe.stages[-1].optimizer == "rmsprop"


def test_a_step_of_which_everything_fails_ends_the_sweep(tmp_path):
    fit = FakeFit(**{name: DivergedError("nan") for name in SWEEP.optimizers})
    with pytest.raises(TrainingError, match=r"Every trial of the step optimizer failed \(the loss is not finite\)"):
        run(tmp_path, fit)
    assert len(fit.calls) == 3


def test_a_signal_names_the_sweep_s_folder(tmp_path):
    fit = FakeFit(rmsprop=RunInterrupted("Terminated in epoch 1; --output-dir elsewhere.", 15))
    with pytest.raises(RunInterrupted, match=rf"Terminated in trial 2; .* --output-dir {tmp_path}\.") as stopped:
        run(tmp_path, fit)
    assert stopped.value.exit_code == 143


def test_other_errors_are_not_swallowed(tmp_path):
    with pytest.raises(ZeroDivisionError):
        run(tmp_path, FakeFit(rmsprop=ZeroDivisionError("a bug")))
    assert json.loads(next(tmp_path.glob("trials/adam*/result.json")).read_text())["failure"] == ""


def test_a_random_search_trains_every_draw_and_goes_on_after_a_kill(tmp_path, capsys):
    plan = RandomSearch(draws=5, alphas=(), trial_epochs=2)
    fit = FakeFit()
    outcome = run(tmp_path, fit, plan)
    assert list(outcome.trials) == [plan.draw(0, number) for number in range(5)]
    assert "Trial 5 of 5: batch" in capsys.readouterr().out
    names = list(fit.calls)
    for name in names[1:4:2]:
        (tmp_path / "trials" / name / "result.json").unlink()
    again = FakeFit()
    assert run(tmp_path, again, plan).trials.keys() == outcome.trials.keys()
    assert again.calls == names[1:4:2]
    assert capsys.readouterr().out.count("trained before") == 3


def test_no_two_workers_get_one_trial_and_who_finds_none_waits_for_the_step(tmp_path):
    """The oracle asked as KerasTuner's chief asks it, for two workers; the first step has three candidates."""
    ledger = Ledger(SWEEP, RECIPE, tmp_path)
    oracle = LedgerOracle(ledger)
    oracle._set_project_dir(tmp_path, "keras_tuner")
    given = [oracle.create_trial(f"worker-{number}") for number in range(4)]
    assert [trial.status for trial in given] == ["RUNNING"] * 3 + ["IDLE"]
    settings = [SWEEP.SETTING(**trial.hyperparameters.values) for trial in given[:3]]
    assert [setting.optimizer for setting in settings] == list(SWEEP.optimizers)
    assert oracle.create_trial("worker-1") is given[1]  # started again, it gets its own
    fit = FakeFit()
    for trial, setting in zip(given[:3], settings, strict=True):
        ledger.place(setting).mkdir(parents=True)
        rows = fit(setting.change(RECIPE), ledger.place(setting))
        (ledger.place(setting) / "result.json").write_text('{"seconds": 1, "failure": ""}')
        oracle.update_trial(trial.trial_id, {"val_loss": rows[-1]["val_loss"]})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
    following = oracle.create_trial("worker-3")
    assert following.status == "RUNNING" and following.hyperparameters.values["optimizer"] == "rmsprop"
