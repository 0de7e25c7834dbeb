"""What a search leaves to read: `tuning.csv`, a row a trial, and `report.md`."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from keras_sketch.evaluation.markdown import code, escape, percent, table
from keras_sketch.files import atomic_write

_TITLES = {
    "learning_rate": "learning rate", "weight_decay": "weight decay", "batch_size": "batch", "best_epoch": "best epoch",
    "val_loss": "validation loss", "val_top1": "top-1", "val_distance_km": "distance (km)",
}  # fmt: skip
_WORDS = ("step", "optimizer", "failure")
_PICTURES = {
    "parallel.png": "All trials",
    "marginals.png": "What each value did",
    "optimizers.png": "Learning curves of the optimizers",
    "learning_rates.png": "Validation loss by learning rate and decay",
    "curves.png": "The trial with the best values",
}


def write_trials(path: str | os.PathLike, trials: Sequence[Mapping]) -> None:
    """Writes a row a trial; what is None or not finite is empty.

    Args:
        path: The CSV; replaced in one step.
        trials: At least one, with the same keys in the same order, among them `trial`, the number, `val_loss`,
            `val_top1` (0 to 1), `seconds` and `failure`, which is empty where there was none.

    Raises:
        OSError: The file cannot be written.
    """
    with atomic_write(path) as file:
        writer = csv.DictWriter(file, list(trials[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: "" if _unknown(each) else each for key, each in row.items()} for row in trials)


def write_sweep_report(
    folder: str | os.PathLike,
    *,
    title: str,
    best: Mapping[str, object],
    trials: Sequence[Mapping],
    command: str,
    notes: Sequence[str],
) -> None:
    """Writes `report.md` into a search's folder; shows the pictures that are in it.

    Args:
        folder: The search's folder; must exist.
        title: The heading.
        best: The values that were found, by their names.
        trials: As for `write_trials`.
        command: What trains with the best values.
        notes: Sentences that help to read the figures.

    Raises:
        OSError: The file cannot be written.
    """
    folder = Path(folder)
    parts = [
        f"# {escape(title)}",
        table(["setting", "best value"], [[escape(name), escape(value)] for name, value in best.items()]),
        f"This trains with them:\n\n```sh\n{command}\n```",
        *(escape(note) for note in notes),
        *(f"## {text}\n\n![{text}]({name})" for name, text in _PICTURES.items() if (folder / name).is_file()),
        "## Trials",
        _trials(trials),
        "Loss and top-1 are those of the epoch with the lowest validation loss. All of them: [tuning.csv](tuning.csv).",
    ]
    with atomic_write(folder / "report.md") as file:
        file.write("\n\n".join(parts) + "\n")


def _trials(trials: Sequence[Mapping]) -> str:
    columns = [name for name in trials[0] if name != "failure"]
    words = sum(name in _WORDS for name in columns)
    rows = [[_cell(name, row) for name in columns] for row in trials]
    return table([_TITLES.get(name, name) for name in columns], rows, numbers_from=1 + words)


def _cell(name: str, row: Mapping) -> str:
    value = row[name]
    if name == "val_loss" and row["failure"]:
        return escape(row["failure"])
    if _unknown(value):
        return ""
    if name == "optimizer":
        return code(value)
    forms = {"val_loss": ".4f", "seconds": ".1f", "val_distance_km": ",.0f"}
    if name == "val_top1":
        return percent(value)
    return format(value, forms.get(name, "g")) if isinstance(value, float) else str(value)


def _unknown(value: object) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))
