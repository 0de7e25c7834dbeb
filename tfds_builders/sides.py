"""Handing every example to its side of a split, and counting what is on two sides at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_sketch.curation.splits import SplitScheme
from tfds_builders.writing import Example, SplitWriter

_PAIR = np.dtype([("id", "<u8"), ("group", "<u8")])


class Sides:
    """The splits that are being written.

    Attributes:
        scheme: Says on which side an example is.
        writers: By split name: the scheme's splits, and those that examples say themselves.
    """

    def __init__(self, scheme: SplitScheme, folder: Path, limit: int | None = None):
        """Starts empty splits.

        Args:
            scheme: Says on which side an example is.
            folder: An existing folder for the writers' temporary files.
            limit: At most so many examples a split; None for all.
        """
        self.scheme = scheme
        self.writers: dict[str, SplitWriter] = {}
        self._folder = folder
        self._limit = limit
        self._groups: dict[str, _Groups] = {}
        for split in scheme.names:
            self._start(split)
            if scheme.by != "group":
                self._groups[split] = _Groups(folder / f"groups-{split}")

    def add(self, example: Example, serialize: Callable[[Mapping[str, Any]], bytes]) -> None:
        """Hands an example to its split's writer, unless that is full.

        Args:
            example: The example.
            serialize: From `make_serializer`.
        """
        split = example.split or self.scheme.assign(example.group if self.scheme.by == "group" else example.id)
        if split not in self.writers:
            self._start(split)
        writer = self.writers[split]
        if self._limit is not None and writer.count >= self._limit:
            return
        writer.add(example, serialize({**example.features, "id": example.id, "group": example.group}))
        if split in self._groups:
            self._groups[split].add(example.id, example.group)

    def leaked(self) -> dict[str, int]:
        """Counts the held-out examples with a sibling, an example of the same group, in training.

        A scheme by group gives 0 whatever is added, since a group's side depends on its name alone: for those nothing
        is kept. Otherwise 16 bytes an example lie on disk until they are counted here. Of examples with one id, the
        first counts.

        Returns:
            Numbers of examples by split name, for all the scheme's splits but `"train"`.
        """
        held_out = [split for split in self.scheme.names if split != "train"]
        if not self._groups:
            return dict.fromkeys(held_out, 0)
        trained = np.unique(self._groups["train"].read()) if "train" in self._groups else np.empty(0, _PAIR["group"])
        return {split: int(np.isin(self._groups[split].read(), trained).sum()) for split in held_out}

    def _start(self, split: str) -> None:
        (self._folder / split).mkdir()
        self.writers[split] = SplitWriter(self._folder / split)


class _Groups:
    """The groups of a split's examples, as digests of 8 bytes in a file."""

    _HELD = 1 << 16

    def __init__(self, path: Path):
        self._path = path
        self._path.touch()
        self._pairs: list[bytes] = []

    def add(self, identity: str, group: str) -> None:
        self._pairs += (_digest(identity), _digest(group))
        if len(self._pairs) >= self._HELD:
            self._spill()

    def read(self) -> np.ndarray:
        """Gives the groups' digests, one for each id."""
        self._spill()
        pairs = np.fromfile(self._path, _PAIR)
        _, first = np.unique(pairs["id"], return_index=True)
        return pairs["group"][first]

    def _spill(self) -> None:
        with self._path.open("ab") as file:
            file.writelines(self._pairs)
        self._pairs.clear()


def _digest(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=8).digest()
