"""The report's parts about classes: scores of each, the most confused pairs, accuracy by a fact; and `classes.csv`."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from keras_sketch.curation.imagenet import display_names
from keras_sketch.evaluation.breakdown import accuracy_by
from keras_sketch.evaluation.confusion import confusion_counts, most_confused_pairs
from keras_sketch.evaluation.markdown import code, details, escape, percent, percent_range, table
from keras_sketch.evaluation.scores import ClassScores
from keras_sketch.files import atomic_write

_MAX_CLASSES = 40
_MAX_GROUPS = 30
_MAX_PAIRS = 15
_MIN_GROUP = 20


def class_table(by_class: ClassScores, class_names: Sequence[str]) -> str:
    """Returns the part "Classes": up to 40 classes that have a test example, the lowest F1 first."""
    untested = np.flatnonzero(by_class.support == 0)
    tested = by_class.worst_first()[: len(class_names) - len(untested)]
    rows = [
        [
            escape(class_names[i]),
            percent(by_class.precision[i]) if by_class.predicted[i] else "",
            percent(by_class.recall[i]),
            percent(by_class.f1[i]),
            f"{by_class.support[i]:,}",
        ]
        for i in tested[:_MAX_CLASSES]
    ]
    body = table(["class", "precision", "recall", "F1", "test examples"], rows)
    cut = len(tested) > len(rows)
    which = f"The {len(rows)} of {len(tested)} classes with the lowest F1" if cut else "The classes, lowest F1 first"
    lines = ["## Classes", details(which, body) if cut else f"{which}.\n\n{body}"]
    if cut or len(untested):
        lines.append("All classes: [classes.csv](classes.csv).")
    if len(untested):
        names = ", ".join(escape(class_names[i]) for i in untested[:10]) + (", ..." if len(untested) > 10 else "")
        answered = by_class.predicted[untested]
        lines.append(
            f"Classes without a test example: {len(untested)} of {len(class_names)} ({names}). They have no part in "
            f"the averages; {int((answered > 0).sum())} of them were predicted, for {int(answered.sum()):,} examples."
        )
    return "\n\n".join(lines)


def pair_table(labels: np.ndarray, predicted: np.ndarray, class_names: Sequence[str]) -> str:
    """Returns a table of the pairs of classes with the most mistakes between them."""
    pairs = most_confused_pairs(confusion_counts(labels, predicted, len(class_names)), _MAX_PAIRS)
    if not pairs:
        return "No test example was taken for another class."
    rows = [
        [escape(class_names[pair.true]), escape(class_names[pair.predicted]), f"{pair.count:,}", percent(pair.share)]
        for pair in pairs
    ]
    header = ["true class", "taken for", "examples", "of the true class"]
    return "The most confused pairs:\n\n" + table(header, rows, numbers_from=2)


def group_table(name: str, values: Sequence, labels: np.ndarray, predicted: np.ndarray) -> str:
    """Returns the part with the accuracy by each value of the fact `name`, rare ones pooled; nothing for one alone."""
    groups = accuracy_by(values, labels, predicted, min_count=_MIN_GROUP)
    if len(groups) < 2:
        return ""
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


def write_classes(
    path: Path, by_class: ClassScores, class_names: Sequence[str], class_counts: Mapping[str, Sequence[int]]
) -> None:
    """Writes the scores of all classes in the order of the labels; `test_examples` is the support.

    Where the classes are WordNet ids, a column `name` stands beside them.
    """
    shown = display_names(class_names)
    names = {"name": shown} if shown != tuple(class_names) else {}
    others = {split: counts for split, counts in class_counts.items() if split != "test"}
    columns = (by_class.precision, by_class.recall, by_class.f1, by_class.support, by_class.predicted, *others.values())
    with atomic_write(path) as stream:
        writer = csv.writer(stream)
        counted = [f"{split}_examples" for split in ("test", "predicted", *others)]
        writer.writerow(["class", *names, "precision", "recall", "f1", *counted])
        for row, values in enumerate(zip(*columns, strict=True)):
            named = [class_names[row], *(column[row] for column in names.values())]
            writer.writerow([*named, *(np.asarray(value).item() for value in values)])
