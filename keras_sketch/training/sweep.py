"""Which values a sweep tries, and in which order."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

from keras_sketch.errors import TrainingError
from keras_sketch.recipes import Recipe
from keras_sketch.training.history import best_epoch
from keras_sketch.training.search_plan import SearchPlan, TrialSetting
from keras_sketch.training.trial import Trial

STEPS = ("optimizer", "learning rate", "batch size", "epochs")
# Keras' own default rates are 1e-3, 1e-3, 1e-3 and 1e-2: at one rate for all, SGD would hardly move.
_RATE_FACTORS = {"adam": 1, "adamw": 1, "rmsprop": 1, "sgd": 10}


@dataclasses.dataclass(frozen=True)
class Setting(TrialSetting):
    """What one trial changes in the recipe; the fields are those of its last stage, and the batch size."""

    optimizer: str
    learning_rate: float
    decay: float
    batch_size: int
    epochs: int

    @property
    def name(self) -> str:
        """What the trial's folder is called; no two settings have the same."""
        return f"{self.optimizer}-rate{self.learning_rate}-decay{self.decay}-batch{self.batch_size}-epochs{self.epochs}"

    def change(self, recipe: Recipe) -> Recipe:
        """Returns the recipe with these values; its last stage gets the schedule `"inverse_time"`."""
        changed = recipe.with_changes(epochs=self.epochs, learning_rate=self.learning_rate, batch_size=self.batch_size)
        last = dataclasses.replace(
            changed.stages[-1], optimizer=self.optimizer, schedule="inverse_time", decay=self.decay, warmup=0.0
        )
        return dataclasses.replace(changed, stages=(*changed.stages[:-1], last))

    def describe(self) -> str:
        """Returns the values as one reads them."""
        return (
            f"{self.optimizer}, learning rate {self.learning_rate:g}, decay {self.decay:g}, "
            f"batch {self.batch_size}, {self.epochs} epoch{'s' if self.epochs > 1 else ''}"
        )


@dataclasses.dataclass(frozen=True)
class Sweep(SearchPlan):
    """The values that are tried.

    The steps, the three optimizers and the six epochs are those of the paper "Sketch => Label": first the optimizer,
    then learning rate and decay together, then the batch size, then the epochs. The rates, decays and batch sizes are
    ours.

    Attributes:
        optimizers: Each at the recipe's rate; SGD at ten times that of the others, as in Keras' defaults.
        learning_rates: Each with every decay.
        decays: A step, as in `Stage.decay`.
        batch_sizes: Examples a step.
        trial_epochs: Epochs of every trial but the last, which has the recipe's: the number of epochs that is found is
            that of its best one.
    """

    optimizers: tuple[str, ...] = ("adam", "rmsprop", "sgd")
    learning_rates: tuple[float, ...] = (1e-5, 1e-4, 1e-3, 1e-2)
    decays: tuple[float, ...] = (0.0, 1e-4, 1e-3)
    batch_sizes: tuple[int, ...] = (32, 64, 128)
    trial_epochs: int = 6

    NAME, OBJECTIVE, SETTING = "sweep", ("val_loss", "min"), Setting

    def fitted(self, examples: int) -> Sweep:
        """Returns the sweep without batches that are larger than the training split."""
        return dataclasses.replace(self, batch_sizes=tuple(size for size in self.batch_sizes if size <= examples))

    def describe(self, recipe: Recipe) -> list[str]:
        """Returns lines that say what is tried."""
        rates, decays, sizes = (
            ", ".join(f"{value:g}" for value in values)
            for values in (self.learning_rates, self.decays, self.batch_sizes or (recipe.batch_size,))
        )
        return [
            f"Sweep: {', '.join(self.optimizers)}; learning rates {rates}; decays {decays}; batch sizes {sizes}",
            f"Epochs: {self.trial_epochs} a trial, {recipe.stages[-1].epochs} in the last one; seed {recipe.seed}",
        ]

    def laid_out(self, recipe: Recipe, losses: Mapping[Setting, float]) -> dict[Setting, str]:
        """Returns all candidates of the steps, each with the step in which it is trained."""
        found: dict[Setting, str] = {}
        for step in plan(self, recipe, losses):
            for setting in step.candidates:
                found.setdefault(setting, step.name)
        return found

    def ready(self, recipe: Recipe, losses: Mapping[Setting, float]) -> list[Setting]:
        """Returns what the step under way lacks; none where everything in it failed."""
        undecided = (step for step in plan(self, recipe, losses) if step.best is None or _failed(step, losses))
        step = next(undecided, None)
        return [] if step is None else [setting for setting in step.candidates if setting not in losses]

    def best(self, recipe: Recipe, trials: Mapping[Setting, Trial]) -> Setting:
        """Returns the best of the last step."""
        losses = {setting: trial.best["val_loss"] for setting, trial in trials.items()}
        steps = plan(self, recipe, losses)
        for step in steps:
            if step.best is None or _failed(step, losses):
                why = trials[step.candidates[0]].failure
                raise TrainingError(
                    f"Every trial of the step {step.name} failed ({why}). Give other values and another --output-dir."
                )
        return steps[-1].best

    def tuned(self, recipe: Recipe, trial: Trial) -> Recipe:
        """Returns the recipe with the trial's values, and as many epochs as its best one."""
        changed = trial.setting.change(recipe)
        before = changed.epochs - changed.stages[-1].epochs
        return changed.with_changes(
            epochs=max(1, best_epoch(trial.rows) + 1 - before),
            name=f"{recipe.name}-tuned",
            summary=f"{recipe.name}, with the values that a sweep found.",
        )


