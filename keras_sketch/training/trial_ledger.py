"""What a search has trained, as the trials' folders say, and what is left."""

from __future__ import annotations

from pathlib import Path

from keras_sketch.recipes import Recipe
from keras_sketch.training.search_plan import SearchPlan, TrialSetting
from keras_sketch.training.trial import Trial, read_trial


class Ledger:
    """The trials of a search, read from the disk, where every process of the search sees the same.

    Args:
        plan: The search.
        recipe: What the values are tried on.
        folder: Where `trials/` is, with a folder a trial, named after its values.
        workers: How many trials run at a time.

    Attributes:
        trials: The finished trials by setting, in the order in which they were found.
    """

    def __init__(self, plan: SearchPlan, recipe: Recipe, folder: Path, workers: int = 1):
        self.plan, self.recipe, self.folder, self.workers = plan, recipe, folder, workers
        self.trials: dict[TrialSetting, Trial] = {}

    def update(self) -> list[Trial]:
        """Reads what has been finished since the last time, and returns it."""
        found = []
        while True:
            read = [read_trial(setting, self.place(setting)) for setting in self.ready]
            new = [trial for trial in read if trial is not None]
            if not new:
                return found
            found += new
            self.trials |= {trial.setting: trial for trial in new}

    @property
    def losses(self) -> dict[TrialSetting, float]:
        """The validation loss of each finished trial; infinite where it failed."""
        return {setting: trial.best["val_loss"] for setting, trial in self.trials.items()}

    @property
    def ready(self) -> list[TrialSetting]:
        """What is known and not finished; none: the search is at its end."""
        return self.plan.ready(self.recipe, self.losses)

    @property
    def laid_out(self) -> dict[TrialSetting, str]:
        """All settings in order, with their steps, as far as they are known."""
        return self.plan.laid_out(self.recipe, self.losses)

    def place(self, setting: TrialSetting) -> Path:
        """Returns the trial's folder."""
        return self.folder / "trials" / setting.name

    def announce(self, setting: TrialSetting) -> str:
        """Returns the line that says which trial this is."""
        settings = self.laid_out
        number, step = list(settings).index(setting) + 1, settings[setting]
        return f"Trial {number} of {len(settings)}{step and f', {step}'}: {setting.describe()}"

    def result(self, trial: Trial, before: bool = False) -> str:
        """Returns the line that says what a trial gave; `before`: it was trained by another call."""
        said = f"Failed: {trial.failure}"
        if not trial.failure:
            took = "" if trial.seconds is None else f", {_duration(trial.seconds)}"
            km = trial.best.get("val_distance_km")
            distance = "" if km is None else f", {km:,.0f} km"
            said = f"Validation loss {trial.best['val_loss']:.4f}, top-1 {trial.best['val_top1']:.2%}{distance}{took}"
        return f"  {said}{'; trained before' if before else self._remaining()}"

    def _remaining(self) -> str:
        known = [trial for trial in self.trials.values() if trial.seconds and trial.rows]
        left = [setting for setting in self.laid_out if setting not in self.trials]
        if not known or not left:
            return ""
        epochs = sum(setting.change(self.recipe).epochs for setting in left)
        each = sum(trial.seconds for trial in known) / sum(len(trial.rows) for trial in known)
        return f"; about {_duration(each * epochs / min(self.workers, len(left)))} left"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"
