"""Checkpoints of several workers: the chief writes and reads them, and tells the others what it read."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np

from keras_sketch.training.agreement import Workers
from keras_sketch.training.checkpoint import Checkpoints, Place


class SharedCheckpoints:
    """`Checkpoints` for all workers; only the chief needs the folder. Each method is called by all of them.

    Args:
        folder: The chief's.
        workers: Who trains together.

    Attributes:
        exist: Whether there is a state that `latest` found, or `save` wrote.
    """

    def __init__(self, folder: Path, workers: Workers):
        self.exist = False
        self._checkpoints, self._workers = Checkpoints(folder), workers

    def save(self, arrays: dict[str, np.ndarray], place: Place, metadata: dict) -> None:
        """Writes a state, as `Checkpoints.save`."""
        if self._workers.is_chief:
            self._checkpoints.save(arrays, place, metadata)
        self.exist = True

    def latest(self) -> tuple[Place, dict, dict[str, np.ndarray]] | None:
        """Returns the newest whole state that the chief has, as `Checkpoints.latest`."""
        found = self._checkpoints.latest() if self._workers.is_chief else None
        if not self._workers.is_alone:
            found = _unpacked(self._workers.from_chief(_packed(found)))
        self.exist = found is not None
        return found


def _packed(found: tuple[Place, dict, dict[str, np.ndarray]] | None) -> bytes:
    if found is None:
        return b""
    place, metadata, arrays = found
    file = io.BytesIO()
    np.savez(file, about=np.array(json.dumps([place.epoch, place.step, metadata])), **arrays)
    return file.getvalue()


def _unpacked(contents: bytes) -> tuple[Place, dict, dict[str, np.ndarray]] | None:
    if not contents:
        return None
    with np.load(io.BytesIO(contents), allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    epoch, step, metadata = json.loads(str(arrays.pop("about")))
    return Place(epoch, step), metadata, arrays
