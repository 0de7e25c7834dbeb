"""Made-up towns: a grid of streets that bends, with uneven blocks, dead ends and diagonals."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

_LONGEST_BLOCK = (1.0, 1.5)  # a town's blocks, longer one way than the other by this
_UNEVEN = 0.25  # a street is up to so much of a block nearer to the next one, or farther
_BENDS = 0.35  # blocks by which streets bend, over some ten blocks
_CROOKED = 0.07  # standard deviation, in blocks, of each crossing's place
_MISSING = (0.02, 0.10)  # share of the streets between two crossings that are not there
_DIAGONAL = (0.05, 0.30)  # share of the blocks with a diagonal


class StreetNetwork(NamedTuple):
    """Crossings and the streets between them.

    Attributes:
        crossings: float64 [nodes, 2].
        streets: int64 [edges, 2], the crossings at the two ends of each.
    """

    crossings: np.ndarray
    streets: np.ndarray


def make_town(rng: np.random.Generator, radius: float) -> StreetNetwork:
    """Makes up a town that covers a circle around the origin.

    Args:
        rng: Decides everything.
        radius: In blocks.

    Returns:
        The network, its unit of length a block.
    """
    longest = rng.uniform(*_LONGEST_BLOCK)
    shape = [2 * math.ceil(radius / longest) + 3, 2 * math.ceil(radius) + 3]
    if rng.random() < 0.5:
        shape.reverse()
    steps = [longest if count < 2 * math.ceil(radius) + 3 else 1.0 for count in shape]
    lines = []
    for count, step in zip(shape, steps, strict=True):
        line = (np.arange(count) - (count - 1) / 2) * step
        lines.append(line + rng.uniform(-_UNEVEN, _UNEVEN, count) * step)
    grid = np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1)
    phases = rng.uniform(0, 2 * math.pi, (2, 2))
    waves = rng.uniform(0.4, 0.8, (2, 2))
    bends = rng.uniform(0, _BENDS, 2)
    for axis in (0, 1):
        angle = grid @ waves[axis] + phases[axis, 0]
        grid[..., axis] += bends[axis] * np.sin(angle)
    grid += rng.normal(0, _CROOKED, grid.shape)
    turn = rng.choice([0.0, rng.uniform(-math.pi / 4, math.pi / 4)], p=[0.25, 0.75])
    rotation = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    return StreetNetwork(grid.reshape(-1, 2) @ rotation, _streets(rng, *shape))


def _streets(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    numbers = np.arange(rows * columns).reshape(rows, columns)
    along = np.stack((numbers[:, :-1].ravel(), numbers[:, 1:].ravel()), axis=1)
    across = np.stack((numbers[:-1].ravel(), numbers[1:].ravel()), axis=1)
    straight = np.concatenate((along, across))
    straight = straight[rng.random(len(straight)) >= rng.uniform(*_MISSING)]
    falling = np.stack((numbers[:-1, :-1].ravel(), numbers[1:, 1:].ravel()), axis=1)
    rising = np.stack((numbers[1:, :-1].ravel(), numbers[:-1, 1:].ravel()), axis=1)
    diagonal = np.where(rng.random((len(falling), 1)) < 0.5, falling, rising)
    return np.concatenate((straight, diagonal[rng.random(len(diagonal)) < rng.uniform(*_DIAGONAL)]))
