"""Training beside test, of several runs: how much of what a network has learnt holds for new images."""

from __future__ import annotations

from collections.abc import Sequence

from keras_sketch.evaluation.comparison import ComparedRun, Table, published_rows
from keras_sketch.evaluation.markdown import percent, points
from keras_sketch.evaluation.training_section import score_of_test
from keras_sketch.recipes.recipe import Published

_KEYS = {"top1": "top-1", "gap": "GAP"}


def training_table(runs: Sequence[ComparedRun]) -> Table | None:
    """Returns top-1 and GAP on training and on test images, published ones beside them; None where none is known.

    GAP is that without distractors.

    Args:
        runs: One row each of those whose training images were scored.
    """
    runs = [run for run in runs if "train" in run.scores]
    if not runs:
        return None
    sources = published_rows(runs)
    told = [key for key in _KEYS if any(f"train.{key}" in row.figures for row in sources)]
    header = ["run"]
    for key, name in _KEYS.items():
        header += [f"{name}, training", "test", "points"]
        header += ["published, training", "test"] if key in told else []
    rows = []
    for run in runs:
        cells = [run.name]
        for key in _KEYS:
            train, (test, _) = run.scores["train"][key], score_of_test(run.scores, key)
            cells += [percent(train), percent(test), points(train - test)]
            if key in told:
                cells += [_published(run.recipe.published, each) for each in (f"train.{key}", key)]
        rows.append(cells)
    return Table("Training and test", header, rows)


def _published(row: Published | None, key: str) -> str:
    return percent(row.figures[key]) if row is not None and key in row.figures else ""
