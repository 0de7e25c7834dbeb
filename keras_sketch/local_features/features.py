"""The local features of one image."""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class LocalFeatures:
    """What stands out in an image, and where; strongest first.

    Attributes:
        locations: float32 `[M, 2]`: x and y of the middle of what each feature sees, in pixels of the image, the middle
            of the first pixel being 0, 0.
        scales: float32 `[M]`: how much the image was enlarged (above 1) or made smaller for the feature.
        scores: float32 `[M]`: the attention, at least 0.
        descriptors: float32 `[M, D]`, each of length 1.
    """

    locations: np.ndarray
    scales: np.ndarray
    scores: np.ndarray
    descriptors: np.ndarray

    def __len__(self) -> int:
        return len(self.scores)

    def strongest(self, count: int) -> LocalFeatures:
        """Returns the first so many of them, or all there are."""
        return LocalFeatures(*(getattr(self, field.name)[:count] for field in dataclasses.fields(self)))
