"""What the outcomes of all searches have: the table of trials, the recipe, the report, and the last lines printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from keras_sketch.recipes import write_recipe
from keras_sketch.training.search_plan import TrialSetting
from keras_sketch.training.trial import Trial
from keras_sketch.training.trial_ledger import Ledger

if TYPE_CHECKING:
    from keras_sketch.training.tuning import Outcome


def trial_rows(trials: Mapping[TrialSetting, Trial], steps: Mapping[TrialSetting, str]) -> list[dict]:
    """Returns a row a trial, all with the same keys: number, step, values, figures; None: not known.

    Args:
        trials: In the order of the plan.
        steps: The name of each one's step; where it is empty, there is no column for it.
    """
    distance = any("val_distance_km" in trial.best for trial in trials.values())
    rows = []
    for number, (setting, trial) in enumerate(trials.items(), start=1):
        best = trial.best
        row = {"trial": number} | ({"step": steps[setting]} if steps[setting] else {}) | setting.values()
        row |= {"best_epoch": best.get("epoch"), "val_loss": best["val_loss"], "val_top1": best["val_top1"]}
        if distance:
            row["val_distance_km"] = best.get("val_distance_km")
        rows.append(row | {"seconds": trial.seconds and round(trial.seconds, 1), "failure": trial.failure})
    return rows


def write_report(
    outcome: Outcome, ledger: Ledger, command: str, kind: str, best: Mapping[str, object], notes: Sequence[str]
) -> None:
    """Writes `best_recipe.json`, `tuning.csv`, `curves.png` and `report.md`, in this order, and prints the best values.

    Args:
        outcome: What was found.
        ledger: Of the search, which is at its end.
        command: What trains with the best values.
        kind: The first word of the title.
        best: The best values, by their names.
        notes: Sentences that help to read the figures.
    """
    from keras_sketch.evaluation.curves import draw_curves
    from keras_sketch.evaluation.sweep_report import write_sweep_report, write_trials

    recipe, path, winner = ledger.recipe, ledger.folder, outcome.trials[outcome.best]
    rows = trial_rows(outcome.trials, ledger.laid_out)
    write_recipe(outcome.recipe, path / "best_recipe.json")
    write_trials(path / "tuning.csv", rows)
    draw_curves(path / "curves.png", winner.rows, best_epoch=winner.best["epoch"])
    best = {
        **best,
        "validation loss": f"{winner.best['val_loss']:.4f}",
        "validation top-1": f"{100 * winner.best['val_top1']:.2f} %",
    }
    if "val_distance_km" in winner.best:
        best["validation distance"] = f"{winner.best['val_distance_km']:,.0f} km"
    title = f"{kind} of {recipe.name}: {recipe.model} on {recipe.dataset}"
    write_sweep_report(path, title=title, best=best, trials=rows, command=command, notes=notes)
    print(f"Best: {', '.join(f'{name} {value}' for name, value in best.items())}")
    print(f"Train with them: {command}\nReport: {path / 'report.md'}")
