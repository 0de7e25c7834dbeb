"""What the trials of a search tried and gave, as its pictures take it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from keras_sketch.errors import BadDataError
from keras_sketch.evaluation.value_axis import ValueAxis


@dataclasses.dataclass(frozen=True, eq=False)
class SearchTrials:
    """The trials of a search.

    Attributes:
        values: By the name to show, an axis with the trials' values.
        scores: Floats [N], higher is better; NaN where training failed.
        score_name: What the axis of the scores is called.
        best: The place of the trial to point out.

    Raises:
        BadDataError: No score is finite.
    """

    values: Mapping[str, ValueAxis]
    scores: np.ndarray
    score_name: str
    best: int

    def __post_init__(self):
        if not self.finite.any():
            raise BadDataError("There are no scores to draw: every trial failed.")

    @property
    def finite(self) -> np.ndarray:
        """Bools [N]: which trials have a score."""
        return np.isfinite(self.scores)
