"""A trial of a search, and what is kept of it in its folder."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
from pathlib import Path

from keras_sketch.files import atomic_write
from keras_sketch.training.history import Row, best_epoch, read_history
from keras_sketch.training.search_plan import TrialSetting


@dataclasses.dataclass(frozen=True)
class Trial:
    """A finished trial.

    Attributes:
        setting: The values.
        rows: Its history, a row an epoch; empty where training failed.
        seconds: How long it took; None where it was interrupted.
        failure: Why it failed; empty where it did not.
    """

    setting: TrialSetting
    rows: list[Row]
    seconds: float | None
    failure: str = ""

    @property
    def best(self) -> Row:
        """The epoch with the lowest validation loss; loss infinite and accuracy NaN where training failed."""
        return self.rows[best_epoch(self.rows)] if self.rows else {"val_loss": math.inf, "val_top1": math.nan}


def finish_trial(trial: Trial, folder: Path) -> None:
    """Writes what is not in the history, which ends the trial, and removes its checkpoints.

    A search's checkpoints would fill the disk: each holds the weights about four times.
    """
    with atomic_write(folder / "result.json") as file:
        json.dump({"seconds": trial.seconds, "failure": trial.failure}, file)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)


def read_trial(setting: TrialSetting, folder: Path) -> Trial | None:
    """Returns the trial that was brought to its end in this folder; None where there is none, or files are damaged."""
    try:
        result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        rows = [] if result["failure"] else read_history(folder / "history.csv")
        return Trial(setting, rows, result["seconds"], result["failure"])
    except (OSError, ValueError, KeyError):
        return None
