"""The history of a run: a row an epoch, in a CSV file; what is best, and whether to stop, follow from it alone."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

from keras_sketch.files import atomic_write

Row = dict[str, float | int | str]


def write_history(path: Path, rows: Sequence[Row]) -> None:
    """Writes the rows as CSV, replacing the file in one step."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with atomic_write(path) as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_history(path: Path) -> list[Row]:
    """Reads the rows back; numbers come as int or float."""
    with path.open(newline="", encoding="utf-8") as file:
        return [{key: _number(value) for key, value in row.items() if value != ""} for row in csv.DictReader(file)]


def monitored_losses(rows: Sequence[Row]) -> list[float]:
    """Returns the epochs' validation losses, their training losses where there is no validation."""
    return [row["val_loss" if "val_loss" in row else "loss"] for row in rows]


def best_epoch(rows: Sequence[Row]) -> int:
    """Returns the place in `rows` of the lowest validation loss, of the last row where there is no validation.

    Rows with other blocks in their column `frozen` than the last one has do not count: blocks that a stage left for a
    later one, such as DELF's attention, were not trained in them.
    """
    if not rows or "val_loss" not in rows[-1]:
        return len(rows) - 1
    places = [place for place, row in enumerate(rows) if row.get("frozen") == rows[-1].get("frozen")]
    losses = [row["val_loss"] for row in rows]
    return min(places, key=lambda place: (math.isnan(losses[place]), losses[place]))


def should_stop(rows: Sequence[Row], patience: int | None) -> bool:
    """Whether the last `patience` epochs brought no better validation loss."""
    return patience is not None and len(rows) - 1 - best_epoch(rows) >= patience


def _number(text: str) -> float | int | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
