"""The callback that keeps a run's history, best weights and checkpoints."""

from __future__ import annotations

import math
import signal
import time
from pathlib import Path

import keras
import numpy as np

from keras_sketch.errors import DivergedError, RunInterrupted, TrainingError
from keras_sketch.recipes import Stage
from keras_sketch.training.agreement import Workers
from keras_sketch.training.checkpoint import Place, arrays_of, fitting_state, network_state, restore
from keras_sketch.training.history import Row, best_epoch, monitored_losses, should_stop, write_history
from keras_sketch.training.schedules import plateau_rate
from keras_sketch.training.shared_checkpoints import SharedCheckpoints
from keras_sketch.training.stopping import GRACE_SECONDS, StopRequest

SAVE_EVERY_SECONDS = 30.0
SAVING_SHARE = 0.015
"""The largest share of the time that goes into saving: where a checkpoint takes long, there are fewer."""


class Recorder(keras.callbacks.Callback):
    """Writes a history row an epoch, remembers the best weights, and saves the state now and then and on a stop.

    At each epoch's start it sets the rate of a stage with the schedule `"plateau"`, which follows from its rows so far.
    A row's `learning_rate` is the stage's, as the next step of the epoch would have it; `learning_rate_1`,
    `learning_rate_2` and so on are those of its layer groups, from the input to the head, where it has them; and
    `frozen` names the blocks that the stage does not train wherever they are, if any.

    On several machines every worker has one. They save and stop after the same step, and only the chief's writes.

    Args:
        network: The whole network: its weights are kept, whichever part of it is trained.
        folder: The run's folder.
        steps_per_epoch: Training steps an epoch.
        patience: Epochs without a better validation loss before training stops; None: never.
        labels: Class names and whatever else travels with a checkpoint.
        stop: Asked between two steps.
        workers: Who trains together.
    """

    def __init__(
        self,
        network: keras.Model,
        folder: Path,
        steps_per_epoch: int,
        patience: int | None,
        labels: dict,
        stop: StopRequest,
        workers: Workers,
    ):
        super().__init__()
        self._network = network
        self.rows: list[Row] = []
        self.place = self.last_step = Place()
        self.stage: Stage | None = None
        self.stage_start = 0
        self.best: list[np.ndarray] | None = None
        self.folder, self._steps, self._patience = folder, steps_per_epoch, patience
        self._labels, self._stop = labels, stop
        self.workers = workers
        self._checkpoints = SharedCheckpoints(folder / "checkpoints", self.workers)
        # Of the epoch's training, while the model's variables hold others: before a resumed epoch, and in validation.
        self._metrics: dict[str, np.ndarray] | None = None
        self._saved_at, self._saving_took = time.monotonic(), 0.0

    @property
    def finished(self) -> bool:
        """Whether patience ran out."""
        return bool(self.rows) and should_stop(self.rows, self._patience)

    def resume(self) -> dict[str, np.ndarray] | None:
        """Takes up place, history and best weights of the newest checkpoint; returns its other arrays, if any."""
        found = self._checkpoints.latest()
        if found is None:
            return None
        self.place, metadata, arrays = found
        self.rows = metadata["history"]
        best = {name: arrays.pop(name) for name in list(arrays) if name.startswith("best/")}
        self.best = [best[name] for name in sorted(best)] or None
        metrics = {name: array for name, array in arrays.items() if name.startswith("metrics/")}
        self._metrics = metrics if self.place.step else None
        self._remember_last_words()
        return arrays

    def begin_stage(self, model: keras.Model, stage: Stage, first_epoch: int) -> None:
        """Takes up a compiled model and its stage; a run without a checkpoint gets its first one here."""
        self.set_model(model)
        self.stage, self.stage_start = stage, first_epoch
        if not self._checkpoints.exist:
            self.save()

    def save(self) -> None:
        """Writes a checkpoint of this moment.

        Raises:
            DivergedError: A number in the network is not finite; no checkpoint is written.
            TrainingError: It cannot be written; the one before is as it was.
        """
        begun = time.monotonic()
        network = arrays_of(network_state(self._network))
        if not all(np.isfinite(array).all() for array in network.values()):
            raise DivergedError(f"Weights are not finite in epoch {self.place.epoch + 1} after step {self.place.step}.")
        best = {f"best/{i:05d}": array for i, array in enumerate(self.best or [])}
        arrays = {**network, **arrays_of(fitting_state(self.model)), **(self._metrics or {}), **best}
        try:
            self._checkpoints.save(arrays, self.place, {**self._labels, "history": self.rows})
        except OSError as error:
            raise self._cannot_write("a checkpoint", error) from error
        self._saved_at = time.monotonic()
        self._saving_took = self._saved_at - begun
        self._remember_last_words()

    def on_epoch_begin(self, epoch, logs=None):
        """Sets the rate where it depends on the losses, and puts back the metrics of an epoch that was broken off."""
        stage = self.stage
        if stage.schedule == "plateau":
            losses = monitored_losses(self.rows[self.stage_start :])
            self.model.optimizer.learning_rate = plateau_rate(
                losses, stage.learning_rate, stage.plateau, stage.final_rate
            )
        if self._metrics is not None:
            restore({"metrics": self.model.metrics_variables}, self._metrics)
            self._metrics = None

    def on_train_batch_end(self, batch, logs=None):
        """Counts the step; saves when it is time to, or when the run is to stop."""
        self.last_step = self.place
        if not math.isfinite(logs["loss"]):
            raise DivergedError(
                f"The loss is {float(logs['loss'])} in epoch {self.place.epoch + 1}, step {self.place.step + 1}."
            )
        self.place = Place(self.place.epoch, self.place.step + 1)
        self._save_if_due()

    def on_test_begin(self, logs=None):
        """Keeps the metrics of the epoch's training, for a stop while the validation uses their variables."""
        self._metrics = arrays_of({"metrics": self.model.metrics_variables})

    def on_test_batch_end(self, batch, logs=None):
        """Saves and ends when the run is to stop."""
        self._save_if_due(in_time=False)

    def on_epoch_end(self, epoch, logs=None):
        """Writes the epoch's row and looks whether it is the best, or the last."""
        self._metrics = None
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        groups = {f"learning_rate_{i}": rate * factor for i, factor in enumerate(self.stage.group_rates, start=1)}
        frozen = {"frozen": " ".join(self.stage.frozen)} if self.stage.frozen else {}
        about = {"epoch": epoch + 1, "stage": self.stage.name, **frozen}
        self.rows.append({**about, **logs, "learning_rate": rate, **groups})
        if self.workers.is_chief:
            try:
                write_history(self.folder / "history.csv", self.rows)
            except OSError as error:
                raise self._cannot_write("history.csv", error) from error
        if best_epoch(self.rows) == len(self.rows) - 1:
            self.best = [np.array(keras.ops.convert_to_numpy(variable)) for variable in self._network.weights]
        self.place = Place(epoch + 1)
        if self.finished:
            self.model.stop_training = True
        self._save_if_due()

    def stop_if_anyone_is_asked(self) -> None:
        """Raises `RunInterrupted` after a signal to any worker; all wait for each other here."""
        self._agree(False)
        self.stop_if_asked()

    def stop_if_asked(self) -> None:
        """Raises `RunInterrupted` after a signal to this process."""
        number = self._stop.signal_number
        if number is not None:
            self._stop.take_up()
            name = "Interrupted" if number == signal.SIGINT else "Terminated"
            raise RunInterrupted(f"{name} in {_told(self.place)}; nothing is lost. {self._how_to_go_on}", number)

    @property
    def _how_to_go_on(self) -> str:
        return f"Continue with --resume --output-dir {self.folder}."

    def _save_if_due(self, in_time: bool = True):
        since = time.monotonic() - self._saved_at
        due = in_time and since > SAVE_EVERY_SECONDS and since * SAVING_SHARE > self._saving_took
        asked, due = self._agree(due and self.workers.is_chief)
        if asked:
            self._stop.take_up()
        if asked or due:
            self.save()
        self.stop_if_asked()

    def _agree(self, due: bool) -> list[bool]:
        """Returns whether any worker was asked to stop, and whether the chief says that a checkpoint is due."""
        asked, due = self.workers.any(self._stop.signal_number is not None, due)
        if asked and self._stop.signal_number is None:
            self._stop.signal_number = signal.SIGTERM
        return [asked, due]

    def _remember_last_words(self):
        self._stop.last_words = (
            f"Terminated: no step ended within {GRACE_SECONDS:g} seconds. "
            f"The last checkpoint is of {_told(self.place)}. {self._how_to_go_on}"
        )

    def _cannot_write(self, what: str, error: OSError) -> TrainingError:
        kept = "The checkpoint before it is intact. " if self._checkpoints.exist else ""
        how = "Make room, then give the command again with --resume."
        return TrainingError(f"Cannot write {what} to {self.folder}: {error.strerror}. {kept}{how}")


def _told(place: Place) -> str:
    return f"epoch {place.epoch + 1} after step {place.step}"
