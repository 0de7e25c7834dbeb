"""The report over several runs: `report.md` and its pictures."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from keras_sketch.evaluation.comparison import (
    ComparedRun,
    Table,
    lettered_test_sets,
    model_table,
    paired_table,
    published_rows,
    score_table,
    vote_table,
)
from keras_sketch.evaluation.comparison_pictures import draw_confusions, draw_curves_together, draw_scores
from keras_sketch.evaluation.confusion import confusion_counts
from keras_sketch.evaluation.distance_comparison import distance_notes, distance_table
from keras_sketch.evaluation.leak_comparison import leak_notes, leak_table
from keras_sketch.evaluation.markdown import escape
from keras_sketch.evaluation.score_section import not_like_for_like
from keras_sketch.evaluation.training_comparison import training_table
from keras_sketch.files import atomic_write
from keras_sketch.recipes.recipe import Published

_INTERVALS = (
    "95 % intervals: Wilson's for top-1 and top-5, bootstrap for the averages, Agresti and Min's for paired "
    "differences. They say what the choice of test examples leaves to chance, not what another training run would give."
)
_GROUPS = (
    "Where test examples come in groups that resemble each other, the scores' intervals allow for it and those of "
    "paired differences do not"
)
_DIFFERENCES = "Beside a published figure stands the difference in percentage points, ours minus theirs."
_DISTRACTORS = (
    "GAP ranks the answers by confidence. Where a run was tested with distractors, images of none of the classes, they "
    "stand in its ranking; beside training it is without them."
)
_LINKED = ("report.md", "confusion.png", "curves.png", "gradcam.png")


def write_comparison(folder: str | os.PathLike, runs: Sequence[ComparedRun]) -> str:
    """Writes the report over several runs: tables, notes, pictures.

    Args:
        folder: An existing folder; `report.md` and the pictures in it are replaced.
        runs: At least one; no two with one name.

    Returns:
        The tables and notes as plain text, for a terminal.

    Raises:
        InvalidArgumentError: A published figure is not a share in 0..1.
        OSError: A file cannot be written.
    """
    folder, sources = Path(folder), published_rows(runs)
    tables = [
        model_table(runs),
        _accuracy(runs, sources),
        score_table(
            "Table 3. Precision, recall and F1, averages over the classes", ("precision", "recall", "f1"), runs
        ),
        training_table(runs),
        distance_table(runs),
        leak_table(runs),
        paired_table(runs),
        vote_table(runs),
    ]
    tables = [each for each in tables if each is not None]
    said = notes(runs, sources)
    _draw(folder, runs)
    copied, augmentations = _augmentations(folder, runs)
    parts = [
        f"# {_title(runs)}",
        *(each.markdown() for each in tables),
        *map(escape, said),
        picture("Precision, recall and F1", "scores.png"),
        picture("Learning curves", "curves.png"),
        picture("Confusion", "confusions.png"),
        *augmentations,
        links(folder, runs),
    ]
    with atomic_write(folder / "report.md") as stream:
        stream.write("\n\n".join(part for part in parts if part) + "\n")
    for old in folder.glob("augmentation-*.png"):
        if old.name not in copied:
            old.unlink()
    return "\n\n".join([*(each.plain() for each in tables), *said])


def _accuracy(runs: Sequence[ComparedRun], sources: Sequence[Published]) -> Table:
    """Returns Table 2, with GAP where somebody published it, or where there are distractors."""
    asked = any("gap" in row.figures for row in sources) or any("num_distractors" in run.scores for run in runs)
    if asked and all("gap" in run.scores for run in runs):
        return score_table("Table 2. Top-1, top-5 and GAP", ("top1", "top5", "gap"), runs)
    return score_table("Table 2. Top-1 and top-5", ("top1", "top5"), runs)


def _title(runs: Sequence[ComparedRun]) -> str:
    return f"{len(runs)} runs" if len(runs) > 1 else f"The run {escape(runs[0].name)}"


def notes(runs: Sequence[ComparedRun], sources: Sequence[Published]) -> list[str]:
    """Returns what to know about the tables: sources, what cannot be compared, intervals."""
    said = []
    for number, row in enumerate(sources, start=1):
        said.append(f"[{number}] {row.source}." + (f" {not_like_for_like(row)}" if row.note else ""))
    letters = lettered_test_sets(runs)
    if len(set(letters)) > 1:
        members = {
            letter: [run.name for run, own in zip(runs, letters, strict=True) if own == letter] for letter in letters
        }
        listed = "; ".join(f"{letter}: {', '.join(names)}" for letter, names in members.items())
        said.append(f"Not comparable: these runs were tested on different examples ({listed}).")
    old = [run.name for run in runs if "parameters" not in run.scores]
    if old:
        said.append(f"The number of parameters was not stored in {', '.join(old)}: keras-sketch evaluate adds it.")
    grouped = [run.name for run in runs if _in_groups(run.scores)]
    allowed = [f"{_GROUPS} ({', '.join(grouped)})."] if grouped else []
    if any("num_distractors" in run.scores for run in runs):
        said.append(_DISTRACTORS)
    about_figures = [_INTERVALS, *allowed, *([_DIFFERENCES] if sources else [])]
    return [*leak_notes(runs), *said, *distance_notes(runs), *about_figures]


def _in_groups(scores: Mapping) -> bool:
    return scores.get("num_groups", scores["num_examples"]) < scores["num_examples"]


def _draw(folder: Path, runs: Sequence[ComparedRun]) -> None:
    draw_scores(
        folder / "scores.png",
        {run.name: run.scores for run in runs},
        {run.name: run.recipe.published.figures for run in runs if run.recipe.published},
    )
    draw_curves_together(folder / "curves.png", {run.name: run.history for run in runs if run.history})
    matrices = {}
    for run in runs:
        told = run.predictions
        matrices[run.name] = (
            confusion_counts(told.labels, told.predicted, len(told.class_names)),
            told.class_names,
        )
    draw_confusions(folder / "confusions.png", matrices)


def picture(title: str, name: str) -> str:
    """Returns the part that shows a picture."""
    return f"## {title}\n\n![{title}]({name})"


def _augmentations(folder: Path, runs: Sequence[ComparedRun]) -> tuple[list[str], list[str]]:
    """Copies the runs' pictures of training images into the folder, each data set and augmentation once.

    Returns:
        The files' names, and the parts of the report that show them.
    """
    names, lines, shown = [], [], []
    for run in runs:
        picture, recipe = run.folder / "augmentation.png", run.recipe
        what = (
            recipe.dataset,
            recipe.config,
            recipe.classes,
            recipe.augmentation,
            run.input_shape,
            recipe.light_on_dark,
        )
        if not picture.is_file() or what in shown:
            continue
        shown.append(what)
        name = f"augmentation-{len(shown)}.png"
        with atomic_write(folder / name, "wb") as stream:
            stream.write(picture.read_bytes())
        names.append(name)
        lines.append(f"{escape(run.name)}:\n\n![Training images of {escape(run.name)}]({name})")
    title = ["## Training images before and after inversion and augmentation"] if lines else []
    return names, title + lines


def links(folder: Path, runs: Sequence[ComparedRun]) -> str:
    """Returns the part that leads to the runs' own reports and pictures."""
    lines = []
    for run in runs:
        target = Path(os.path.relpath(run.folder, folder)).as_posix()
        files = [name for name in _LINKED if (run.folder / name).is_file()]
        lines.append(f"- {escape(run.name)}: " + ", ".join(f"[{name}](<{target}/{name}>)" for name in files))
    return "## The runs\n\n" + "\n".join(lines)
