"""Top-1, top-5, precision, recall, F1 and GAP, of all classes together and of each; `metrics.json`."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence

import numpy as np
from sklearn.metrics import precision_recall_fscore_support

from keras_sketch.errors import BadDataError
from keras_sketch.evaluation.gap import gap_interval
from keras_sketch.evaluation.intervals import bootstrap_intervals, effective_size, wilson_interval
from keras_sketch.evaluation.ranking import check_predictions, top_k, true_class_ranks
from keras_sketch.files import atomic_write
from keras_sketch.metrics import global_average_precision

_SCORES = ("top1", "top5", "precision", "recall", "f1", "precision_weighted", "recall_weighted", "f1_weighted")
_ABOUT_ERRORS = ("wrong_answers", "ink")


def classification_scores(
    labels: np.ndarray,
    probabilities: np.ndarray,
    groups: Sequence[str] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> dict:
    """Scores the predictions of a whole split.

    Precision, recall and F1 are scikit-learn's (`zero_division=0`, `labels` the classes that have an example). A class
    without an example has no part in the averages, so that those of a network with 1000 outputs on examples of 6
    classes are those of the 6; a wrong answer counts against the true class's recall, whatever was answered. Of classes
    with equal probability the first one counts as predicted; with at most 5 classes `top5` is 1 by definition, and so
    are both ends of its interval.

    Args:
        labels: Integers [N] in 0..K-1, the true classes.
        probabilities: Finite floats [N, K]; only their order matters, for GAP also that of different examples' best.
        groups: N names. Examples of one group resemble each other, so they say less than as many independent ones, and
            the intervals are wider. None: each is a group of its own.
        resamples: Bootstrap resamples for the intervals of the averages.
        seed: Of the bootstrap.

    Returns:
        Floats in 0..1 under `top1`, `top5`, `precision`, `recall`, `f1` (macro), `precision_weighted`,
        `recall_weighted`, `f1_weighted`, `gap` (of each example's best guess); the ints `num_examples` and
        `num_groups`; and under `intervals` the 95 % interval `[low, high]` of each score: Wilson's for top-1 and top-5
        (with the effective size where there are groups), the bootstrap's for the others.

    Raises:
        BadDataError: See `check_predictions`.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities)
    check_predictions(labels, probabilities)
    ranks = true_class_ranks(labels, probabilities)
    predicted, best = (each[:, 0] for each in top_k(probabilities, 1))
    total, num_classes = probabilities.shape
    groups = np.arange(total) if groups is None else np.asarray(groups)
    num_groups = len(np.unique(groups))
    scores, intervals = {}, {}
    for key, k in (("top1", 1), ("top5", 5)):
        hits = ranks < k
        scores[key] = float(hits.mean())
        size = total if num_groups == total else effective_size(hits, groups)
        intervals[key] = [1.0, 1.0] if num_classes <= k else list(wilson_interval(scores[key] * size, size))
    for average, suffix in (("macro", ""), ("weighted", "_weighted")):
        values = precision_recall_fscore_support(
            labels, predicted, labels=np.unique(labels), average=average, zero_division=0
        )
        scores |= {
            f"{name}{suffix}": float(value) for name, value in zip(("precision", "recall", "f1"), values, strict=False)
        }
    drawn = None if num_groups == total else groups
    scores["gap"] = global_average_precision(labels, predicted, best)
    intervals["gap"] = list(gap_interval(labels, predicted, best, drawn, resamples, seed))
    bootstrapped = bootstrap_intervals(labels, predicted, num_classes, resamples, seed, drawn)
    intervals |= {key: list(bootstrapped[key]) for key in scores if key in bootstrapped}
    return {**scores, "num_examples": total, "num_groups": num_groups, "intervals": intervals}


def missing_scores(metrics: Mapping) -> list[str]:
    """Returns which keys that reports need are not in a `metrics.json`, or in its votes.

    `wrong_answers` and `ink` came together with averages over the classes that have examples: without them the averages
    are of another kind.
    """
    parts = {"": metrics, **{f"votes.{name}.": vote for name, vote in metrics.get("votes", {}).items()}}
    missing = []
    for prefix, part in parts.items():
        wanted = ("num_examples", *_SCORES, "intervals", *(["difference"] if prefix else _ABOUT_ERRORS))
        missing += [f"{prefix}{key}" for key in wanted if key not in part]
        intervals = part.get("intervals", _SCORES)
        missing += [f"{prefix}intervals.{key}" for key in _SCORES if key not in intervals]
    return missing


@dataclasses.dataclass(frozen=True, eq=False)
class ClassScores:
    """Scores of each class; arrays [K].

    Attributes:
        precision: Of the examples taken for the class, the share that are of it; 0 if there is none.
        recall: Of the examples of the class, the share taken for it; 0 if there is none.
        f1: Harmonic mean of the two.
        support: Examples of the class.
        predicted: Examples taken for the class.
    """

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    support: np.ndarray
    predicted: np.ndarray

    def worst_first(self) -> np.ndarray:
        """Returns the class indices by rising F1, then falling support; classes without an example last."""
        return np.lexsort((-self.support, self.f1, self.support == 0))


def class_scores(labels: np.ndarray, predicted: np.ndarray, num_classes: int) -> ClassScores:
    """Scores each class by scikit-learn.

    Args:
        labels: Integers [N] in 0..K-1, the true classes.
        predicted: Integers [N] in 0..K-1, the most probable classes.
        num_classes: K.
    """
    precision, recall, f1, support = precision_recall_fscore_support(
        labels, predicted, labels=np.arange(num_classes), average=None, zero_division=0
    )
    # Where one class alone occurs, scikit-learn counts in floats.
    return ClassScores(precision, recall, f1, support.astype(int), np.bincount(predicted, minlength=num_classes))


def write_metrics(path: str | os.PathLike, metrics: Mapping) -> None:
    """Writes metrics as JSON; NumPy's numbers and arrays become plain ones.

    Args:
        path: `metrics.json`; replaced in one step.
        metrics: What `classification_scores` returns and whatever the dataset adds beside it.

    Raises:
        BadDataError: A value is NaN or infinite, which JSON cannot hold.
        OSError: The file cannot be written.
    """
    try:
        text = json.dumps(metrics, indent=2, allow_nan=False, ensure_ascii=False, default=_plain)
    except ValueError as error:
        raise BadDataError(f"Cannot write {path}: a metric is not a finite number.") from error
    with atomic_write(path) as stream:
        stream.write(text + "\n")


def _plain(value: object) -> object:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"A metric is of type {type(value).__name__}, which JSON cannot hold.")
