"""The report over evaluations: networks before fine-tuning and after it, class by class, with what all got wrong."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from keras_sketch.evaluation.before_after import (
    apart_notes,
    before_after_table,
    branch_table,
    ink_table,
    size_notes,
    wrong_answer_table,
)
from keras_sketch.evaluation.comparison import (
    ComparedRun,
    Table,
    model_table,
    published_rows,
    score_table,
    vote_table,
)
from keras_sketch.evaluation.comparison_pictures import draw_curves_together, draw_scores
from keras_sketch.evaluation.comparison_report import links, notes, picture
from keras_sketch.evaluation.distance_comparison import distance_table
from keras_sketch.evaluation.error_section import BRANCH, DEALT, INK
from keras_sketch.evaluation.gallery import draw_gallery
from keras_sketch.evaluation.leak_comparison import leak_table
from keras_sketch.evaluation.markdown import details, escape
from keras_sketch.evaluation.shared_answers import (
    SharedTest,
    captions,
    class_table,
    shared_tests,
    unanimous,
    write_class_table,
)
from keras_sketch.files import atomic_write

_MAX_CLASSES = 40
_GALLERY = 24
_WRITTEN = ("all_right{}.png", "all_wrong{}.png", "classes{}.csv")

ReadImages = Callable[[ComparedRun, Sequence[str]], np.ndarray | None]
"""From a run and ids of its test examples to uint8 [N, S, S, C]; None where its data is gone."""


def write_before_after(folder: str | os.PathLike, runs: Sequence[ComparedRun], read_images: ReadImages) -> str:
    """Writes the report over evaluations and runs: tables, notes, pictures, galleries.

    Args:
        folder: An existing folder; `report.md` and what belongs to it is replaced.
        runs: At least one; no two with one name. `ComparedRun.phase` says which are "before" and which "after".
        read_images: Reads test examples for the galleries.

    Returns:
        The tables and notes as plain text, for a terminal; without those of the classes.

    Raises:
        InvalidArgumentError: A published figure is not a share in 0..1.
        OSError: A file cannot be written.
    """
    folder, sources = Path(folder), published_rows(runs)
    tables = _tables(runs)
    said = [*apart_notes(runs), *size_notes(runs), *_leaks(runs), *_tested_on(runs), *notes(runs, sources)]
    _draw(folder, runs)
    tests, shared, written = shared_tests(runs), [], set()
    for test in tests:
        parts, files = _about(folder, test, f"-{test.letter}" if len(tests) > 1 else "", read_images)
        shared += parts
        written |= files
    histories = any(run.history for run in runs)
    parts = [
        "# Before and after fine-tuning",
        *(each.markdown() for each in tables),
        *map(escape, said),
        picture("Top-1 and top-5", "scores.png"),
        picture("Learning curves", "curves.png") if histories else "",
        *shared,
        links(folder, runs),
    ]
    with atomic_write(folder / "report.md") as stream:
        stream.write("\n\n".join(part for part in parts if part) + "\n")
    for old in (file for name in _WRITTEN for suffix in ("", "-?") for file in folder.glob(name.format(suffix))):
        if old.name not in written:
            old.unlink()
    return "\n\n".join([*(each.plain() for each in tables), *said])


def _tables(runs: Sequence[ComparedRun]) -> list[Table]:
    tables = [
        model_table(runs),
        before_after_table("Table 2. Top-1 and top-5 before and after fine-tuning", runs),
        score_table(
            "Table 3. Precision, recall and F1, averages over the classes", ("precision", "recall", "f1"), runs
        ),
        wrong_answer_table("The most frequent wrong answers", runs),
        branch_table("Errors that stay in the true class's WordNet branch", runs),
        ink_table("Top-1 by ink", runs),
        distance_table(runs),
        leak_table(runs),
        vote_table(runs),
    ]
    return [each for each in tables if each is not None]


def _leaks(runs: Sequence[ComparedRun]) -> list[str]:
    return [
        f"{run.name}: {run.scores['leaked']:,} of {run.scores['num_examples']:,} test examples, or siblings of theirs, "
        "were trained on, so that its figures are too good."
        for run in runs
        if run.scores.get("leaked")
    ]


def _tested_on(runs: Sequence[ComparedRun]) -> list[str]:
    tested = {run.name: run.tested_on for run in runs if run.tested_on}
    lines = [f"Tested on: {'; '.join(f'{name}: {dataset}' for name, dataset in tested.items())}."]
    if any("same_branch" in run.scores for run in runs):
        lines.append(f"In the branch: wrong answers in {BRANCH}; beside it the share {DEALT}.")
    if any(len(run.scores.get("ink", ())) == 4 for run in runs):
        lines.append(INK)
    return lines


def _draw(folder: Path, runs: Sequence[ComparedRun]) -> None:
    published = {run.name: run.recipe.published.figures for run in runs if run.recipe.published}
    scores = {run.name: run.scores for run in runs}
    draw_scores(folder / "scores.png", scores, published, ("top1", "top5"), "Top-1 and top-5")
    histories = {run.name: run.history for run in runs if run.history}
    if histories:
        draw_curves_together(folder / "curves.png", histories)


def _about(folder: Path, test: SharedTest, suffix: str, read_images: ReadImages) -> tuple[list[str], set[str]]:
    """Returns the parts of the report about one test set, and the files that it shows."""
    of = f" in test set {test.letter}" if suffix else ""
    table = class_table(f"Classes{of}: examples that were recognized", test)
    csv = f"classes{suffix}.csv"
    write_class_table(folder / csv, table)
    parts, files = [_cut(table, csv)], {csv}
    for name, right, title in (
        ("all_right", True, f"What {_all(test)} got right{of}"),
        ("all_wrong", False, f"What {_all(test)} got wrong{of}"),
    ):
        places = unanimous(test, right)
        shown = places[:_GALLERY]
        images = _read(test, [test.ids[place] for place in shown], read_images) if len(shown) else None
        count = f"{len(places):,} of {len(test.ids):,} test examples."
        if images is None:
            gone = "" if not len(shown) else " Their pictures are gone: the prepared data is not where it was."
            parts.append(f"## {title}\n\n{count}{gone}")
            continue
        file = f"{name}{suffix}.png"
        caption = "true class, mean probability" if right else "true class → most frequent answer, mean probability"
        draw_gallery(folder / file, images, captions(test, shown), f"{len(shown)} of {len(places):,}: {caption}")
        parts.append(f"{picture(title, file)}\n\n{count}")
        files.add(file)
    return parts, files


def _all(test: SharedTest) -> str:
    return f"all {len(test.runs)}" if len(test.runs) > 1 else test.runs[0].name


def _cut(table: Table, csv: str) -> str:
    """Returns a table's part of the report, at most 40 rows of it."""
    if len(table.rows) <= _MAX_CLASSES:
        return f"{table.markdown()}\n\nAs a file: [{csv}]({csv})."
    first = Table(table.title, table.header, table.rows[:_MAX_CLASSES], table.numbers_from)
    heading, body = first.markdown().split("\n\n", 1)
    summary = f"The {_MAX_CLASSES} of {len(table.rows):,} classes with the fewest recognized"
    return f"{heading}\n\n{details(summary, body)}\n\nAll classes: [{csv}]({csv})."


def _read(test: SharedTest, ids: list[str], read_images: ReadImages) -> np.ndarray | None:
    """Returns the examples' pictures from the first run whose data is still there."""
    return next((images for run in test.runs if (images := read_images(run, ids)) is not None), None)
