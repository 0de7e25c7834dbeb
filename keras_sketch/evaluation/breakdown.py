"""Accuracy by the value of a fact: the country of the drawing, whether it was recognized."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from keras_sketch.errors import BadDataError
from keras_sketch.evaluation.intervals import wilson_interval
from keras_sketch.evaluation.predictions import as_text


@dataclasses.dataclass(frozen=True)
class GroupAccuracy:
    """Top-1 accuracy of the examples that share a value.

    Attributes:
        value: The value as text; empty: missing; of pooled values `"other"`.
        num_examples: How many examples there are.
        top1: The share of them that were recognized.
        interval: Its 95 % interval (Wilson), lower and upper end.
        pooled: How many values are pooled in this row; 1: it is one value's own.
    """

    value: str
    num_examples: int
    top1: float
    interval: tuple[float, float]
    pooled: int = 1


def accuracy_by(
    values: Sequence, labels: np.ndarray, predicted: np.ndarray, min_count: int = 20
) -> list[GroupAccuracy]:
    """Returns the accuracy of each value's examples, the most frequent value first.

    Every example is in exactly one row. Values with fewer than `min_count` examples are pooled in a last row, unless
    there is only one of them. The intervals take the examples for independent, also where they come in groups.

    Args:
        values: N values, the fact of each example.
        labels: Integers [N], the true classes.
        predicted: Integers [N], the most probable classes.
        min_count: The fewest examples with which a value has a row of its own.

    Raises:
        BadDataError: The lengths differ.
    """
    if not len(values) == len(labels) == len(predicted):
        raise BadDataError(
            f"{len(values)} values, {len(labels)} labels and {len(predicted)} predictions do not fit together."
        )
    names, groups = np.unique(np.array([as_text(value) for value in values], dtype=object), return_inverse=True)
    totals = np.bincount(groups, minlength=len(names))
    hits = np.bincount(groups[np.asarray(labels) == np.asarray(predicted)], minlength=len(names))
    order = np.argsort(-totals, kind="stable")
    small = order[totals[order] < min_count]
    if len(small) == 1:
        small = small[:0]
    own = order[: len(order) - len(small)]
    rows = [_row(names[group], hits[group], totals[group]) for group in own]
    if len(small):
        rows.append(_row("other", hits[small].sum(), totals[small].sum(), pooled=len(small)))
    return rows


def _row(value: str, hits: int, total: int, pooled: int = 1) -> GroupAccuracy:
    return GroupAccuracy(value, int(total), float(hits / total), wilson_interval(hits, total), pooled)
