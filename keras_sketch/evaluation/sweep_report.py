"""What a sweep leaves to read: `tuning.csv`, a row a trial, and `report.md`."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from keras_sketch.evaluation.markdown import code, escape, percent, table
from keras_sketch.files import atomic_write

COLUMNS = (
    "trial", "step", "optimizer", "learning_rate", "decay", "batch_size", "epochs", "best_epoch", "val_loss",
    "val_top1", "seconds", "failure",
)  # fmt: skip
_PICTURES = {
    "optimizers.png": "Learning curves of the optimizers",
    "learning_rates.png": "Validation loss by learning rate and decay",
    "curves.png": "The longest trial with the best values",
}


def write_trials(path: str | os.PathLike, trials: Sequence[Mapping]) -> None:
    """Writes a row a trial, in the order of training, with the columns `COLUMNS`; what is None or not finite is empty.

    Raises:
        OSError: The file cannot be written.
    """
    with atomic_write(path) as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: "" if _unknown(row[key]) else row[key] for key in COLUMNS} for row in trials)


def write_sweep_report(
    folder: str | os.PathLike,
    *,
    title: str,
    best: Mapping[str, object],
    trials: Sequence[Mapping],
    command: str,
    notes: Sequence[str],
) -> None:
    """Writes `report.md` into a sweep's folder; shows the pictures that are in it.

    Args:
        folder: The sweep's folder; must exist.
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
    header = ["trial", "step", "optimizer", "learning rate", "decay", "batch", "epochs", "best epoch",
              "validation loss", "top-1", "seconds"]  # fmt: skip
    rows = []
    for row in trials:
        setting = [f"{row['learning_rate']:g}", f"{row['decay']:g}", str(row["batch_size"]), str(row["epochs"])]
        if row["failure"]:
            figures = ["", escape(row["failure"]), ""]
        else:
            figures = [str(row["best_epoch"]), f"{row['val_loss']:.4f}", percent(row["val_top1"])]
        took = "" if row["seconds"] is None else f"{row['seconds']:.1f}"
        rows.append([str(row["trial"]), row["step"], code(row["optimizer"]), *setting, *figures, took])
    return table(header, rows, numbers_from=3)


def _unknown(value: object) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))
