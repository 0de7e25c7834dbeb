"""PCA of more descriptors than fit into memory."""

from __future__ import annotations

import numpy as np

from keras_sketch.errors import BadDataError


class PrincipalComponents:
    """Adds up what a PCA needs, rows by rows, in float64; the memory does not grow with their number.

    Args:
        depth: Numbers a row.
    """

    def __init__(self, depth: int):
        self.count = 0
        self._shift: np.ndarray | None = None
        self._sum, self._products = np.zeros(depth), np.zeros((depth, depth))

    def update(self, rows: np.ndarray) -> None:
        """Takes rows `[N, depth]` into account."""
        rows = np.asarray(rows, "float64")
        if not len(rows):
            return
        if self._shift is None:
            # Near the mean: the products of what is left lose nothing to it.
            self._shift = rows.mean(axis=0)
        rows = rows - self._shift
        self.count += len(rows)
        self._sum += rows.sum(axis=0)
        self._products += rows.T @ rows

    def solve(self, dimensions: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the mean and the components with the largest variance, largest first; not whitened.

        Args:
            dimensions: How many components.

        Returns:
            float32 `[depth]`, and float32 `[depth, dimensions]` with columns of length 1, in each of which the number
            farthest from 0 is positive.

        Raises:
            BadDataError: There were fewer rows than dimensions.
        """
        if self.count <= dimensions:
            raise BadDataError(
                f"{dimensions} dimensions need more than {dimensions} features to find them, and the images have "
                f"{self.count}. Give more or larger images (--image-size), or fewer dimensions (--dimensions)."
            )
        mean = self._sum / self.count
        covariance = self._products / self.count - np.outer(mean, mean)
        _, vectors = np.linalg.eigh(covariance)
        components = vectors[:, ::-1][:, :dimensions]
        signs = np.sign(components[np.abs(components).argmax(axis=0), np.arange(dimensions)])
        return (mean + self._shift).astype("float32"), (components * signs).astype("float32")
