"""Losses that know how far apart the classes are."""

from __future__ import annotations

import math
from numbers import Real

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from keras_sketch.curation.great_circles import EARTH_RADIUS_KM, check_centroids, haversine_radians
from keras_sketch.errors import InvalidArgumentError
from keras_sketch.losses.cross_entropy import CrossEntropy
from keras_sketch.losses.targets import default_dtype, precise


@keras.saving.register_keras_serializable(package="keras_sketch")
class CrossEntropyHaversine(CrossEntropy):
    """Softmax cross entropy plus `alpha` times the expected distance to the true class, in Earth radii.

    Predictions are logits, as all of this package's networks give them; a model that ends in a softmax is not one.
    The distance, 0 to pi, is the mean under the predicted probabilities: that of the best guess has no gradient. Label
    smoothing is the cross entropy's alone. The distances between classes are constants, so that the gradient is finite
    where the distance itself has none, at a point and at its antipode.

    Args:
        centroids: `[K, 2]`: latitude and longitude of each class, in degrees.
        alpha: Weight of the distance, at least 0; 0: cross entropy.
        label_smoothing: 0 to 1.

    Raises:
        InvalidArgumentError: The centroids are none, or `alpha` is not a finite number of at least 0; when it is
            called: there are not K logits.
    """

    def __init__(
        self,
        centroids: npt.ArrayLike,
        alpha: float = 2.5,
        label_smoothing: float = 0.0,
        name: str = "cross_entropy_haversine",
        **kwargs,
    ):
        super().__init__(label_smoothing, name=name, **kwargs)
        if not (isinstance(alpha, Real) and math.isfinite(alpha) and alpha >= 0):
            raise InvalidArgumentError("alpha", "a number of at least 0", alpha)
        self.centroids, self.alpha = check_centroids(centroids), float(alpha)
        self._radians = _radians_between(self.centroids)

    def call(self, y_true, y_pred):
        """Returns floats `[N]` for logits `[N, K]` and integers `[N]` or `[N, 1]`, or shares `[N, K]`."""
        _check_logits(y_pred, self.centroids)
        probabilities = ops.softmax(precise(y_pred), axis=-1)
        distance = ops.sum(probabilities * _rows(self._radians, y_true, probabilities.dtype), axis=-1)
        return super().call(y_true, y_pred) + self.alpha * distance

    def get_config(self):
        """Returns the arguments."""
        return {**super().get_config(), "centroids": self.centroids.tolist(), "alpha": self.alpha}


@keras.saving.register_keras_serializable(package="keras_sketch")
class HaversineSmoothing(keras.losses.Loss):
    """Softmax cross entropy of logits, with targets that fall off with the distance d to the true class.

    The target is exp(-d / tau), divided by its sum over the classes (after Haas et al. 2024, "PIGEON: Predicting Image
    Geolocations", whose distances are from the photo, less that of its own class). The least loss is not 0 but the
    entropy of the targets.

    Args:
        centroids: `[K, 2]`: latitude and longitude of each class, in degrees.
        tau: The distance, in km, over which a target falls by a factor of e; above 0.

    Raises:
        InvalidArgumentError: The centroids are none, or `tau` is not a positive number; when it is called: there are
            not K logits.
    """

    def __init__(self, centroids: npt.ArrayLike, tau: float = 250.0, name: str = "haversine_smoothing", **kwargs):
        super().__init__(name=name, **{"dtype": default_dtype(), **kwargs})
        if not (isinstance(tau, Real) and math.isfinite(tau) and tau > 0):
            raise InvalidArgumentError("tau", "a positive number of km", tau)
        self.centroids, self.tau = check_centroids(centroids), float(tau)
        falling = np.exp(-_radians_between(self.centroids) * EARTH_RADIUS_KM / self.tau)
        self._targets = falling / falling.sum(axis=-1, keepdims=True)

    def call(self, y_true, y_pred):
        """Returns floats `[N]` for logits `[N, K]` and integers `[N]` or `[N, 1]`, or shares `[N, K]`."""
        _check_logits(y_pred, self.centroids)
        log_probabilities = ops.log_softmax(precise(y_pred), axis=-1)
        return -ops.sum(_rows(self._targets, y_true, log_probabilities.dtype) * log_probabilities, axis=-1)

    def get_config(self):
        """Returns the arguments."""
        return {**super().get_config(), "centroids": self.centroids.tolist(), "tau": self.tau}


def _radians_between(points: np.ndarray) -> np.ndarray:
    """Returns float64 `[K, K]`, exactly 0 on the diagonal."""
    return haversine_radians(points[:, None], points)


def _check_logits(y_pred, centroids: np.ndarray) -> None:
    if y_pred.shape[-1] != len(centroids):
        raise InvalidArgumentError("centroids", f"as many as there are logits, {y_pred.shape[-1]}", len(centroids))


def _rows(table: np.ndarray, y_true, dtype: str):
    """Returns the rows of a `[K, K]` table for integers `[N]` or `[N, 1]`, or their mean for shares `[N, K]`."""
    constants = ops.convert_to_tensor(table, dtype=dtype)
    if len(y_true.shape) == 2 and y_true.shape[-1] == len(table):
        return ops.matmul(ops.cast(y_true, dtype), constants)
    return ops.take(constants, ops.cast(ops.reshape(y_true, (-1,)), "int32"), axis=0)
