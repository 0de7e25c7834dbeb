"""The report's part about the stages of the training: how good the network was at the end of each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from keras_sketch.evaluation.curves import best_row, column, epoch_numbers, stage_rows
from keras_sketch.evaluation.markdown import escape, percent, table
from keras_sketch.recipes.recipe import Published


def stage_section(history: Sequence[Mapping], published: Sequence[Published] = ()) -> str:
    """Returns the part "Accuracy per stage"; nothing for one stage, or without validation.

    Args:
        history: The rows of `history.csv`.
        published: Figures of others; those named `STAGE.top1` stand beside the stage of that name, but `train.top1`,
            which is of training images.
    """
    stages = stage_rows(history)
    if len(stages) < 2 or best_row(history) is None:
        return ""
    epochs = epoch_numbers(history)
    sources = [
        (number, row)
        for number, row in enumerate(published, 1)
        if any(f"{name}.top1" in row.figures for name, *_ in stages if name != "train")
    ]
    has_km = not all(map(math.isnan, column(history, "val_distance_km")))
    header = ["stage", "epochs", "best epoch", "validation loss", "validation top-1", *(["mean km"] if has_km else [])]
    rows = []
    for name, first, last in stages:
        best = best_row(history[first : last + 1])
        place = last if best is None else first + best
        row, key = history[place], f"{name}.top1"
        told = [each.figures.get(key) if name != "train" else None for _, each in sources]
        theirs = ["" if share is None else percent(share) for share in told]
        rows.append(
            [
                escape(name),
                f"{epochs[first]} to {epochs[last]}" if last > first else f"{epochs[first]}",
                f"{epochs[place]}",
                _number(row, "val_loss", "{:.4f}"),
                _number(row, "val_top1", "{:.2%}").replace("%", " %"),
                *([_number(row, "val_distance_km", "{:,.0f}")] if has_km else []),
                *theirs,
            ]
        )
    header += [f"top-1, published [{number}]" for number, _ in sources]
    kept = epochs[best_row(history)]
    lines = [
        "## Accuracy per stage",
        table(header, rows),
        "Figures of the validation split at the stage's epoch with the lowest validation loss. The scores above are of "
        f"the test split, by the weights of epoch {kept}.",
    ]
    return "\n\n".join(lines)


def _number(row: Mapping, key: str, form: str) -> str:
    value = column([row], key)[0]
    return "" if math.isnan(value) else form.format(value)
