"""What the model said about every example of a split."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from keras_sketch.errors import BadDataError
from keras_sketch.evaluation.ranking import check_predictions


@dataclasses.dataclass(frozen=True, eq=False)
class Predictions:
    """The probabilities of every class for every example of a split.

    Attributes:
        ids: N strings, no two equal: evaluation sees every example once.
        labels: int64 [N] in 0..K-1, the true classes.
        probabilities: float32 [N, K] in 0..1; those of an example need not sum to 1.
        class_names: K names, no two equal.
        facts: What else is known of the examples (`countrycode`, `recognized`, ...): N values each.
    """

    ids: Sequence[str]
    labels: np.ndarray
    probabilities: np.ndarray
    class_names: Sequence[str]
    facts: Mapping[str, Sequence] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        """Brings the values into the forms above and checks that they fit together.

        Raises:
            BadDataError: Lengths that differ, a repeated id or class name, a label outside the classes, or values that
                are not probabilities.
        """
        object.__setattr__(self, "ids", [as_text(value) for value in self.ids])
        object.__setattr__(self, "class_names", list(self.class_names))
        object.__setattr__(self, "probabilities", np.asarray(self.probabilities, np.float32))
        check_predictions(np.asarray(self.labels), self.probabilities)
        object.__setattr__(self, "labels", np.asarray(self.labels, np.int64))
        self._check_lengths()
        for what, values in (("example id", self.ids), ("class name", self.class_names)):
            if len(set(values)) < len(values):
                name, times = collections.Counter(values).most_common(1)[0]
                raise BadDataError(f"The {what} {name!r} occurs {times} times; every one must occur once.")
        low, high = float(self.probabilities.min()), float(self.probabilities.max())
        if low < 0 or high > 1.001:
            raise BadDataError(
                f"Probabilities from {low:.4g} to {high:.4g} are outside 0..1; logits need a softmax or sigmoid first."
            )

    @property
    def predicted(self) -> np.ndarray:
        """The most probable classes, int64 [N]."""
        return self.probabilities.argmax(axis=1)

    def _check_lengths(self) -> None:
        examples, classes = self.probabilities.shape
        if len(self.class_names) != classes:
            raise BadDataError(f"There are {len(self.class_names)} class names for {classes} probabilities an example.")
        for name, values in (("ids", self.ids), *self.facts.items()):
            if len(values) != examples:
                raise BadDataError(f"`{name}` has {len(values)} values for {examples} examples.")


@dataclasses.dataclass(frozen=True, eq=False)
class RankedPredictions:
    """The most probable classes of every example: what `predictions.csv` holds.

    Attributes:
        ids: N strings.
        labels: int64 [N], the true classes.
        ranked: int64 [N, k], the most probable classes, best first.
        scores: float32 [N, k], their probabilities.
        class_names: The names that the integers stand for.
        facts: N strings each; yes and no are `"true"` and `"false"`, what is missing is empty.
    """

    ids: list[str]
    labels: np.ndarray
    ranked: np.ndarray
    scores: np.ndarray
    class_names: list[str]
    facts: dict[str, list[str]]

    @property
    def predicted(self) -> np.ndarray:
        """The most probable classes, int64 [N]."""
        return self.ranked[:, 0]


def as_text(value: object) -> str:
    """Returns a value as it stands in a file: yes and no as `true` and `false`, what is missing as nothing.

    Bytes are decoded; what UTF-8 cannot hold, as in some file names, becomes an escape with a backslash.
    """
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    return "" if value is None else str(value).encode("utf-8", "backslashreplace").decode()
