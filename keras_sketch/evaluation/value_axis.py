"""Where the values of a search stand on an axis: evenly, or by their logarithm, with a place for zero."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.ticker import MaxNLocator


class ValueAxis:
    """An axis from 0 to 1 for the values that were tried.

    Args:
        values: All of them, finite; at least 0 on a logarithmic axis, where 0 stands a decade below the smallest other.
        logarithmic: Whether places go by the logarithm.
        listed: Whether the values were chosen from a list: each has its own tick then.

    Attributes:
        listed: As given.
        places: Of `values`, in their order.
        ticks: The places and labels of the ticks.
    """

    def __init__(self, values: Sequence[float], logarithmic: bool = False, listed: bool = False):
        different = sorted(set(map(float, values)))
        positive = [value for value in different if value > 0]
        self.listed, self._logarithmic = listed, logarithmic and bool(positive)
        self._zero = math.log10(positive[0]) - 1 if positive else 0.0
        self._low, self._high = self._raw(different[0]), self._raw(different[-1])
        self.places = np.array([self._place(value) for value in values])
        marked = different if listed else self._round_values(different[0], different[-1])
        self.ticks = [(self._place(value), f"{value:g}".replace("e-0", "e-")) for value in marked]

    def spread(self, width: float) -> np.ndarray:
        """Returns the places with those of one value beside each other, within `width` on both sides together."""
        spread = self.places.copy()
        for value in set(self.places) if self.listed else ():
            same = np.flatnonzero(self.places == value)
            spread[same] += width * ((np.arange(len(same)) + 0.5) / len(same) - 0.5)
        return spread

    def _raw(self, value: float) -> float:
        if not self._logarithmic:
            return value
        return math.log10(value) if value > 0 else self._zero

    def _place(self, value: float) -> float:
        size = self._high - self._low
        return (self._raw(value) - self._low) / size if size else 0.5

    def _round_values(self, low: float, high: float) -> list[float]:
        if self._logarithmic:
            decades = range(math.ceil(self._low - 1e-9), math.floor(self._high + 1e-9) + 1)
            found = [10.0**decade for decade in decades]
        else:
            found = [value for value in MaxNLocator(6).tick_values(low, high) if low <= value <= high]
        return found if len(found) > 1 else sorted({low, high})
