"""What several runs answered on the test examples that they share: by class, and what all got right or wrong."""

from __future__ import annotations

import collections
import csv
import dataclasses
import itertools
import os
from collections.abc import Sequence

import numpy as np

from keras_sketch.curation.imagenet import display_names
from keras_sketch.evaluation.comparison import ComparedRun, Table, lettered_test_sets
from keras_sketch.evaluation.figures import display_name
from keras_sketch.files import atomic_write


@dataclasses.dataclass(frozen=True, eq=False)
class SharedTest:
    """The answers of R runs to the same N test examples, with names as they are shown.

    Attributes:
        letter: Of the test set; see `lettered_test_sets`.
        runs: The runs.
        ids: The examples' ids.
        classes: The examples' true classes.
        answers: `[R][N]`, what each run took them for.
        right: Bools [R, N], whether that is right.
        scores: Floats [R, N] in 0..1, the answers' probabilities.
    """

    letter: str
    runs: Sequence[ComparedRun]
    ids: list[str]
    classes: list[str]
    answers: list[list[str]]
    right: np.ndarray
    scores: np.ndarray


def shared_tests(runs: Sequence[ComparedRun]) -> list[SharedTest]:
    """Returns the runs' answers by test set, each in the order of its first run's examples."""
    members: dict[str, list[ComparedRun]] = collections.defaultdict(list)
    for run, letter in zip(runs, lettered_test_sets(runs), strict=True):
        members[letter].append(run)
    return [_shared(letter, found) for letter, found in members.items()]


def _shared(letter: str, runs: list[ComparedRun]) -> SharedTest:
    ids = list(runs[0].predictions.ids)
    answers, right, scores = [], [], []
    for run in runs:
        told, names = run.predictions, display_names(run.predictions.class_names)
        place = {example: number for number, example in enumerate(told.ids)}
        order = [place[example] for example in ids]
        answers.append([names[answer] for answer in told.predicted[order]])
        right.append((told.predicted == told.labels)[order])
        scores.append(told.scores[order, 0])
    names = display_names(runs[0].predictions.class_names)
    classes = [names[label] for label in runs[0].predictions.labels]
    return SharedTest(letter, runs, ids, classes, answers, np.array(right), np.array(scores))


def class_table(title: str, test: SharedTest) -> Table:
    """Returns how many examples of each class each run got right; the classes with the fewest right first."""
    rows = []
    for name, members in _by_class(test).items():
        hits = test.right[:, members].sum(axis=1)
        rows.append((hits.sum() / len(members), name, [name, f"{len(members):,}", *(f"{count:,}" for count in hits)]))
    header = ["class", "test examples", *(run.name for run in test.runs)]
    return Table(title, header, [cells for *_, cells in sorted(rows, key=lambda row: row[:2])])


def write_class_table(path: str | os.PathLike, table: Table) -> None:
    """Writes all rows of a table as CSV.

    Raises:
        OSError: The file cannot be written.
    """
    with atomic_write(path) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(table.header)
        writer.writerows(table.rows)


def unanimous(test: SharedTest, right: bool) -> np.ndarray:
    """Returns the places of the examples that all runs got right, or wrong; one of each class, then another of each."""
    found = test.right.all(axis=0) if right else ~test.right.any(axis=0)
    rounds = itertools.zip_longest(
        *([place for place in members if found[place]] for members in _by_class(test).values())
    )
    return np.array([place for each in rounds for place in each if place is not None], int)


def captions(test: SharedTest, places: Sequence[int]) -> list[str]:
    """Returns what stands below an example: its class, what most runs took it for, and their mean probability of it."""
    lines = []
    for place in places:
        answers = collections.Counter(answers[place] for answers in test.answers)
        ((answer, count),) = answers.most_common(1)
        gave = [answers[place] == answer for answers in test.answers]
        mean = f"{100 * test.scores[gave, place].mean():.0f} %"
        true = display_name(test.classes[place], 19)
        if answer == test.classes[place]:
            lines.append(f"{true}\n{mean}")
        else:
            agreed = f" ({count} of {len(test.runs)})" if len(test.runs) > 1 else ""
            lines.append(f"{true}\n→ {display_name(answer, 19)}\n{mean}{agreed}")
    return lines


def _by_class(test: SharedTest) -> dict[str, list[int]]:
    """Returns the places of each class's examples, the classes by name."""
    places: dict[str, list[int]] = {name: [] for name in sorted(set(test.classes))}
    for place, name in enumerate(test.classes):
        places[name].append(place)
    return places