@dataclasses.dataclass(frozen=True)
class Step:
    """One step of a sweep.

    Attributes:
        name: One of `STEPS`.
        candidates: What competes; what the steps before found is among them.
        best: The candidate with the lowest loss; None while one of them is not trained yet.
    """

    name: str
    candidates: tuple[Setting, ...]
    best: Setting | None


def plan(sweep: Sweep, recipe: Recipe, losses: Mapping[Setting, float]) -> list[Step]:
    """Returns the four steps of a sweep, as far as the losses that are known decide them.

    Where a step is not decided yet, the later ones are laid out as if its first candidate were to win.

    Args:
        sweep: The values to try.
        recipe: What they are tried on.
        losses: Validation loss of what was trained; infinite where training failed.
    """
    stage = recipe.stages[-1]
    decay = stage.decay if stage.schedule == "inverse_time" else 0.0
    winner = Setting(stage.optimizer, stage.learning_rate, decay, recipe.batch_size, sweep.trial_epochs)
    steps = []
    for name in STEPS:
        candidates = _candidates(name, sweep, winner, stage.epochs)
        decided = all(setting in losses for setting in candidates)
        best = min(candidates, key=losses.__getitem__) if decided else None
        steps.append(Step(name, candidates, best))
        winner = best or candidates[0]
    return steps


def _failed(step: Step, losses: Mapping[Setting, float]) -> bool:
    """Whether even the best of a step that is decided failed."""
    return step.best is not None and math.isinf(losses[step.best])


def _candidates(step: str, sweep: Sweep, winner: Setting, epochs: int) -> tuple[Setting, ...]:
    if step == "optimizer":
        rate = winner.learning_rate / _RATE_FACTORS.get(winner.optimizer, 1)
        settings = [
            dataclasses.replace(winner, optimizer=name, learning_rate=_tidy(rate * _RATE_FACTORS.get(name, 1)))
            for name in sweep.optimizers
        ]
    elif step == "learning rate":
        settings = [winner] + [
            dataclasses.replace(winner, learning_rate=rate, decay=decay)
            for rate in sweep.learning_rates
            for decay in sweep.decays
        ]
    elif step == "batch size":
        settings = [winner] + [dataclasses.replace(winner, batch_size=size) for size in sweep.batch_sizes]
    else:
        settings = [dataclasses.replace(winner, epochs=epochs)]
    return tuple(dict.fromkeys(settings))


def _tidy(rate: float) -> float:
    """Returns the rate without the last digits that a product leaves: 0.003, not 0.0030000000000000005."""
    return float(f"{rate:.12g}")
