"""What a sweep found, as files: `best_recipe.json`, `tuning.csv`, pictures, `report.md`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keras_sketch.recipes import Recipe
from keras_sketch.training.sweep import Step, plan
from keras_sketch.training.trial_ledger import Ledger
from keras_sketch.workflows.search_outcome import write_report

if TYPE_CHECKING:
    from keras_sketch.training.tuning import Outcome


def write_sweep_outcome(outcome: Outcome, ledger: Ledger, command: str) -> None:
    """Writes what a sweep found, `report.md` last, and prints the best values.

    Args:
        outcome: What was found.
        ledger: Of the sweep, which is at its end.
        command: What trains with the best values.
    """
    from keras_sketch.evaluation.sweep_pictures import draw_learning_rates, draw_optimizers

    path, trials = ledger.folder, outcome.trials
    steps = plan(ledger.plan, ledger.recipe, ledger.losses)
    first, rates, *_ = steps
    draw_optimizers(
        path / "optimizers.png",
        {f"{each.optimizer}, rate {each.learning_rate:g}": trials[each].rows for each in first.candidates},
    )
    draw_learning_rates(
        path / "learning_rates.png",
        {(each.learning_rate, each.decay): trials[each].best["val_loss"] for each in rates.candidates},
        (rates.best.learning_rate, rates.best.decay),
    )
    stage = outcome.recipe.stages[-1]
    best = {
        "optimizer": stage.optimizer,
        "learning rate": f"{stage.learning_rate:g}",
        "decay": f"{stage.decay:g}",
        "batch size": outcome.recipe.batch_size,
        "epochs": stage.epochs,
    }
    write_report(outcome, ledger, command, "Sweep", best, _notes(outcome, steps, ledger.recipe))


def _notes(outcome: Outcome, steps: list[Step], recipe: Recipe) -> list[str]:
    tried = sorted({setting.learning_rate for setting in steps[1].candidates})
    best, last = steps[1].best.learning_rate, outcome.trials[outcome.best]
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
