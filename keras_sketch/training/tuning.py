"""A sweep on KerasTuner: one trial is the recipe with other values, trained as every recipe is."""

from __future__ import annotations

import dataclasses
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path

import keras_tuner
import tensorflow as tf

from keras_sketch.errors import DivergedError, RunInterrupted, TrainingError
from keras_sketch.recipes import Recipe
from keras_sketch.training.history import Row, best_epoch
from keras_sketch.training.sweep import Setting, Step, Sweep, plan
from keras_sketch.training.trial import Trial, finish_trial, read_trial

Fit = Callable[[Recipe, Path], list[Row]]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a sweep found.

    Attributes:
        steps: The four steps, all decided.
        trials: By setting, in the order of training.
        recipe: The recipe with the best values.
    """

    steps: list[Step]
    trials: dict[Setting, Trial]
    recipe: Recipe


def search(recipe: Recipe, sweep: Sweep, folder: Path, fit: Fit) -> Outcome:
    """Trains what the sweep asks for and has not been trained in this folder, and says what is best.

    Every trial has a folder of its own under `trials/`, named after its values, where `fit` keeps history and
    checkpoints. A search that was killed at any moment, and is made again, reads the finished trials from there and
    goes on in the middle of the one that was broken off. KerasTuner's own state, in `keras_tuner/`, is made anew from
    them: its files are not replaced in one step, and may be found half written.

    Args:
        recipe: What the values are tried on.
        sweep: The values.
        folder: Exists.
        fit: Trains a recipe in a folder, from wherever that stands, and returns the history.

    Raises:
        RunInterrupted: Ctrl-C or SIGTERM; the state is saved.
        TrainingError: Every trial of a step failed.
        Exception: What `fit` raises, but for a loss that is not finite and too little memory: these end one trial.
    """
    tuner = RecipeTuner(recipe, sweep, folder, fit)
    try:
        tuner.search()
    except keras_tuner.errors.FatalError as error:
        cause = error.__cause__
        raise cause from cause.__cause__
    steps = tuner.oracle.plan()
    for step in steps:
        if step.best is None or step.best in tuner.oracle.failed:
            why = tuner.finished[step.candidates[0]].failure
            raise TrainingError(
                f"Every trial of the step {step.name} failed ({why}). Give other values and another --output-dir."
            )
    best = steps[-1].best
    return Outcome(steps, tuner.finished, _tuned(recipe, tuner.finished[best]))


class SweepOracle(keras_tuner.Oracle):
    """Gives out, one after another, the settings that the plan still lacks.

    Args:
        recipe: What the values are tried on.
        sweep: The values.
    """

    def __init__(self, recipe: Recipe, sweep: Sweep):
        # A trial that fails is a result of the sweep; however many follow each other, it goes on.
        super().__init__(keras_tuner.Objective("val_loss", "min"), max_consecutive_failed_trials=sys.maxsize)
        self._recipe, self._sweep = recipe, sweep
        self.verbose = 0

    @property
    def losses(self) -> dict[Setting, float]:
        """Validation loss of each finished trial; infinite where it failed."""
        finished = [trial for trial in self.trials.values() if trial.status in ("COMPLETED", "FAILED")]
        return {
            Setting(**trial.hyperparameters.values): trial.score if trial.status == "COMPLETED" else math.inf
            for trial in finished
        }

    @property
    def failed(self) -> set[Setting]:
        """The settings with which training failed."""
        return {setting for setting, loss in self.losses.items() if math.isinf(loss)}

    def plan(self) -> list[Step]:
        """Returns the steps, as far as the trials decide them."""
        return plan(self._sweep, self._recipe, self.losses)

    def populate_space(self, trial_id: str) -> dict:
        """Returns the next setting as KerasTuner wants it, or that there is none."""
        losses = self.losses
        step = next((step for step in self.plan() if step.best is None or step.best in self.failed), None)
        left = [] if step is None else [setting for setting in step.candidates if setting not in losses]
        if not left:
            return {"status": "STOPPED", "values": None}
        return {"status": "RUNNING", "values": dataclasses.asdict(left[0])}


class RecipeTuner(keras_tuner.Tuner):
    """Trains the recipe with a trial's values, or reads what that gave the last time.

    Args:
        recipe: What the values are tried on.
        sweep: The values.
        folder: Where `trials/` is.
        fit: Trains a recipe in a folder and returns the history.
    """

    oracle: SweepOracle

    def __init__(self, recipe: Recipe, sweep: Sweep, folder: Path, fit: Fit):
        super().__init__(
            SweepOracle(recipe, sweep), directory=folder.absolute(), project_name="keras_tuner", overwrite=True
        )
        self.finished: dict[Setting, Trial] = {}
        self._recipe, self._folder, self._fit = recipe, folder, fit

    def run_trial(self, trial: keras_tuner.engine.trial.Trial, *_, **__) -> dict[str, float]:
        """Trains, and returns the figures of the best epoch."""
        setting = Setting(**trial.hyperparameters.values)
        folder = self._folder / "trials" / setting.name
        step, total = self._where(setting)
        print(f"Trial {len(self.finished) + 1} of {total}, {step}: {_describe(setting)}", flush=True)
        try:
            finished = read_trial(setting, folder)
            done = finished or self._train(setting, folder)
        except RunInterrupted as error:
            raise keras_tuner.errors.FatalError("interrupted") from self._interrupted(error)
        except Exception as error:
            raise keras_tuner.errors.FatalError(str(error)) from error
        self.finished[setting] = done
        print(f"  {_outcome(done)}{'; trained before' if finished else self._remaining()}", flush=True)
        if done.failure:
            raise keras_tuner.errors.FailedTrialError(done.failure)
        return {"val_loss": done.best["val_loss"], "val_top1": done.best["val_top1"]}

    def _train(self, setting: Setting, folder: Path) -> Trial:
        whole = not (folder / "checkpoints").exists()
        folder.mkdir(parents=True, exist_ok=True)
        start, failure = time.perf_counter(), ""
        try:
            rows = self._fit(setting.change(self._recipe), folder)
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

    def _where(self, setting: Setting) -> tuple[str, int]:
        steps = self.oracle.plan()
        total = {each for step in steps for each in step.candidates} | set(self.finished)
        return next(step.name for step in steps if setting in step.candidates), len(total)

    def _remaining(self) -> str:
        known = [trial for trial in self.finished.values() if trial.seconds and trial.rows]
        planned = {each for step in self.oracle.plan() for each in step.candidates} - set(self.finished)
        epochs = sum(setting.change(self._recipe).epochs for setting in planned)
        if not known or not planned:
            return ""
        seconds = sum(trial.seconds for trial in known) / sum(len(trial.rows) for trial in known) * epochs
        return f"; about {_duration(seconds)} left"

    def _interrupted(self, error: RunInterrupted) -> RunInterrupted:
        what = str(error).split()[0]
        return RunInterrupted(
            f"{what} in trial {len(self.finished) + 1}; nothing is lost. Continue with --resume --output-dir "
            f"{self._folder}.",
            error.exit_code - 128,
        )


def _tuned(recipe: Recipe, last: Trial) -> Recipe:
    """Returns the recipe with the last trial's values, and as many epochs as its best one."""
    changed = last.setting.change(recipe)
    before = changed.epochs - changed.stages[-1].epochs
    return changed.with_changes(
        epochs=max(1, best_epoch(last.rows) + 1 - before),
        name=f"{recipe.name}-tuned",
        summary=f"{recipe.name}, with the values that a sweep found.",
    )


def _describe(setting: Setting) -> str:
    return (
        f"{setting.optimizer}, learning rate {setting.learning_rate:g}, decay {setting.decay:g}, "
        f"batch {setting.batch_size}, {setting.epochs} epochs"
    )


def _outcome(trial: Trial) -> str:
    if trial.failure:
        return f"Failed: {trial.failure}"
    took = "" if trial.seconds is None else f", {_duration(trial.seconds)}"
    return f"Validation loss {trial.best['val_loss']:.4f}, top-1 {trial.best['val_top1']:.2%}{took}"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"
