"""Values drawn at random: each draw from the seed and its own number alone."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import numpy as np

from keras_sketch.errors import InvalidArgumentError, TrainingError
from keras_sketch.recipes import Recipe
from keras_sketch.training.search_plan import SearchPlan, TrialSetting
from keras_sketch.training.trial import Trial


@dataclasses.dataclass(frozen=True)
class Range:
    """All numbers from `low` to `high`, both included."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:g}..{self.high:g}"


Values = tuple[float, ...] | Range


@dataclasses.dataclass(frozen=True)
class Draw(TrialSetting):
    """The values of one trial; `alpha` is None where the recipe's loss has none, or another value is asked for."""

    batch_size: int
    learning_rate: float
    weight_decay: float
    epochs: int
    alpha: float | None = None

    @property
    def name(self) -> str:
        """What the trial's folder is called; no two draws have the same."""
        alpha = "" if self.alpha is None else f"-alpha{self.alpha}"
        rates = f"rate{self.learning_rate}-decay{self.weight_decay}"
        return f"batch{self.batch_size}-{rates}{alpha}-epochs{self.epochs}"

    def change(self, recipe: Recipe) -> Recipe:
        """Returns the recipe with these values.

        The rates of the stages before the last change by the same factor as its own. The weight decay is that of every
        stage: what a step takes off a weight is its multiple of the stage's rate already.
        """
        alpha = {} if self.alpha is None else {"alpha": self.alpha}
        changed = recipe.with_changes(
            epochs=self.epochs, learning_rate=self.learning_rate, batch_size=self.batch_size, **alpha
        )
        decayed = (dataclasses.replace(stage, weight_decay=self.weight_decay) for stage in changed.stages)
        return dataclasses.replace(changed, stages=tuple(decayed))

    def describe(self) -> str:
        """Returns the values as one reads them."""
        alpha = "" if self.alpha is None else f", alpha {self.alpha:g}"
        return (
            f"batch {self.batch_size}, learning rate {self.learning_rate:g}{alpha}, "
            f"weight decay {self.weight_decay:g}, {self.epochs} epoch{'s' if self.epochs > 1 else ''}"
        )


