"""Global average precision, the metric of Google's landmark competitions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from keras_sketch.errors import InvalidArgumentError


def global_average_precision(y_true: npt.ArrayLike, y_pred: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Returns GAP, micro-average precision: of all images' best guesses, ranked by score.

    The mean over the M images with a landmark of the precision at the rank of each right guess (Perronnin, Liu and
    Renders 2009, "A family of contextual measures of similarity between distributions with application to image
    retrieval", CVPR; so in the Google Landmark Recognition challenges from 2018 on). An image without a landmark
    for which something is guessed takes a place in the ranking, and one for which nothing is guessed takes none. Equal
    scores keep the order in which they came.

    Args:
        y_true: Integers `[N]`: the landmark; -1: there is none.
        y_pred: Integers `[N]`: the best guess; -1: none.
        scores: Numbers `[N]`: how sure the guess is, on any scale; not looked at where there is no guess.

    Returns:
        0..1; 0 where no image has a landmark.

    Raises:
        InvalidArgumentError: Not three rows of one length, labels that are not integers from -1 up, or a score of a
            guess that is not a number.
    """
    y_true, y_pred = _labels("y_true", y_true), _labels("y_pred", y_pred)
    scores = np.asarray(scores)
    if not y_true.shape == y_pred.shape == scores.shape:
        received = f"{y_true.shape}, {y_pred.shape} and {scores.shape}"
        raise InvalidArgumentError("scores", "of one length with y_true and y_pred", received)
    guessed = np.flatnonzero(y_pred >= 0)
    try:
        ranked = scores[guessed].astype(float)
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError("scores", "numbers", scores) from error
    if np.isnan(ranked).any():
        place = guessed[np.isnan(ranked).argmax()]
        raise InvalidArgumentError(f"scores[{place}]", "a number, as there is a guess", scores[place])
    order = guessed[np.argsort(-ranked, kind="stable")]
    right = y_true[order] == y_pred[order]
    precisions = np.cumsum(right) / np.arange(1, len(right) + 1)
    return float(precisions[right].sum() / max(1, (y_true >= 0).sum()))


def _labels(name: str, values: npt.ArrayLike) -> np.ndarray:
    labels = np.asarray(values)
    if labels.ndim != 1:
        raise InvalidArgumentError(name, "of shape [N]", labels.shape)
    if not len(labels):
        return labels.astype(np.int64)
    if labels.dtype.kind not in "iu":
        raise InvalidArgumentError(name, "integers", f"{labels.dtype}")
    if labels.min() < -1:
        raise InvalidArgumentError(name, "at least -1, which stands for none", int(labels.min()))
    return labels.astype(np.int64)
