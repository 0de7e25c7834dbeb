"""How far the best guess is from the truth."""

from __future__ import annotations

import keras
import numpy.typing as npt
from keras import ops

from keras_sketch.curation.great_circles import check_centroids, haversine_km
from keras_sketch.errors import InvalidArgumentError


@keras.saving.register_keras_serializable(package="keras_sketch")
class HaversineDistance(keras.metrics.MeanMetricWrapper):
    """The mean distance in km between the true class and the one with the largest logit.

    The true class of a mixed picture is the one with the largest share.

    Args:
        centroids: `[K, 2]`: latitude and longitude of each class, in degrees.

    Raises:
        InvalidArgumentError: The centroids are none; when it is called: there are not K logits.
    """

    def __init__(self, centroids: npt.ArrayLike, name: str = "distance_km", dtype=None):
        points = check_centroids(centroids)
        km = haversine_km(points[:, None], points).astype("float32")
        super().__init__(_km_of_best_guess, name=name, dtype=dtype, km=km)
        self.centroids = points

    def get_config(self):
        """Returns the arguments."""
        return {"centroids": self.centroids.tolist(), "name": self.name, "dtype": self.dtype}


def _km_of_best_guess(y_true, y_pred, km):
    """Returns float32 `[N]` for logits `[N, K]` and integers `[N]` or `[N, 1]`, or shares `[N, K]`."""
    if y_pred.shape[-1] != len(km):
        raise InvalidArgumentError("centroids", f"as many as there are logits, {y_pred.shape[-1]}", len(km))
    if len(y_true.shape) == 2 and y_true.shape[-1] == y_pred.shape[-1]:
        y_true = ops.argmax(y_true, axis=-1)
    true, guessed = ops.cast(ops.reshape(y_true, (-1,)), "int32"), ops.cast(ops.argmax(y_pred, axis=-1), "int32")
    return ops.take(ops.reshape(km, (-1,)), true * len(km) + guessed)
