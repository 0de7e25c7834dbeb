"""Global average precision of examples that come in batches."""

from __future__ import annotations

import math

import keras
from keras import ops

from keras_sketch.errors import InvalidArgumentError

_ACTIVATIONS = {None: lambda scores: scores, "softmax": ops.softmax, "sigmoid": ops.sigmoid}
_MOST = 2**24  # up to which float32 counts exactly
_SHORTEST = 1024  # of the prefixes that are sorted; each is four times the one before


@keras.saving.register_keras_serializable(package="keras_sketch")
class GlobalAveragePrecision(keras.metrics.Metric):
    """`global_average_precision` of each row's largest score, exact: it keeps a score and a flag for every example.

    Whatever the batches, and on however many replicas, the result is that of all examples at once. Scores are float32,
    and an activation makes equal numbers of large logits (a sigmoid of 17 and more is 1): equal scores keep the order
    in which they came, on one replica, and are in any order on several. A score that is NaN makes the result NaN.

    Keras asks for the result at every step. That costs a sort of what has come so far, rounded up to a quarter of the
    capacity, a sixteenth, and so on; a metric of validation costs less than one of training, and so does a capacity
    that is near the number of examples.

    Args:
        capacity: Examples a replica that there is room for, 8 bytes each. With more of them eager calls raise an error,
            compiled ones fail with TensorFlow's, and where they cannot (XLA, another backend) the result is NaN.
        activation: What makes scores of logits: `"softmax"`, `"sigmoid"`; None: they are taken as they are.

    Raises:
        InvalidArgumentError: The capacity is not a positive number, or the activation has another name; when it is
            called: there are weights of examples, or more examples than the capacity; or it was made outside of the
            scope of the strategy that it is used in.
    """

    def __init__(
        self, capacity: int = 2**20, activation: str | None = None, name: str = "gap", dtype: str | None = None
    ):
        super().__init__(name=name, dtype=dtype)
        if isinstance(capacity, bool) or not isinstance(capacity, int) or not 0 < capacity <= _MOST:
            raise InvalidArgumentError("capacity", "a positive number of examples, at most 2^24", capacity)
        if activation not in _ACTIVATIONS:
            raise InvalidArgumentError("activation", "softmax, sigmoid or None", activation)
        self.capacity, self.activation, self.replicas = capacity, activation, _replicas()
        # On reading, replicas' variables are summed: each has a row of its own, and zeros in the others'. Outside of a
        # replica TensorFlow divides what is assigned among them, which integers would not survive.
        shapes = {"scores": (self.replicas, capacity), "right": (self.replicas, capacity)}
        shapes |= {"seen": (self.replicas,), "landmarks": (self.replicas,)}
        for variable, shape in shapes.items():
            setattr(self, variable, self.add_variable(shape, "zeros", dtype="float32", name=variable))

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch of examples.

        Args:
            y_true: Integers `[N]` or `[N, 1]`, -1: there is no landmark. Or shares `[N, K]` of a mixed picture, whose
                landmark is that with the largest share.
            y_pred: Floats `[N, K]`: scores, or logits where there is an activation.
            sample_weight: None; GAP has no weights.
        """
        if sample_weight is not None:
            raise InvalidArgumentError("sample_weight", "left out: GAP has no weights of examples", sample_weight)
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.cast(y_pred, "float32")
        if len(y_true.shape) == 2 and y_true.shape[-1] == y_pred.shape[-1] > 1:
            y_true = ops.argmax(y_true, axis=-1)
        labels = ops.cast(ops.reshape(y_true, (-1,)), "int32")
        right = ops.cast(labels == ops.cast(ops.argmax(y_pred, axis=-1), "int32"), "float32")
        scores = ops.max(_ACTIVATIONS[self.activation](y_pred), axis=-1)
        replica, count = self._replica(), ops.shape(scores)[0]
        begin = _whole(self.seen)[replica]
        self._check_room(begin + count)
        places = ops.minimum(begin + ops.arange(count, dtype="int32"), self.capacity - 1)
        slots = ops.stack([ops.zeros_like(places) + replica, places], axis=-1)
        self.scores.assign(ops.scatter_update(self.scores, slots, scores))
        self.right.assign(ops.scatter_update(self.right, slots, right))
        own = ops.cast(ops.arange(self.replicas) == replica, "float32")
        self.seen.assign(self.seen + own * ops.cast(count, "float32"))
        self.landmarks.assign(self.landmarks + own * ops.sum(ops.cast(labels >= 0, "float32")))

    def result(self):
        """Returns GAP of the examples so far, in 0..1; 0 where none has a landmark."""
        scores, right, seen = ops.convert_to_tensor(self.scores), _whole(self.right), _whole(self.seen)
        most = ops.max(seen)
        lengths = [self.capacity]
        while lengths[0] > _SHORTEST:
            lengths.insert(0, max(_SHORTEST, math.ceil(lengths[0] / 4)))
        # A length is part of a compiled program: there is a branch for each.
        chosen = ops.sum(ops.cast(most > ops.convert_to_tensor(lengths[:-1], "int32"), "int32"))
        branches = [
            lambda length=length: _precisions(scores[:, :length], right[:, :length], seen) for length in lengths
        ]
        total = ops.switch(chosen, branches) if len(branches) > 1 else branches[0]()
        found = total / ops.cast(ops.maximum(ops.sum(_whole(self.landmarks)), 1), "float32")
        return ops.cast(ops.where(most > self.capacity, math.nan, found), self.dtype)

    def get_config(self):
        """Returns the arguments."""
        return {"capacity": self.capacity, "activation": self.activation, "name": self.name, "dtype": self.dtype}

    def _replica(self):
        """Returns the number of the replica that this is called in."""
        if _replicas() != self.replicas:
            received = f"made for {self.replicas} and used with {_replicas()}"
            raise InvalidArgumentError("replicas", "those of the scope in which the metric was made", received)
        if self.replicas == 1:
            return 0
        import tensorflow as tf

        here = tf.distribute.get_replica_context()
        return 0 if here is None else ops.cast(here.replica_id_in_sync_group, "int32")

    def _check_room(self, needed) -> None:
        if keras.config.backend() != "tensorflow":
            return
        import tensorflow as tf

        if tf.executing_eagerly():
            if int(needed) > self.capacity:
                raise InvalidArgumentError("capacity", f"at least the number of examples, {int(needed)}", self.capacity)
        else:
            message = f"GlobalAveragePrecision has room for {self.capacity} examples a replica: give a larger capacity."
            tf.debugging.assert_less_equal(needed, self.capacity, message)


def _whole(numbers):
    return ops.cast(ops.round(numbers), "int32")


def _replicas() -> int:
    if keras.config.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    return tf.distribute.get_strategy().num_replicas_in_sync


def _precisions(scores, right, seen):
    """Returns the sum of the precisions at the right guesses, float32; NaN where a score is.

    Args:
        scores: float32 `[R, n]`.
        right: int32 `[R, n]`, 0 or 1; 0 where there is no example.
        seen: int32 `[R]`: in how many places of each row there is an example.
    """
    taken = ops.arange(scores.shape[1], dtype="int32")[None] < seen[:, None]
    order = ops.argsort(ops.reshape(ops.where(taken, -scores, math.inf), (-1,)))
    right, taken = (ops.take(ops.reshape(ops.cast(each, "int32"), (-1,)), order) for each in (right, taken))
    ranks = ops.maximum(ops.cumsum(taken), 1)
    precisions = ops.cast(right * ops.cumsum(right), "float32") / ops.cast(ranks, "float32")
    broken = ops.any(ops.isnan(scores))
    return ops.where(broken, math.nan, ops.sum(precisions))
