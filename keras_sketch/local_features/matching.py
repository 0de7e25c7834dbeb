"""Which features of two images show the same thing, and the affine transform that most of them agree with."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
from scipy.spatial.distance import cdist

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.local_features.features import LocalFeatures

TOLERANCE = 8.0
"""Pixels between a feature and where the transform puts its partner; half of conv4's cells at the images' own size."""

RATIO = 0.8
"""How much nearer than the nearest descriptor of another place the nearest one must be (Lowe 2004, section 7.1)."""

APART = 16.0
"""Pixels along an axis to another place: neighbouring cells and scales see the same, so they are no second answer, and
no second pair either. Else the watermark of a map service, which covers a few cells at each scale, is proof enough
that two of its photos show the same place."""

MIN_INLIERS = 4
"""Any three pairs agree with some affine transform, so that they say nothing."""

_MAX_SCALE, _MAX_STRETCH = 4.0, 2.5
_TRIALS, _CONFIDENCE = 2000, 0.999


@dataclasses.dataclass(frozen=True, eq=False)
class Matches:
    """Pairs of features of two images.

    Attributes:
        pairs: int64 `[P, 2]`: places in the first and in the second image's features, the most certain pair first; a
            feature is in one pair at most.
        inliers: bool `[P]`: whether the transform puts the first within the tolerance of the second.
        transform: float64 `[2, 3]`, from the first image's pixels to the second's; None: no transform is agreed upon,
            and there are no inliers.
    """

    pairs: np.ndarray
    inliers: np.ndarray
    transform: np.ndarray | None

    @property
    def num_inliers(self) -> int:
        """How many pairs agree with the transform."""
        return int(self.inliers.sum())


def match(a: LocalFeatures, b: LocalFeatures, tolerance: float = TOLERANCE, seed: int = 0) -> Matches:
    """Matches the features of two images.

    A pair is made of features whose descriptors are each other's nearest, and much nearer than the nearest one of any
    other place in either image (`RATIO`, `APART`). Of pairs in one place the most certain one stays. Then RANSAC finds
    the affine transform that most pairs agree with. One that mirrors, enlarges or shrinks more than four times, or
    stretches one direction 2.5 times as much as another, is no view of the same thing and is not believed.

    Args:
        a: The first image's features.
        b: The second's, with descriptors of the same network.
        tolerance: Pixels of the second image, above 0.
        seed: Of RANSAC's draws: the same features, tolerance and seed give the same matches.

    Raises:
        InvalidArgumentError: The descriptors do not have the same number of dimensions, or `tolerance` is not above 0.
    """
    if not tolerance > 0:
        raise InvalidArgumentError("tolerance", "above 0", tolerance)
    pairs = _distinct_pairs(a, b)
    places = a.locations[pairs[:, 0]], b.locations[pairs[:, 1]]
    transform = fit_affine(*places, tolerance, seed)
    if transform is None:
        return Matches(pairs, np.zeros(len(pairs), bool), None)
    return Matches(pairs, _residuals(transform, *places) <= tolerance, transform)


def _distinct_pairs(a: LocalFeatures, b: LocalFeatures) -> np.ndarray:
    """Returns int64 `[P, 2]`, those that stand out most first."""
    if not len(a) or not len(b):
        return np.zeros((0, 2), np.int64)
    depth, other = a.descriptors.shape[1], b.descriptors.shape[1]
    if depth != other:
        raise InvalidArgumentError("descriptors", f"of {depth} dimensions, as the first image's", other)
    similarities = a.descriptors.astype("float32") @ b.descriptors.astype("float32").T
    distances = np.sqrt(np.maximum(2 - 2 * similarities, 0))
    in_b, in_a = distances.argmin(axis=1), distances.argmin(axis=0)
    rows = np.arange(len(a))
    best = distances[rows, in_b]
    second = np.minimum(_second_best(distances, in_b, b.locations), _second_best(distances.T, in_a, a.locations)[in_b])
    # Where two places are equally near, also at distance 0, neither stands out.
    ratios = np.where(best < second, best / np.maximum(second, 1e-12), 1.0)
    kept = np.flatnonzero((in_a[in_b] == rows) & (ratios <= RATIO))
    kept = kept[np.argsort(ratios[kept], kind="stable")]
    pairs = np.stack([kept, in_b[kept]], axis=1)
    return pairs[_one_a_place(a.locations[pairs[:, 0]], b.locations[pairs[:, 1]])]


def _one_a_place(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Returns bool `[P]`: whether no earlier pair that is kept is in the same place of either image.

    Cells beside each other at the images' own size, `APART` from each other, may both have a pair.
    """
    same = (cdist(a, a, "chebyshev") < APART) | (cdist(b, b, "chebyshev") < APART)
    kept = np.zeros(len(a), bool)
    for place, others in enumerate(same):
        kept[place] = not (others & kept).any()
    return kept


def _second_best(distances: np.ndarray, nearest: np.ndarray, locations: np.ndarray) -> np.ndarray:
    """Returns the distance to the nearest descriptor that is not where the nearest one is; infinite where all are.

    Args:
        distances: Floats `[M, N]`.
        nearest: Integers `[M]`, the place of the smallest in each row.
        locations: Floats `[N, 2]`.
    """
    is_there = cdist(locations, locations, "chebyshev") <= APART
    return np.where(is_there[nearest], np.inf, distances).min(axis=1)


def fit_affine(a: np.ndarray, b: np.ndarray, tolerance: float = TOLERANCE, seed: int = 0) -> np.ndarray | None:
    """Finds the affine transform that most pairs of places agree with, by OpenCV's RANSAC.

    Args:
        a: Floats `[P, 2]`, pixels of the first image.
        b: Floats `[P, 2]`, where the same things are in the second.
        tolerance: Pixels of the second image.
        seed: OpenCV always draws the same; the order of the pairs depends on the seed.

    Returns:
        float64 `[2, 3]`; None: fewer than `MIN_INLIERS` pairs agree, all are on one line, or the transform is absurd.
    """
    if len(a) < MIN_INLIERS:
        return None
    order = np.random.default_rng(seed).permutation(len(a))
    transform, _ = cv2.estimateAffine2D(
        a[order].astype("float64"),
        b[order].astype("float64"),
        method=cv2.RANSAC,
        ransacReprojThreshold=tolerance,
        maxIters=_TRIALS,
        confidence=_CONFIDENCE,
    )
    if transform is None or not np.isfinite(transform).all() or not _is_plausible(transform):
        return None
    return transform if (_residuals(transform, a, b) <= tolerance).sum() >= MIN_INLIERS else None


def _is_plausible(transform: np.ndarray) -> bool:
    largest, smallest = np.linalg.svd(transform[:, :2], compute_uv=False)
    turns = np.linalg.det(transform[:, :2]) > 0
    return turns and largest <= _MAX_SCALE and smallest >= 1 / _MAX_SCALE and largest <= _MAX_STRETCH * smallest


def _residuals(transform: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Returns how far, in pixels of the second image, each place of the first lands from its partner."""
    return np.linalg.norm(a @ transform[:, :2].T + transform[:, 2] - b, axis=1)