@dataclasses.dataclass(frozen=True)
class RandomSearch(SearchPlan):
    """What is drawn from: a list, all of whose values are equally likely, or a range.

    The kinds of draws, the lengths of the two lists, 30 draws and ten epochs are those of a published search: it drew
    batch size and alpha uniformly, the rate from 7 values, the decay from 6, and found batch 180, rate 1e-3, alpha 2.5,
    decay 1e-4. The values are ours, around these.

    Attributes:
        draws: How many.
        batch_sizes: Examples a step; a range is uniform over its whole numbers.
        learning_rates: Of the last stage; a range is uniform in the logarithm.
        alphas: Of the loss `"haversine"`; a range is uniform. Empty: the recipe's own.
        weight_decays: Decoupled, of every stage; a range is uniform in the logarithm.
        trial_epochs: Epochs of the last stage in a trial.
    """

    draws: int = 30
    batch_sizes: Values = Range(16, 256)
    learning_rates: Values = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
    alphas: Values = Range(0.0, 5.0)
    weight_decays: Values = (0.0, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
    trial_epochs: int = 10

    NAME, OBJECTIVE, SETTING = "random", ("val_top1", "max"), Draw

    @classmethod
    def from_dict(cls, values: Mapping) -> RandomSearch:
        """Builds the search that `dataclasses.asdict` described, also after JSON."""
        ranges = {name: Range(**each) for name, each in values.items() if isinstance(each, dict)}
        return super().from_dict({**values, **ranges})

    def fitted(self, examples: int) -> RandomSearch:
        """Returns the search without batches that are larger than the training split.

        Raises:
            InvalidArgumentError: All of a list are.
        """
        sizes = self.batch_sizes
        if isinstance(sizes, Range):
            fitting = Range(min(sizes.low, examples), min(sizes.high, examples))
        else:
            fitting = tuple(size for size in sizes if size <= examples)
        if not fitting:
            allowed = f"at most {examples}, as many as there are training examples, for one of them at least"
            raise InvalidArgumentError("batch_sizes", allowed, sizes)
        return dataclasses.replace(self, batch_sizes=fitting)

    def describe(self, recipe: Recipe) -> list[str]:
        """Returns lines that say what is drawn."""
        alphas = f"; alphas {_text(self.alphas)}" if self.alphas else ""
        return [
            f"Random search: {self.draws} draws; batch sizes {_text(self.batch_sizes)}; learning rates "
            f"{_text(self.learning_rates)}{alphas}; weight decays {_text(self.weight_decays)}",
            f"Epochs: {self.trial_epochs} a trial; seed {recipe.seed}",
        ]

    def draw(self, seed: int, number: int) -> Draw:
        """Returns draw `number`, from 0; however many there are, and whatever else is drawn, it is the same."""
        batch, rate, alpha, decay = np.random.default_rng((seed, number)).random(4)
        return Draw(
            batch_size=_whole(self.batch_sizes, batch),
            learning_rate=_pick(self.learning_rates, rate, logarithmic=True),
            weight_decay=_pick(self.weight_decays, decay, logarithmic=True),
            epochs=self.trial_epochs,
            alpha=_pick(self.alphas, alpha) if self.alphas else None,
        )

    def laid_out(self, recipe: Recipe, losses: Mapping[Draw, float]) -> dict[Draw, str]:
        """Returns the draws; two that are equal are one."""
        return {self.draw(recipe.seed, number): "" for number in range(self.draws)}

    def ready(self, recipe: Recipe, losses: Mapping[Draw, float]) -> list[Draw]:
        """Returns the draws that are not trained yet."""
        return [draw for draw in self.laid_out(recipe, losses) if draw not in losses]

    def best(self, recipe: Recipe, trials: Mapping[Draw, Trial]) -> Draw:
        """Returns the draw with the highest validation top-1; of several, the one with the smallest distance or loss.

        Losses with different alphas cannot be compared: alpha 0 has the lowest.
        """
        finished = {draw: trial for draw, trial in trials.items() if not trial.failure}
        if not finished:
            why = next(iter(trials.values())).failure
            raise TrainingError(f"Every trial failed ({why}). Give other values and another --output-dir.")
        return min(finished, key=lambda draw: _rank(finished[draw]))

    def tuned(self, recipe: Recipe, trial: Trial) -> Recipe:
        """Returns the recipe with the trial's values, and its own epochs."""
        draw = dataclasses.replace(trial.setting, epochs=recipe.stages[-1].epochs)
        return draw.change(recipe).with_changes(
            name=f"{recipe.name}-tuned", summary=f"{recipe.name}, with the values that a random search found."
        )


def check_values(name: str, values: Values, least: float, kind: str = "numbers") -> None:
    """Raises InvalidArgumentError for a value below `least`, one that is not finite, or a range that is none."""
    numbers = (values.low, values.high) if isinstance(values, Range) else values
    received = str(values) if isinstance(values, Range) else values
    if not all(math.isfinite(number) and number >= least for number in numbers):
        raise InvalidArgumentError(name, f"{kind} of at least {least:g}", received)
    if isinstance(values, Range) and values.low > values.high:
        raise InvalidArgumentError(name, "a range from the lower to the higher number", received)


def _rank(trial: Trial) -> tuple[float, float]:
    best = trial.best
    return -best["val_top1"], best.get("val_distance_km", best["val_loss"])


def _text(values: Values) -> str:
    return str(values) if isinstance(values, Range) else ", ".join(f"{value:g}" for value in values)


def _whole(values: Values, share: float) -> int:
    if isinstance(values, Range):
        low, high = int(values.low), int(values.high)
        return min(high, low + int(share * (high - low + 1)))
    return int(values[int(share * len(values))])


def _pick(values: Values, share: float, logarithmic: bool = False) -> float:
    """Returns the value at a share in 0..1 of all, one from a range with three digits."""
    if not isinstance(values, Range):
        return float(values[int(share * len(values))])
    low, high = values.low, values.high
    drawn = low * (high / low) ** share if logarithmic else low + (high - low) * share
    return float(min(high, max(low, float(f"{drawn:.3g}"))))
