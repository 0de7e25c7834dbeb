"""A search on KerasTuner: one trial is the recipe with other values, trained as every recipe is."""

from __future__ import annotations

import dataclasses
import math
import os
import time
from collections.abc import Callable
from pathlib import Path

import keras_tuner
import tensorflow as tf

from keras_sketch.errors import DivergedError, RunInterrupted
from keras_sketch.recipes import Recipe
from keras_sketch.training.history import Row, best_epoch
from keras_sketch.training.search_plan import TrialSetting
from keras_sketch.training.trial import Trial, finish_trial
from keras_sketch.training.trial_ledger import Ledger

Fit = Callable[[Recipe, Path], list[Row]]

_IDLE_SECONDS = 1.0


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a search found.

    Attributes:
        trials: By setting, in the order of the plan.
        best: The best setting.
        recipe: The recipe with its values.
    """

    trials: dict[TrialSetting, Trial]
    best: TrialSetting
    recipe: Recipe


def search(ledger: Ledger, fit: Fit) -> None:
    """Trains what the plan asks for and has not been trained in this folder.

    Every trial has a folder of its own under `trials/`, named after its values, where `fit` keeps history and
    checkpoints. A search that was killed at any moment, and is made again, reads the finished trials from there and
    goes on in the middle of the one that was broken off. KerasTuner's own state, in `keras_tuner/`, is made anew from
    them: its files are not replaced in one step, and may be found half written.

    In a process with KerasTuner's variables `KERASTUNER_TUNER_ID`, `KERASTUNER_ORACLE_IP` and `KERASTUNER_ORACLE_PORT`
    it is the chief, which trains nothing and gives out the trials until all are trained, or one of the workers.

    Args:
        ledger: The plan, and the folder, which exists.
        fit: Trains a recipe in a folder, from wherever that stands, and returns the history.

    Raises:
        RunInterrupted: Ctrl-C or SIGTERM; the state is saved.
        Exception: What `fit` raises, but for a loss that is not finite and too little memory: these end one trial.
    """
    alone = "KERASTUNER_TUNER_ID" not in os.environ
    for trial in ledger.update() if alone else ():
        print(f"{ledger.announce(trial.setting)}\n{ledger.result(trial, before=True)}", flush=True)
    tuner = RecipeTuner(ledger, fit)
    try:
        tuner.search()
    except keras_tuner.errors.FatalError as error:
        cause = error.__cause__
        raise cause from cause.__cause__


def conclude(ledger: Ledger) -> Outcome:
    """Returns what a search that is at its end found.

    Raises:
        TrainingError: Too many trials failed.
    """
    best = ledger.plan.best(ledger.recipe, ledger.trials)
    trials = {setting: ledger.trials[setting] for setting in ledger.laid_out}
    return Outcome(trials, best, ledger.plan.tuned(ledger.recipe, trials[best]))


class LedgerOracle(keras_tuner.Oracle):
    """Gives out the settings that the plan still lacks.

    Args:
        ledger: What is planned, and what was trained.
    """

    def __init__(self, ledger: Ledger):
        super().__init__(keras_tuner.Objective(*ledger.plan.OBJECTIVE))
        self._ledger = ledger
        self.verbose = 0

    def populate_space(self, trial_id: str) -> dict:
        """Returns the next setting as KerasTuner wants it, or that there is none now, or none any more."""
        self._ledger.update()
        ongoing = {self._setting(trial) for trial in self.ongoing_trials.values()}
        ready = [setting for setting in self._ledger.ready if setting not in ongoing]
        if ready:
            return {"status": "RUNNING", "values": ready[0].values()}
        planned = set(self._ledger.laid_out) - set(self._ledger.trials) - ongoing
        return {"status": "IDLE" if ongoing and planned else "STOPPED", "values": None}

    def _setting(self, trial: keras_tuner.engine.trial.Trial) -> TrialSetting:
        return self._ledger.plan.SETTING(**trial.hyperparameters.values)


class RecipeTuner(keras_tuner.Tuner):
    """Trains the recipe with a trial's values.

    Args:
        ledger: What is planned, and what was trained.
        fit: Trains a recipe in a folder and returns the history.
    """

    def __init__(self, ledger: Ledger, fit: Fit):
        # Of the processes of one search the chief alone writes KerasTuner's files.
        self._writes = "chief" in os.environ.get("KERASTUNER_TUNER_ID", "chief")
        super().__init__(
            LedgerOracle(ledger),
            directory=ledger.folder.absolute(),
            project_name="keras_tuner",
            overwrite=self._writes,
        )
        self._ledger, self._fit, self._told_to_wait = ledger, fit, False

    def save(self) -> None:
        """Saves KerasTuner's state; a worker has none."""
        if self._writes:
            super().save()

    def pre_create_trial(self) -> None:
        """Waits before it asks again, where the last time there was nothing to do."""
        if self._told_to_wait:
            time.sleep(_IDLE_SECONDS)
        self._told_to_wait = True

    def on_trial_begin(self, trial: keras_tuner.engine.trial.Trial) -> None:
        """Notes that there is something to do."""
        self._told_to_wait = False

    def run_trial(self, trial: keras_tuner.engine.trial.Trial, *_, **__) -> dict[str, float]:
        """Trains, and returns the figures of the best epoch."""
        setting = self._ledger.plan.SETTING(**trial.hyperparameters.values)
        try:
            self._ledger.update()
            print(self._ledger.announce(setting), flush=True)
            done = self._ledger.trials.get(setting) or self._train(setting)
        except RunInterrupted as error:
            raise keras_tuner.errors.FatalError("interrupted") from self._interrupted(setting, error)
        except Exception as error:
            raise keras_tuner.errors.FatalError(str(error)) from error
        self._ledger.trials[setting] = done
        print(self._ledger.result(done), flush=True)
        # For KerasTuner a trial that failed is one with the worst figures: of its own failures it prints the traceback.
        return {"val_loss": done.best["val_loss"], "val_top1": 0.0 if done.failure else done.best["val_top1"]}

    def _train(self, setting: TrialSetting) -> Trial:
        folder = self._ledger.place(setting)
        whole = not (folder / "checkpoints").exists()
        folder.mkdir(parents=True, exist_ok=True)
        start, failure = time.perf_counter(), ""
        try:
            rows = self._fit(setting.change(self._ledger.recipe), folder)
            if not math.isfinite(rows[best_epoch(rows)]["val_loss"]):
                failure = "the validation loss is not finite"
        except DivergedError:
            failure = "the loss is not finite"
        except tf.errors.ResourceExhaustedError:
            failure = "out of memory"
        seconds = time.perf_counter() - start if whole else None
        trial = Trial(setting, [] if failure else rows, seconds, failure)
        finish_trial(trial, folder)
        return trial

    def _interrupted(self, setting: TrialSetting, error: RunInterrupted) -> RunInterrupted:
        what, number = str(error).split()[0], list(self._ledger.laid_out).index(setting) + 1
        return RunInterrupted(
            f"{what} in trial {number}; nothing is lost. Continue with --resume --output-dir {self._ledger.folder}.",
            error.exit_code - 128,
        )
