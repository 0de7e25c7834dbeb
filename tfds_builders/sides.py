"""Handing every example to its side of a split, and counting what is on two sides at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from keras_sketch.curation.splits import SplitScheme
from tfds_builders.writing import Example, SplitWriter


class Sides:
    """The splits that are being written.

    Attributes:
        scheme: Says on which side an example is.
        writers: By split name.
    """

    def __init__(self, scheme: SplitScheme, folder: Path, limit: int | None = None):
        """Starts empty splits.

        Args:
            scheme: Says on which side an example is.
            folder: An existing folder for the writers' temporary files.
            limit: At most so many examples a split; None for all.
        """
        self.scheme = scheme
        self.writers = {}
        self._limit = limit
        self._groups: dict[str, dict[str, str]] = {split: {} for split in scheme.names}
        for split in scheme.names:
            (folder / split).mkdir()
            self.writers[split] = SplitWriter(folder / split)

    def add(self, example: Example, serialize: Callable[[Mapping[str, Any]], bytes]) -> None:
        """Hands an example to its split's writer, unless that is full.

        Args:
            example: The example.
            serialize: From `make_serializer`.
        """
        split = self.scheme.assign(example.group if self.scheme.by == "group" else example.id)
        writer = self.writers[split]
        if self._limit is not None and writer.count >= self._limit:
            return
        writer.add(example, serialize({**example.features, "id": example.id, "group": example.group}))
        if self.scheme.by != "group":
            self._groups[split].setdefault(example.id, example.group)

    def leaked(self) -> dict[str, int]:
        """Counts the held-out examples with a sibling, an example of the same group, in training.

        A scheme by group gives 0 whatever is added, since a group's side depends on its name alone: for those nothing
        is kept, so that memory stays bounded over tens of millions of drawings.

        Returns:
            Numbers of examples by split name, for all splits but `"train"`.
        """
        trained = set(self._groups.get("train", {}).values())
        return {
            split: sum(group in trained for group in groups.values())
            for split, groups in self._groups.items()
            if split != "train"
        }
