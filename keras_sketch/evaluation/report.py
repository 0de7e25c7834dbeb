"""The report of a run: `report.md`, and `classes.csv` with the scores of every class."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from keras_sketch.errors import BadDataError, InvalidArgumentError
from keras_sketch.evaluation.breakdown import accuracy_by
from keras_sketch.evaluation.confusion import confusion_counts, most_confused_pairs
from keras_sketch.evaluation.markdown import code, details, escape, percent, percent_range, table
from keras_sketch.evaluation.scores import ClassScores, class_scores
from keras_sketch.files import atomic_write
from keras_sketch.recipes.recipe import Published

_SCORES = {"top1": "top-1", "top5": "top-5", "precision": "precision", "recall": "recall", "f1": "F1"}
_MAX_CLASSES = 40
_MAX_GROUPS = 30
_MAX_PAIRS = 15
_MIN_GROUP = 20
_PICTURES = {
    "curves.png": ("Learning curves", "A ring marks the epoch with the lowest validation loss."),
    "confusion.png": ("Confusion", "Colours are shares of the true class's examples."),
    "samples.png": ("Examples", ""),
    "mistakes.png": ("Mistakes", "Wrong predictions with the highest probability."),
    "gradcam.png": ("What the model looks at", "Grad-CAM: warm colours raise the score of the predicted class."),
}


@dataclasses.dataclass(frozen=True)
class DataSummary:
    """What the run was trained and tested on.

    Attributes:
        dataset: Its name, with the config if it has several.
        splits: Number of examples of each split.
        provenance: Where the data comes from: source, version, licence.
        split_scheme: How the splits were made.
        class_counts: For each split the number of examples of each class, K integers; splits may be missing.
        bad_examples: How many examples could not be used.
        manifest: The file that names them.
    """

    dataset: str
    splits: Mapping[str, int]
    provenance: str = ""
    split_scheme: str = ""
    class_counts: Mapping[str, Sequence[int]] = dataclasses.field(default_factory=dict)
    bad_examples: int = 0
    manifest: str = ""


def write_report(
    folder: str | os.PathLike,
    *,
    title: str,
    scores: Mapping,
    labels: np.ndarray,
    predicted: np.ndarray,
    class_names: Sequence[str],
    data: DataSummary,
    recipe: Mapping,
    published: Sequence[Published] = (),
    facts: Mapping[str, Sequence] | None = None,
) -> None:
    """Writes `report.md` and `classes.csv` into a run's folder; shows the pictures that are in it.

    Args:
        folder: The run's folder; must exist.
        title: The heading.
        scores: What `classification_scores` returned, or the same read from `metrics.json`.
        labels: Integers [N], the true classes.
        predicted: Integers [N], the most probable classes.
        class_names: K names.
        data: What the run was trained and tested on.
        recipe: `Recipe.to_dict()`, or another mapping of names to plain values.
        published: Figures of others to set beside ours, shares in 0..1; may be empty.
        facts: N values each, for a table of accuracy by value each: few-valued facts such as the country.

    Raises:
        BadDataError: Labels, predictions, facts and scores are not of the same examples.
        InvalidArgumentError: A published figure is not a share in 0..1.
        OSError: A file cannot be written.
    """
    folder, labels, predicted = Path(folder), np.asarray(labels), np.asarray(predicted)
    if not len(labels) == len(predicted) == scores["num_examples"]:
        raise BadDataError(
            f"{len(labels)} labels, {len(predicted)} predictions and the scores of {scores['num_examples']} examples "
            "do not belong together."
        )
    by_class = class_scores(labels, predicted, len(class_names))
    _write_classes(folder / "classes.csv", by_class, class_names, data.class_counts)
    parts = [
        f"# {escape(title)}",
        _headline(scores, len(class_names)),
        _comparison(scores, published, len(class_names)),
        _picture(folder, "curves.png"),
        _classes(by_class, class_names),
        _picture(folder, "confusion.png"),
        _pairs(labels, predicted, class_names),
        *(_groups(name, values, labels, predicted) for name, values in (facts or {}).items()),
        *(_picture(folder, name) for name in ("mistakes.png", "samples.png", "gradcam.png")),
        _data(data),
        _recipe(recipe),
    ]
    with atomic_write(folder / "report.md") as stream:
        stream.write("\n\n".join(part for part in parts if part) + "\n")


def _headline(scores: Mapping, num_classes: int) -> str:
    top1, interval = percent(scores["top1"]), percent_range(scores["intervals"]["top1"])
    return (
        f"Top-1 accuracy {top1} (95 % interval {interval}), measured once on each of {scores['num_examples']:,} test "
        f"examples of {num_classes} classes."
    )


def _comparison(scores: Mapping, published: Sequence[Published], num_classes: int) -> str:
    for row in published:
        for key, share in row.figures.items():
            if not 0 <= share <= 1:
                raise InvalidArgumentError(f"published figure {key}", "a share in 0..1", share)
    known = [*_SCORES, *dict.fromkeys(key for row in published for key in row.figures if key not in _SCORES)]
    header = ["score", "this run", "95 % interval", *(f"published [{i}]" for i in range(1, len(published) + 1))]
    rows = []
    for key in known:
        ours = percent(scores[key]) if key in scores else ""
        interval = percent_range(scores["intervals"][key]) if key in scores["intervals"] else ""
        theirs = [percent(row.figures[key]) if key in row.figures else "" for row in published]
        rows.append([_SCORES.get(key, escape(key)), ours, interval, *theirs])
    rows.append(["test examples", f"{scores['num_examples']:,}", "", *([""] * len(published))])
    weighted = ", ".join(
        f"{_SCORES[key]} {percent(scores[f'{key}_weighted'])}" for key in ("precision", "recall", "f1")
    )
    explanation = (
        "Precision, recall and F1 are averages over the classes, all with the same weight; weighted by the number of "
        f"examples: {weighted}. Intervals: Wilson's for top-1 and top-5, bootstrap for the others. They say what the "
        "choice of test examples leaves to chance, not what another training run would give."
    )
    if num_classes <= 5:
        explanation += f" With {num_classes} classes, top-5 is 100 % by definition."
    notes = [_published_note(i, row, scores) for i, row in enumerate(published, start=1)]
    return "\n\n".join(["## Scores", table(header, rows), *notes, explanation])


def _published_note(number: int, row: Published, scores: Mapping) -> str:
    text = f"[{number}] {escape(row.source)}."
    if "top1" in row.figures:
        low, high = scores["intervals"]["top1"]
        theirs = row.figures["top1"]
        points = 100 * (scores["top1"] - theirs)
        place = "below" if theirs < low else "above" if theirs > high else "within"
        text += f" Our top-1 is {abs(points):.2f} points {'higher' if points >= 0 else 'lower'}; "
        text += f"the published figure lies {place} our interval."
    if row.note:
        note = escape(row.note).rstrip(".")
        text += f" It was measured on other data or another split, so this is no like-for-like comparison: {note}."
    return text


def _picture(folder: Path, name: str) -> str:
    if not (folder / name).is_file():
        return ""
    title, caption = _PICTURES[name]
    return "\n\n".join(part for part in (f"## {title}", f"![{title}]({name})", caption) if part)


def _classes(by_class: ClassScores, class_names: Sequence[str]) -> str:
    order = by_class.worst_first()[:_MAX_CLASSES]
    rows = [
        [
            escape(class_names[i]),
            percent(by_class.precision[i]) if by_class.predicted[i] else "",
            percent(by_class.recall[i]) if by_class.support[i] else "",
            percent(by_class.f1[i]) if by_class.support[i] else "",
            f"{by_class.support[i]:,}",
        ]
        for i in order
    ]
    body = table(["class", "precision", "recall", "F1", "test examples"], rows)
    total, untested = len(class_names), np.flatnonzero(by_class.support == 0)
    which = (
        f"The {len(rows)} of {total} classes with the lowest F1"
        if total > len(rows)
        else "The classes, lowest F1 first"
    )
    lines = ["## Classes", details(which, body) if total > len(rows) else f"{which}.\n\n{body}"]
    if total > len(rows):
        lines.append("All classes: [classes.csv](classes.csv).")
    if len(untested):
        names = ", ".join(escape(class_names[i]) for i in untested[:10]) + (", ..." if len(untested) > 10 else "")
        counted = int((by_class.predicted[untested] > 0).sum())
        lines.append(
            f"Classes without a test example: {len(untested)} of {total} ({names}). They have no part in the averages, "
            f"unless they were predicted nevertheless ({counted} of them): then they count as 0."
        )
    return "\n\n".join(lines)


def _pairs(labels: np.ndarray, predicted: np.ndarray, class_names: Sequence[str]) -> str:
    pairs = most_confused_pairs(confusion_counts(labels, predicted, len(class_names)), _MAX_PAIRS)
    if not pairs:
        return "No test example was taken for another class."
    rows = [
        [escape(class_names[pair.true]), escape(class_names[pair.predicted]), f"{pair.count:,}", percent(pair.share)]
        for pair in pairs
    ]
    header = ["true class", "taken for", "examples", "of the true class"]
    return "The most confused pairs:\n\n" + table(header, rows, numbers_from=2)


def _groups(name: str, values: Sequence, labels: np.ndarray, predicted: np.ndarray) -> str:
    groups = accuracy_by(values, labels, predicted, min_count=_MIN_GROUP)
    rows = []
    for group in groups[:_MAX_GROUPS]:
        value = f"{group.pooled} others" if group.pooled > 1 else escape(group.value) or "(not known)"
        rows.append([value, f"{group.num_examples:,}", percent(group.top1), percent_range(group.interval)])
    lines = [f"## Accuracy by {code(name)}", table([escape(name), "test examples", "top-1", "95 % interval"], rows)]
    if any(group.pooled > 1 for group in groups):
        lines.append(f"Values with fewer than {_MIN_GROUP} test examples are pooled.")
    if len(groups) > len(rows):
        left = sum(group.num_examples for group in groups[_MAX_GROUPS:])
        lines.append(f"{len(groups) - len(rows)} rarer rows with {left:,} test examples are not shown.")
    return "\n\n".join(lines)


def _data(data: DataSummary) -> str:
    header = ["split", "examples", "smallest class", "median class", "largest class"]
    rows = []
    for split, count in data.splits.items():
        counts = np.asarray(data.class_counts.get(split, ()))
        spread = (
            [f"{value:,.0f}" for value in (counts.min(), np.median(counts), counts.max())] if len(counts) else [""] * 3
        )
        rows.append([escape(split), f"{count:,}", *spread])
    lines = ["## Data", f"Dataset: {escape(data.dataset)}.", table(header, rows)]
    for label, text in (("Splits", data.split_scheme), ("Source", data.provenance)):
        if text:
            lines.append(f"{label}: {escape(text).rstrip('.')}.")
    named = f", named with the reason in {code(data.manifest)}" if data.manifest else ""
    lines.append(f"Examples that could not be used: {data.bad_examples:,}{named if data.bad_examples else ''}.")
    return "\n\n".join(lines)


def _recipe(recipe: Mapping) -> str:
    rows = []
    for key, value in recipe.items():
        if key == "published":  # stands beside our scores
            continue
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        rows.append([code(key), code(text) if text else ""])
    return "## Recipe\n\n" + table(["setting", "value"], rows, numbers_from=2)


def _write_classes(
    path: Path, by_class: ClassScores, class_names: Sequence[str], class_counts: Mapping[str, Sequence[int]]
) -> None:
    """Writes the scores of all classes in the order of the labels; `test_examples` is the support."""
    others = {split: counts for split, counts in class_counts.items() if split != "test"}
    columns = (by_class.precision, by_class.recall, by_class.f1, by_class.support, by_class.predicted, *others.values())
    with atomic_write(path) as stream:
        writer = csv.writer(stream)
        counted = [f"{split}_examples" for split in ("test", "predicted", *others)]
        writer.writerow(["class", "precision", "recall", "f1", *counted])
        for name, *values in zip(class_names, *columns, strict=True):
            writer.writerow([name, *(np.asarray(value).item() for value in values)])
