"""What a training on several machines is besides training: workers agree, and leave the rest to the chief."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from keras_sketch.errors import InvalidArgumentError, TrainingError
from keras_sketch.training.cluster import Cluster, read_cluster
from keras_sketch.workflows.run_folder import RunFolder, differences

if TYPE_CHECKING:
    from keras_sketch.training.agreement import Workers

_ELSEWHERE = ("versions", "data.prepared_in", "data.manual_dir")
"""Settings that may differ between machines."""


@contextlib.contextmanager
def as_worker(run: RunFolder) -> Iterator[Cluster | None]:
    """While entered, only the chief of several machines prints what it does.

    Args:
        run: The run's folder.

    Raises:
        InvalidArgumentError: `TF_CONFIG` cannot be used.
    """
    cluster = read_cluster()
    if cluster is None:
        yield None
        return
    others = f"{cluster.size - 1} other workers" if cluster.size > 2 else "other worker"
    what = f"Chief of {cluster.size} workers" if cluster.is_chief else f"{cluster.name.capitalize()} of {cluster.size}"
    print(f"{what}, at {cluster.addresses[cluster.index]}: waiting for the {others}.", flush=True)
    if cluster.is_chief:
        yield cluster
        return
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield cluster


def begin_run(run: RunFolder, settings: dict, class_names: Sequence[str], resume: bool, workers: Workers) -> None:
    """Lets the chief begin the folder, if all workers were started with the same settings.

    Args:
        run: The folder.
        settings: Of this worker.
        class_names: In the order of the labels.
        resume: Whether to go on with a run that is there.
        workers: Who trains together.

    Raises:
        TrainingError: They were not.
        RunFolderError: As `RunFolder.begin`.
    """
    chiefs = json.loads(workers.from_chief(json.dumps(settings).encode()))
    different = differences(chiefs, json.loads(json.dumps(settings)), _ELSEWHERE)
    if any(workers.any(bool(different))):
        what = f"this one: {'; '.join(different)}, there being the chief" if different else "another one"
        raise TrainingError(f"A worker was started with other settings than the chief, {what}. Give all the same.")
    if workers.is_chief:
        run.begin(settings, tuple(class_names), resume)


def leave_rest_to_chief(cluster: Cluster, run: RunFolder) -> None:
    """Waits until the chief has tested, exported and reported.

    Raises:
        WorkerLostError: The chief died before.
    """
    from keras_sketch.training.lost_workers import wait_for_chief

    print(
        f"{cluster.name.capitalize()} has trained; the chief tests, exports and reports.", file=sys.stderr, flush=True
    )
    wait_for_chief(cluster, run.path, run.path / "report.md")


def refuse_several_machines(command: str) -> None:
    """Raises `InvalidArgumentError` where `TF_CONFIG` names several machines, for a command of one."""
    cluster = read_cluster()
    if cluster is not None:
        raise InvalidArgumentError("TF_CONFIG", f"left out: {command} runs on one machine", cluster.addresses)
