"""What every search has: settings to train, in an order that is known, and a rule for which of them is best."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

from keras_sketch.recipes import Recipe

if TYPE_CHECKING:
    from keras_sketch.training.trial import Trial


class TrialSetting:
    """What one trial changes in the recipe: a frozen dataclass of plain values.

    Attributes:
        batch_size: Examples a step.
        epochs: Of the last stage.
    """

    batch_size: int
    epochs: int

    @property
    def name(self) -> str:
        """What the trial's folder is called; no two settings have the same."""
        raise NotImplementedError

    def change(self, recipe: Recipe) -> Recipe:
        """Returns the recipe with these values."""
        raise NotImplementedError

    def describe(self) -> str:
        """Returns the values as one reads them."""
        raise NotImplementedError

    def values(self) -> dict[str, int | float | str]:
        """Returns the values that there are, by name, as the class takes them."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value is not None}


class SearchPlan:
    """What a search tries: a frozen dataclass of the values that it was asked for.

    Attributes:
        NAME: What `tune --search` calls it.
        OBJECTIVE: By which of a trial's figures KerasTuner ranks it, and whether `"min"` or `"max"` is best.
        SETTING: The class of its settings.
    """

    NAME: str
    OBJECTIVE: tuple[str, str]
    SETTING: type[TrialSetting]

    @classmethod
    def from_dict(cls, values: Mapping) -> Self:
        """Builds the plan that `dataclasses.asdict` described, also after JSON, which has no tuples."""
        return cls(**{name: tuple(each) if isinstance(each, list) else each for name, each in values.items()})

    def fitted(self, examples: int) -> Self:
        """Returns the plan without batches that are larger than the training split."""
        raise NotImplementedError

    def describe(self, recipe: Recipe) -> list[str]:
        """Returns lines that say what is tried."""
        raise NotImplementedError

    def laid_out(self, recipe: Recipe, losses: Mapping[TrialSetting, float]) -> dict[TrialSetting, str]:
        """Returns all settings in order, each with the name of its step; what is not decided yet is guessed.

        Args:
            recipe: What the values are tried on.
            losses: Validation loss of what was trained; infinite where training failed.
        """
        raise NotImplementedError

    def ready(self, recipe: Recipe, losses: Mapping[TrialSetting, float]) -> list[TrialSetting]:
        """Returns the settings that are known and not trained yet; none: the search is at its end."""
        raise NotImplementedError

    def best(self, recipe: Recipe, trials: Mapping[TrialSetting, Trial]) -> TrialSetting:
        """Returns the setting that was found.

        Raises:
            TrainingError: Too much failed for there to be one.
        """
        raise NotImplementedError

    def tuned(self, recipe: Recipe, trial: Trial) -> Recipe:
        """Returns the recipe with the values of the best trial."""
        raise NotImplementedError
