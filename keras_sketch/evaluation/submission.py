"""`submission.csv`: the guesses in the format of Kaggle's landmark competitions."""

from __future__ import annotations

import collections
import csv
import itertools
import os
from collections.abc import Sequence

import numpy as np

from keras_sketch.errors import BadDataError
from keras_sketch.evaluation.predictions import Predictions, RankedPredictions
from keras_sketch.files import atomic_write


def are_landmarks(class_names: Sequence[str]) -> bool:
    """Whether all classes are named by a number, as landmarks are."""
    return all(name.isascii() and name.isdecimal() for name in class_names)


def write_submission(path: str | os.PathLike, *parts: Predictions | RankedPredictions) -> None:
    """Writes `id,landmarks`, a line an image; `landmarks` is the best guess's class and score, `140690 0.25`.

    Args:
        path: `submission.csv`; replaced in one step.
        *parts: The predictions, one part after another: of the test split, and of images of no landmark.

    Raises:
        BadDataError: An image occurs twice, or a class is not named by a number.
        OSError: The file cannot be written.
    """
    names = list(itertools.chain.from_iterable(part.class_names for part in parts))
    if not are_landmarks(names):
        other = next(name for name in names if not are_landmarks([name]))
        raise BadDataError(f"{path} is for landmarks, whose classes are numbers: {other!r} is none.")
    counts = collections.Counter(itertools.chain.from_iterable(part.ids for part in parts))
    twice = [name for name, times in counts.items() if times > 1]
    if twice:
        raise BadDataError(f"The image {twice[0]!r} occurs {counts[twice[0]]} times; every one must occur once.")
    with atomic_write(path) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["id", "landmarks"])
        for part in parts:
            for example, best, score in zip(part.ids, part.predicted, _best_scores(part), strict=True):
                writer.writerow([example, f"{part.class_names[best]} {np.format_float_positional(score, trim='0')}"])


def _best_scores(part: Predictions | RankedPredictions) -> np.ndarray:
    return part.scores[:, 0] if isinstance(part, RankedPredictions) else part.probabilities.max(axis=1)
