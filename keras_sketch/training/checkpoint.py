"""The state of a run between two steps, as one file."""

from __future__ import annotations

import dataclasses
import json
import re
import warnings
from pathlib import Path

import keras
import numpy as np

from keras_sketch.errors import RunFolderError
from keras_sketch.files import atomic_write

_KEPT = 2
_NAME = re.compile(r"state-(\d+)-(\d+)\.npz")

State = dict[str, list[keras.Variable]]
"""Variables, in an order that does not change, by kind: `"model"`, `"optimizer"`, `"metrics"`."""


@dataclasses.dataclass(frozen=True)
class Place:
    """Where in a run something is: the next step to take is `step` of `epoch`, both counted from 0."""

    epoch: int = 0
    step: int = 0


class Checkpoints:
    """The states in a run's `checkpoints/` folder; the last two are kept.

    A state holds, by position, the arrays of the whole network's `variables` (weights and dropout's seeds), whichever
    part of it is trained, of `optimizer.variables` and of `metrics_variables`; and JSON metadata: the place, the
    history so far, and the class names.
    """

    def __init__(self, folder: Path):
        self._folder = folder

    @property
    def exist(self) -> bool:
        """Whether there is a state, whole or damaged."""
        return bool(self._states())

    def save(self, arrays: dict[str, np.ndarray], place: Place, metadata: dict) -> None:
        """Writes a state's arrays, and others, at `place`; removes older ones but the last, and any of later places."""
        self._folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({**metadata, **dataclasses.asdict(place)})
        newest = self._folder / f"state-{place.epoch:05d}-{place.step:08d}.npz"
        with atomic_write(newest, "wb") as file:
            np.savez(file, metadata=np.array(text), **arrays)
        states = self._states()
        count = states.index(newest) + 1
        # Later ones are damaged, or of a run that was not gone on with.
        for state in (*states[: max(0, count - _KEPT)], *states[count:]):
            state.unlink()

    def latest(self) -> tuple[Place, dict, dict[str, np.ndarray]] | None:
        """Reads the newest whole state: its place, metadata and arrays; None when there is no state at all.

        A damaged newest state is passed over, with a warning, for the one before.

        Raises:
            RunFolderError: There are states, and all of them are damaged.
        """
        states = self._states()
        for file in reversed(states):
            try:
                with np.load(file, allow_pickle=False) as stored:
                    arrays = {name: stored[name] for name in stored.files}
                metadata = json.loads(str(arrays.pop("metadata")))
                return Place(metadata.pop("epoch"), metadata.pop("step")), metadata, arrays
            except Exception as error:
                # Whatever flipped bits make of an archive: NumPy and zipfile raise ten kinds of errors.
                warnings.warn(f"The checkpoint {file} is damaged ({error}); using the one before.", stacklevel=2)
        if states:
            raise RunFolderError(f"Every checkpoint in {self._folder} is damaged. Start again in another --output-dir.")
        return None

    def _states(self) -> list[Path]:
        return sorted(file for file in self._folder.glob("state-*.npz") if _NAME.fullmatch(file.name))


def network_state(network: keras.Model) -> State:
    """Returns the variables of a whole network."""
    return {"model": network.variables}


def fitting_state(model: keras.Model) -> State:
    """Returns the variables of a compiled model's optimizer and metrics."""
    return {"optimizer": model.optimizer.variables, "metrics": model.metrics_variables}


def arrays_of(state: State) -> dict[str, np.ndarray]:
    """Returns what variables hold, under the names that `restore` knows."""
    return {name: np.array(keras.ops.convert_to_numpy(variable)) for name, variable in _named(state).items()}


def restore(state: State, arrays: dict[str, np.ndarray]) -> None:
    """Puts stored arrays back into variables.

    Args:
        state: Variables of the same network, optimizer or metrics as those that were saved.
        arrays: From `Checkpoints.latest`; of them only what the state has is put back.

    Raises:
        RunFolderError: The arrays do not fit.
    """
    variables = _named(state)
    stored = {name: each for name, each in arrays.items() if name.split("/")[0] in state}
    shapes = {name: tuple(each.shape) for name, each in variables.items()}
    if shapes != {name: each.shape for name, each in stored.items()}:
        raise RunFolderError("The checkpoint belongs to another network, optimizer or version of Keras; start again.")
    for name, variable in variables.items():
        variable.assign(stored[name])


def restore_network(network: keras.Model, arrays: dict[str, np.ndarray]) -> None:
    """Puts a network's stored arrays back, as `restore` does, and renews what was made of the old ones."""
    restore(network_state(network), arrays)
    scalings = [layer for layer in network.layers if isinstance(layer, keras.layers.Normalization)]
    if scalings:
        for layer in scalings:
            # It computes with constants made of its weights (EfficientNet's scaling); assigning does not renew them.
            layer.finalize_state()
        # Nor does it in functions that are traced already.
        network.make_train_function(force=True)
        network.make_test_function(force=True)
        network.make_predict_function(force=True)


def _named(state: State) -> dict[str, keras.Variable]:
    return {f"{kind}/{i:05d}": each for kind, group in state.items() for i, each in enumerate(group)}
