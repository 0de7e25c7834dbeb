"""Workers that die or hang: noticed, named, and the end of the others."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from keras_sketch.errors import WorkerLostError
from keras_sketch.training.cluster import Cluster

TIMEOUT_SECONDS = 45
"""So long a worker waits for the others in a step: above the time that the chief needs for a checkpoint, and below the
minute after which a worker that hangs must be noticed. One whose process stands still is noticed after 10 seconds, by
TensorFlow's heartbeats; this is for one that goes on breathing and not training."""

_LOOK_EVERY_SECONDS = 3.0
_MISSES = 4
_ANSWER_SECONDS = 5.0


@contextlib.contextmanager
def lost_workers_named(cluster: Cluster | None, folder: Path) -> Iterator[None]:
    """While entered, the loss of another worker ends this one, whatever it is doing.

    In a step TensorFlow notices it. Elsewhere, as where one worker prepares the data and the others wait, a thread does
    that looks whether the others' ports are still open; it prints the message and ends the process itself.

    Args:
        cluster: Who trains together; None: this process alone.
        folder: The run's, for the message.

    Raises:
        WorkerLostError: A worker died or hangs.
    """
    if cluster is None:
        yield
        return
    over = threading.Event()
    threading.Thread(target=_watch, args=(cluster, folder, over), daemon=True).start()
    try:
        yield
    except tf.errors.OpError as error:
        if not _of_the_cluster(error):
            raise
        over.set()
        raise WorkerLostError(_told(cluster, folder, str(error))) from error
    finally:
        over.set()


def wait_for_chief(cluster: Cluster, folder: Path, finished: Path) -> None:
    """Comes back when the chief has written its last file.

    Args:
        cluster: Who trains together.
        folder: The run's, for the message.
        finished: The file, on a disk that this worker sees.

    Raises:
        WorkerLostError: The chief died before.
    """
    misses = 0
    while not finished.is_file():
        misses = 0 if _answers(cluster.addresses[0]) else misses + 1
        if misses >= _MISSES:
            raise WorkerLostError(_told(cluster, folder))
        time.sleep(_LOOK_EVERY_SECONDS / 3)


def _watch(cluster: Cluster, folder: Path, over: threading.Event) -> None:
    """Looks at the chief, and as the chief at all others, until one is gone."""
    others = range(1, cluster.size) if cluster.is_chief else [0]
    misses = dict.fromkeys(others, 0)
    while not over.wait(_LOOK_EVERY_SECONDS):
        for other in others:
            misses[other] = 0 if _answers(cluster.addresses[other]) else misses[other] + 1
        if max(misses.values()) >= _MISSES and not over.is_set():
            print(f"error: {_told(cluster, folder)}", file=sys.stderr, flush=True)
            sys.stdout.flush()
            os._exit(WorkerLostError.exit_code)


def _answers(address: str) -> bool:
    """Whether a process listens there."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_SECONDS):
            return True
    except OSError:
        return False


def _of_the_cluster(error: tf.errors.OpError) -> bool:
    """Whether TensorFlow failed because of another worker."""
    always = tf.errors.UnavailableError, tf.errors.DeadlineExceededError, tf.errors.AbortedError
    return isinstance(error, always) or re.search(r"[Cc]ollective|heartbeat|/task:\d", error.message or "") is not None


def _told(cluster: Cluster, folder: Path, reason: str = "") -> str:
    others = [place for place in range(cluster.size) if place != cluster.index]
    gone = [place for place in others if not _answers(cluster.addresses[place])]
    if gone:
        is_gone = f"{_listed(cluster, gone)} {'are' if len(gone) > 1 else 'is'} gone"
    else:
        # TensorFlow lists those whose heartbeats stopped, one a line.
        lines = re.sub(r"/replica:\d+", "", reason).splitlines()
        silent = [place for place in others if _task(cluster, place) in lines]
        silent = silent or (others if len(others) == 1 else [])
        who = _listed(cluster, silent) if silent else "another worker"
        is_gone = f"{who} {'do' if len(silent) > 1 else 'does'} not answer"
    is_gone = is_gone[0].upper() + is_gone[1:]
    return f"{is_gone}; its own output may say why. Start all workers again with --resume --output-dir {folder}."


def _listed(cluster: Cluster, places: list[int]) -> str:
    return " and ".join(f"{_named(cluster, place)} ({cluster.addresses[place]})" for place in places)


def _named(cluster: Cluster, place: int) -> str:
    """Returns what people call a worker: the chief may be TensorFlow's worker 0."""
    name = cluster.names[place]
    return "the chief" if name == "chief" else f"{name}, the chief," if place == 0 else name


def _task(cluster: Cluster, place: int) -> str:
    job, _, number = cluster.names[place].partition(" ")
    return f"/job:{job}/task:{number or 0}"
