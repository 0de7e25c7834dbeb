"""A chief and workers as processes: started, watched, started again when they die, and stopped together."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from keras_sketch.errors import RunInterrupted, TrainingError
from keras_sketch.training.stopping import StopRequest

MOST_DEATHS = 3
"""So many deaths of a process, with no trial finished between them, end the search."""

_LOOK_EVERY_SECONDS = 0.5
_MISTAKE = 2
_CHIEF = "chief"
_THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")


def process_environments(workers: int, gpus: Sequence[str], cores: int, port: int) -> dict[str, dict[str, str]]:
    """Returns the environment variables of each process by its KerasTuner id, the chief first.

    A worker gets one GPU, in turn where there are fewer than workers, and its share of the CPU's threads; what is set
    in this process already stays.

    Args:
        workers: How many.
        gpus: As in `CUDA_VISIBLE_DEVICES`.
        cores: How many this process may use.
        port: Of the chief, on this machine.
    """
    threads = str(max(1, cores // workers))
    limits = {name: os.environ.get(name, threads) for name in _THREADS}
    # gRPC would ask a proxy for 127.0.0.1 too.
    common = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": str(port), "no_grpc_proxy": "127.0.0.1"}
    environments = {_CHIEF: {"CUDA_VISIBLE_DEVICES": "-1"}}
    for number in range(workers):
        devices = {"CUDA_VISIBLE_DEVICES": gpus[number % len(gpus)]} if gpus else {}
        if 0 < len(gpus) < workers:
            devices["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
        environments[f"worker-{number + 1}"] = {**limits, **devices}
    return {name: {"KERASTUNER_TUNER_ID": name, **common, **each} for name, each in environments.items()}


def run_processes(
    command: Sequence[str],
    environments: Mapping[str, Mapping[str, str]],
    logs: Path,
    look: Callable[[], tuple[int, int]],
    folder: Path,
) -> None:
    """Starts the chief and the workers, and comes back when nothing is left to train.

    A worker that ends before that, however it ends, is started again under its own id, which gives it its own trial
    again. Without its chief no worker can go on: when that ends, all are stopped and started again. The processes'
    standard input is a pipe from this one: when it breaks, they end (`end_with_parent`).

    Args:
        command: What each process runs.
        environments: From `process_environments`.
        logs: The folder of their output; made here.
        look: Tells how many trials are finished and how many are left; called about twice a second.
        folder: Of the search, for the messages.

    Raises:
        RunInterrupted: Ctrl-C or SIGTERM; the workers have saved their state.
        TrainingError: A process died `MOST_DEATHS` times with no trial finished between, or of a mistake of the user's.
    """
    logs.mkdir(parents=True, exist_ok=True)
    processes = [_Process(name, command, each, logs / f"{name}.log") for name, each in environments.items()]
    chief, workers = processes[0], processes[1:]
    with StopRequest() as stop, _ended(processes):
        while True:
            # Looked at in this order: a process that has ended well has left its trials on the disk before.
            gone = _gone(chief, workers)
            finished, left = look()
            if not left:
                return
            if stop.signal_number is not None:
                _stop(workers)
                what = "Interrupted" if stop.signal_number == signal.SIGINT else "Terminated"
                raise RunInterrupted(f"{what}; {_go_on(folder)}", stop.signal_number)
            try:
                if gone:
                    chief.mourn(finished, gone)
                    _clear(chief, workers)
                _start(chief, workers, finished)
            except TrainingError as error:
                _stop(workers)
                raise TrainingError(f"{error} {_go_on(folder, 'Nothing')}") from None
            time.sleep(_LOOK_EVERY_SECONDS)


def end_with_parent() -> None:
    """Ends this process, at once, when the one that started it ends; even when that was killed."""

    def wait():
        while os.read(0, 1):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


@contextlib.contextmanager
def reserved_port() -> Iterator[int]:
    """Gives the number of a free port of this machine, for gRPC, which takes it beside this socket, and for no other.

    Without a socket on it, the port might be another's by the time when the chief, after seconds, asks for it.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as holder:
        if hasattr(socket, "SO_REUSEPORT"):
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        if not hasattr(socket, "SO_REUSEPORT"):
            holder.close()
        yield port


