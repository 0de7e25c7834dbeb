"""What a sweep found, as files: `best_recipe.json`, `tuning.csv`, pictures, `report.md`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from keras_sketch.recipes import Recipe, write_recipe

if TYPE_CHECKING:
    from keras_sketch.training.sweep import Setting
    from keras_sketch.training.tuning import Outcome


def write_outcome(outcome: Outcome, recipe: Recipe, path: Path, command: str) -> None:
    """Writes what a sweep found, `report.md` last, and prints the best values.

    Args:
        outcome: From `search`.
        recipe: What the sweep started from.
        path: The sweep's folder.
        command: What trains with the best values.
    """
    from keras_sketch.evaluation.curves import draw_curves
    from keras_sketch.evaluation.sweep_pictures import draw_learning_rates, draw_optimizers
    from keras_sketch.evaluation.sweep_report import write_sweep_report, write_trials

    first, rates, _, last = outcome.steps
    trials, winner = outcome.trials, outcome.trials[last.best]
    rows = [_row(number, outcome, setting) for number, setting in enumerate(trials, start=1)]
    write_recipe(outcome.recipe, path / "best_recipe.json")
    write_trials(path / "tuning.csv", rows)
    draw_optimizers(
        path / "optimizers.png",
        {f"{each.optimizer}, rate {each.learning_rate:g}": trials[each].rows for each in first.candidates},
    )
    draw_learning_rates(
        path / "learning_rates.png",
        {(each.learning_rate, each.decay): trials[each].best["val_loss"] for each in rates.candidates},
        (rates.best.learning_rate, rates.best.decay),
    )
    draw_curves(path / "curves.png", winner.rows, best_epoch=winner.best["epoch"])
    stage = outcome.recipe.stages[-1]
    best = {
        "optimizer": stage.optimizer,
        "learning rate": f"{stage.learning_rate:g}",
        "decay": f"{stage.decay:g}",
        "batch size": outcome.recipe.batch_size,
        "epochs": stage.epochs,
        "validation loss": f"{winner.best['val_loss']:.4f}",
        "validation top-1": f"{100 * winner.best['val_top1']:.2f} %",
    }
    write_sweep_report(
        path,
        title=f"Sweep of {recipe.name}: {recipe.model} on {recipe.dataset}",
        best=best,
        trials=rows,
        command=command,
        notes=_notes(outcome, recipe),
    )
    print(f"Best: {', '.join(f'{name} {value}' for name, value in best.items())}")
    print(f"Train with them: {command}\nReport: {path / 'report.md'}")


def _row(number: int, outcome: Outcome, setting: Setting) -> dict:
    trial = outcome.trials[setting]
    step = next(step.name for step in outcome.steps if setting in step.candidates)
    figures = {"best_epoch": trial.best.get("epoch"), "val_loss": trial.best["val_loss"]}
    return {
        "trial": number,
        "step": step,
        **dataclasses.asdict(setting),
        **figures,
        "val_top1": trial.best["val_top1"],
        "seconds": trial.seconds and round(trial.seconds, 1),
        "failure": trial.failure,
    }


def _notes(outcome: Outcome, recipe: Recipe) -> list[str]:
    tried = sorted({setting.learning_rate for setting in outcome.steps[1].candidates})
    best, last = outcome.steps[1].best.learning_rate, outcome.trials[outcome.steps[-1].best]
    notes = [
        f"Each setting was trained once, with seed {recipe.seed}: differences as small as those between two seeds say "
        "nothing. A sweep chooses by the validation split, so the figures here are optimistic; the test split was not "
        "touched."
    ]
    if len(tried) > 1 and best in (tried[0], tried[-1]):
        which = "smallest" if best == tried[0] else "largest"
        notes.append(f"The best learning rate is the {which} that was tried: look further with --learning-rates.")
    if last.best is last.rows[-1]:
        notes.append("The validation loss was lowest in the last epoch: more --epochs may lower it further.")
    return notes
