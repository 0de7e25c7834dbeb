"""How far off several runs are, where their classes are countries."""

from __future__ import annotations

from collections.abc import Sequence

from keras_sketch.evaluation.comparison import ComparedRun, Table, lettered_test_sets
from keras_sketch.evaluation.geography_section import BETWEEN, DISTANCE_NAMES, distance_range, distance_text


def distance_table(runs: Sequence[ComparedRun]) -> Table | None:
    """Returns the distance scores with their intervals; None where no run has them."""
    letters = lettered_test_sets(runs)
    several, rows = len(set(letters)) > 1, []
    for run, letter in zip(runs, letters, strict=True):
        if "mean_km" not in run.scores:
            continue
        cells = [
            f"{distance_text(key, run.scores[key])} ({distance_range(key, run.scores['intervals'][key])})"
            for key in DISTANCE_NAMES
        ]
        rows.append([run.name, *([letter] if several else []), *cells])
    header = ["run", *(["test set"] if several else []), *DISTANCE_NAMES.values()]
    title = "Distances between the true and the answered country"
    return Table(title, header, rows, numbers_from=2 if several else 1) if rows else None


def distance_notes(runs: Sequence[ComparedRun]) -> list[str]:
    """Returns what the distances are, where a run has them."""
    return [BETWEEN] if any("mean_km" in run.scores for run in runs) else []
