"""What a random search found, as files: `best_recipe.json`, `tuning.csv`, pictures, `report.md`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from keras_sketch.training.random_search import Draw, RandomSearch, Range, Values
from keras_sketch.training.trial_ledger import Ledger
from keras_sketch.workflows.search_outcome import write_report

if TYPE_CHECKING:
    from keras_sketch.training.tuning import Outcome

_NAMES = {
    "batch_size": "batch size", "learning_rate": "learning rate", "alpha": "alpha", "weight_decay": "weight decay"
}  # fmt: skip
_LOGARITHMIC = ("learning rate", "weight decay")
_SCORE = "validation top-1 (%)"


def write_random_outcome(outcome: Outcome, ledger: Ledger, command: str) -> None:
    """Writes what a random search found, `report.md` last, and prints the best values.

    Args:
        outcome: What was found.
        ledger: Of the search, which is at its end.
        command: What trains with the best values.
    """
    from keras_sketch.evaluation.marginals import chance_correlation, draw_marginals
    from keras_sketch.evaluation.parallel_coordinates import draw_parallel_coordinates
    from keras_sketch.evaluation.search_trials import SearchTrials
    from keras_sketch.evaluation.value_axis import ValueAxis

    draws, best = list(outcome.trials), outcome.best
    names = {field: name for field, name in _NAMES.items() if getattr(best, field) is not None}
    axes = {
        name: ValueAxis([getattr(draw, field) for draw in draws], name in _LOGARITHMIC, _listed(ledger.plan, field))
        for field, name in names.items()
    }
    scores = np.array([100 * trial.best["val_top1"] for trial in outcome.trials.values()])
    trials = SearchTrials(axes, scores, _SCORE, draws.index(best))
    draw_parallel_coordinates(ledger.folder / "parallel.png", trials)
    draw_marginals(ledger.folder / "marginals.png", trials)
    found = {name: f"{getattr(best, field):g}" for field, name in names.items()}
    found |= {"epochs in a trial": best.epochs, "epochs": outcome.recipe.stages[-1].epochs}
    chance = chance_correlation(int(trials.finite.sum()))
    write_report(outcome, ledger, command, "Random search", found, _notes(outcome, ledger, chance))


def _notes(outcome: Outcome, ledger: Ledger, chance: float) -> list[str]:
    plan, draws = ledger.plan, len(outcome.trials)
    notes = [
        f"{plan.draws} draws, each from seed {ledger.recipe.seed} and its own number, trained once, for "
        f"{plan.trial_epochs} epoch{'s' if plan.trial_epochs > 1 else ''} of the last stage, and compared by top-1 in "
        "the epoch with the lowest validation loss. The best of several is chosen by the validation split, so its "
        "figures are optimistic; the test split was not touched.",
        f"ρ is Spearman's rank correlation of a value with top-1. Of unrelated values it stays between −{chance:.2f} "
        f"and {chance:.2f} in 19 of 20 searches of this size.",
    ]
    best_stage, last_stage = outcome.trials[outcome.best].best["stage"], ledger.recipe.stages[-1].name
    if best_stage != last_stage:
        notes.append(
            f"The best epoch is one of the stage {best_stage}: {last_stage}, whose values were drawn, did not lower "
            "the validation loss. Give it more epochs (--trial-epochs) before trusting them."
        )
    if draws < plan.draws:
        notes.append(f"{plan.draws - draws} draws repeated another one, and were not trained again.")
    for field, option in _options(plan).items():
        side = _edge(plan, outcome.best, field, option)
        if side:
            notes.append(f"The best {_NAMES[field]} is the {side} that could be drawn: look further with --{option}.")
    return notes


def _listed(plan: RandomSearch, field: str) -> bool:
    return not isinstance(getattr(plan, f"{field}s"), Range)


def _options(plan: RandomSearch) -> dict[str, str]:
    fields = {field: f"{field}s" for field in _NAMES}
    return {field: option.replace("_", "-") for field, option in fields.items() if getattr(plan, option)}


def _edge(plan: RandomSearch, best: Draw, field: str, option: str) -> str:
    """Returns `"smallest"` or `"largest"` where the best value is at the end of a list; of a range, in its last 5 %."""
    values: Values = getattr(plan, option.replace("-", "_"))
    value = getattr(best, field)
    low, high = (values.low, values.high) if isinstance(values, Range) else (min(values), max(values))
    room, can_fall = 0.0, low > 0
    if isinstance(values, Range):
        if _NAMES[field] in _LOGARITHMIC:
            low, high, value = math.log(low), math.log(high), math.log(value)
        room = 0.05 * (high - low)
    if low == high:
        return ""
    return "smallest" if value <= low + room and can_fall else "largest" if value >= high - room else ""
