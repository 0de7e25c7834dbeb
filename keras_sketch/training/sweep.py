"""Which values a sweep tries, and in which order."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from keras_sketch.recipes import Recipe

STEPS = ("optimizer", "learning rate", "batch size", "epochs")
# Keras' own default rates are 1e-3, 1e-3, 1e-3 and 1e-2: at one rate for all, SGD would hardly move.
_RATE_FACTORS = {"adam": 1, "adamw": 1, "rmsprop": 1, "sgd": 10}


@dataclasses.dataclass(frozen=True)
class Sweep:
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


@dataclasses.dataclass(frozen=True)
class Setting:
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