@dataclasses.dataclass
class _Process:
    """One of the processes, which may have ended several times.

    Attributes:
        name: Its KerasTuner id.
        command: What it runs.
        environment: The variables that it has besides this process's.
        log: Where its output is appended.
        process: None before it is started, and when its end was seen to.
        deaths: How often it ended, with no trial finished between.
        finished: How many trials were when it ended last.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    process: subprocess.Popen | None = None
    deaths: int = 0
    finished: int = 0

    def start(self) -> None:
        with self.log.open("ab") as log:
            # In a session of its own the terminal's Ctrl-C does not reach it: this process passes it on, once.
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT,
                env={**os.environ, **self.environment}, start_new_session=True,
            )  # fmt: skip

    @property
    def code(self) -> int | None:
        return None if self.process is None else self.process.poll()

    def end(self, number: signal.Signals) -> None:
        if self.process is not None and self.code is None:
            self.process.send_signal(number)

    def forget(self) -> None:
        """Waits for the end of the process, and lets go of it."""
        if self.process is not None:
            self.process.wait()
            self.process.stdin.close()
            self.process = None

    def mourn(self, finished: int, why: str) -> None:
        """Counts a death, of which there may not be too many."""
        self.deaths, self.finished = (self.deaths if finished == self.finished else 0) + 1, finished
        if self.code == _MISTAKE:
            raise TrainingError(f"{self.name} ended: {why} Its log is {self.log}.")
        if self.deaths >= MOST_DEATHS:
            often = f"{self.deaths} times with no trial finished between"
            raise TrainingError(f"{self.name} ended {often}: {why} Its log is {self.log}.")
        print(f"{self.name} ended: {why} It is started again.", file=sys.stderr, flush=True)


def _gone(chief: _Process, workers: Sequence[_Process]) -> str:
    """Returns why the search cannot go on with these processes; empty where it can."""
    if chief.code is not None:
        return _why(chief.code, chief.log)
    return "It had no trial left for the workers." if all(worker.code == 0 for worker in workers) else ""


def _clear(chief: _Process, workers: Sequence[_Process]) -> None:
    """Stops all: a new chief knows nothing of the trials that workers are in, and no two may be in one."""
    _stop(workers)
    chief.end(signal.SIGKILL)
    for each in (chief, *workers):
        each.forget()


def _start(chief: _Process, workers: Sequence[_Process], finished: int) -> None:
    """Starts what has not been, and what died."""
    for each in (chief, *workers):
        if each.process is not None and each.code in (None, 0):
            continue
        if each.process is not None:
            each.mourn(finished, _why(each.code, each.log))
            each.forget()
        each.start()


def _stop(workers: Sequence[_Process]) -> None:
    """Lets the workers save, and waits until they have."""
    for worker in workers:
        worker.end(signal.SIGTERM)
    for worker in workers:
        if worker.process is not None:
            worker.process.wait()


@contextlib.contextmanager
def _ended(processes: Sequence[_Process]) -> Iterator[None]:
    try:
        yield
    finally:
        for each in processes:
            each.end(signal.SIGKILL)
            each.forget()


def _why(code: int, log: Path) -> str:
    if code < 0:
        name = next((each.name for each in signal.Signals if each == -code), f"signal {-code}")
        return f"killed by {name}{', perhaps for want of memory' if name == 'SIGKILL' else ''}."
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), f"exit code {code}")
    return last.removeprefix("error: ").rstrip(".") + "."


def _go_on(folder: Path, nothing: str = "nothing") -> str:
    return f"{nothing} is lost. Continue with --resume --output-dir {folder}."
