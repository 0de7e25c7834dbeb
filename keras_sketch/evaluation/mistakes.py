"""What wrong answers have in common: those given most often, and those that stay in the true class's part or branch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from keras_sketch.curation.imagenet import branch_of, display_names
from keras_sketch.evaluation.intervals import effective_size, wilson_interval


def wrong_answers(labels: np.ndarray, predicted: np.ndarray, class_names: Sequence[str], limit: int = 10) -> list[dict]:
    """Returns the classes that were answered wrongly most often.

    Args:
        labels: Integers [N] in 0..K-1, the true classes.
        predicted: Integers [N] in 0..K-1, the most probable classes.
        class_names: K names.
        limit: At most so many.

    Returns:
        The most frequent first, of equally frequent ones in the order of the classes: `class` (its name), `count` of
        examples that are of another class, `share` of all errors in 0..1, and of how many `true_classes` they are.
    """
    labels, predicted = np.asarray(labels), np.asarray(predicted)
    wrong = labels != predicted
    counts = np.bincount(predicted[wrong], minlength=len(class_names))
    most = np.argsort(-counts, kind="stable")[:limit]
    return [
        {
            "class": class_names[answer],
            "count": int(counts[answer]),
            "share": float(counts[answer] / wrong.sum()),
            "true_classes": len(np.unique(labels[wrong & (predicted == answer)])),
        }
        for answer in most
        if counts[answer]
    ]


def same_branch(
    labels: np.ndarray, predicted: np.ndarray, class_names: Sequence[str], groups: Sequence[str] | None = None
) -> dict | None:
    """Returns how many errors stay in the WordNet branch of the true class, such as an animal for an animal.

    Args:
        labels: Integers [N] in 0..K-1, the true classes.
        predicted: Integers [N] in 0..K-1, the most probable classes.
        class_names: K names.
        groups: N names; examples of one group resemble each other, which widens the interval. None: each is its own.

    Returns:
        `share` of the errors in 0..1, its 95 % `interval` (Wilson), `num_errors`, and `chance`: the share if the wrong
        answers were dealt out at random among the errors, over all pairs of an error and an answer that is wrong for
        it. None where there is no error, or a class is not named by the WordNet id of one of ImageNet's 1000.
    """
    if display_names(class_names) == tuple(class_names):
        return None
    return errors_within(labels, predicted, [branch_of(name) for name in class_names], groups)


def errors_within(
    labels: np.ndarray, predicted: np.ndarray, parts: Sequence[str], groups: Sequence[str] | None = None
) -> dict | None:
    """Returns how many errors stay in the true class's part, such as a continent's countries.

    Args:
        labels: As `same_branch`.
        predicted: As `same_branch`.
        parts: K names: which part each class belongs to.
        groups: As `same_branch`.

    Returns:
        As `same_branch`; None where there is no error.
    """
    labels, predicted = np.asarray(labels), np.asarray(predicted)
    wrong = labels != predicted
    if not wrong.any():
        return None
    part = np.unique(parts, return_inverse=True)[1]
    true, answered = labels[wrong], predicted[wrong]
    hits = part[true] == part[answered]
    size = len(hits) if groups is None else effective_size(hits, np.asarray(groups)[wrong])
    within = _pairs(part[true], part[answered], part.max() + 1)
    right = _pairs(true, answered, len(parts))
    return {
        "share": float(hits.mean()),
        "interval": list(wilson_interval(hits.mean() * size, size)),
        "chance": (within - right) / (len(hits) ** 2 - right),
        "num_errors": len(hits),
    }


def _pairs(first: np.ndarray, second: np.ndarray, count: int) -> int:
    """Returns how many pairs of a value of the one and a value of the other are equal."""
    return int(np.bincount(first, minlength=count) @ np.bincount(second, minlength=count))
