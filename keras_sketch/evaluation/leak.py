"""What a split makes easier or impossible: siblings of test examples in training, and classes that are not there."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from keras_sketch.evaluation.intervals import effective_size, unpaired_difference, wilson_interval


def accuracy(hits: np.ndarray, groups: Sequence[str] | None = None) -> dict:
    """Returns `top1` with its 95 % `interval` (Wilson, effective size), `num_examples` and `num_groups`.

    Args:
        hits: Bools [N], N at least 1.
        groups: N names; examples of one group resemble each other. None: each is its own.
    """
    hits = np.asarray(hits, bool)
    groups = np.arange(len(hits)) if groups is None else np.asarray(groups)
    num_groups = len(np.unique(groups))
    size = len(hits) if num_groups == len(hits) else effective_size(hits, groups)
    interval = list(wilson_interval(hits.mean() * size, size))
    return {"top1": float(hits.mean()), "interval": interval, "num_examples": len(hits), "num_groups": num_groups}


def sibling_scores(hits: np.ndarray, groups: Sequence[str], trained_groups: Collection[str]) -> dict | None:
    """Compares test examples that have a sibling in training with those that have none.

    Args:
        hits: Bools [N], which test examples were recognized.
        groups: The group of each.
        trained_groups: The groups of the training examples.

    Returns:
        `with` and, where there are such, `without`: figures as `accuracy` gives them; and where there are both the
        `difference` in top-1, with minus without, and its 95 % `interval`. None where no example has a sibling.
    """
    hits, groups, known = np.asarray(hits, bool), np.asarray(groups), set(trained_groups)
    siblings = np.array([group in known for group in groups])
    if not siblings.any():
        return None
    scores = {"with": accuracy(hits[siblings], groups[siblings])}
    if not siblings.all():
        scores["without"] = accuracy(hits[~siblings], groups[~siblings])
        scores["difference"], scores["interval"] = difference(scores["without"], scores["with"])
    return scores


def difference(first: dict, second: dict) -> tuple[float, tuple[float, float]]:
    """Returns by how much the second top-1 of `accuracy` is higher, and the 95 % interval; the examples are others."""
    return unpaired_difference(first["top1"], first["interval"], second["top1"], second["interval"])


def untrained_scores(
    labels: np.ndarray,
    predicted: np.ndarray,
    class_names: Sequence[str],
    train_counts: Sequence[int],
    groups: Sequence[str] | None = None,
) -> dict | None:
    """Names the classes that have test examples and not one to learn from, and scores the others.

    Args:
        labels: Integers [N] in 0..K-1, the true classes.
        predicted: Integers [N] in 0..K-1, the most probable classes.
        class_names: K names.
        train_counts: How many training examples each class has, K integers.
        groups: N names, as `accuracy` takes them.

    Returns:
        `classes`, their names; `num_examples` of theirs; and `others`: the figures of `accuracy` of the remaining
        examples, where there are any. None where every tested class has a training example.
    """
    labels = np.asarray(labels)
    lost = np.setdiff1d(labels, np.flatnonzero(train_counts))
    if not len(lost):
        return None
    theirs = np.isin(labels, lost)
    found = {"classes": [class_names[label] for label in lost], "num_examples": int(theirs.sum())}
    if not theirs.all():
        own = None if groups is None else np.asarray(groups)[~theirs]
        found["others"] = accuracy((labels == predicted)[~theirs], own)
    return found
