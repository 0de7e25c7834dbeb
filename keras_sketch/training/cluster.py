"""Which machines train together, as `TF_CONFIG` says; needs no TensorFlow."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping

from keras_sketch.errors import InvalidArgumentError

_JOBS = ("chief", "worker")
_EXAMPLE = (
    'JSON like {"cluster": {"worker": ["10.0.0.1:12345", "10.0.0.2:12345"]}, "task": {"type": "worker", "index": 0}}'
)


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The processes of a training on several machines, of which this is one.

    Attributes:
        names: What `TF_CONFIG` calls them, such as `"worker 1"`; the chief first.
        addresses: Their hosts and ports, in the same order.
        index: The place of this process among them; the chief's is 0.
    """

    names: tuple[str, ...]
    addresses: tuple[str, ...]
    index: int

    @property
    def size(self) -> int:
        """How many processes there are."""
        return len(self.names)

    @property
    def is_chief(self) -> bool:
        """Whether this process is the one that writes."""
        return self.index == 0

    @property
    def name(self) -> str:
        """What `TF_CONFIG` calls this process."""
        return self.names[self.index]


def read_cluster(environment: Mapping[str, str] = os.environ) -> Cluster | None:
    """Returns the cluster that `TF_CONFIG` names; None where it is not set, or names this process alone.

    Args:
        environment: The environment variables.

    Raises:
        InvalidArgumentError: It is set, and is not what `MultiWorkerMirroredStrategy` can train with.
    """
    text = environment.get("TF_CONFIG", "").strip()
    if not text:
        return None
    try:
        config = json.loads(text)
    except ValueError:
        config = None
    if not isinstance(config, dict):
        raise InvalidArgumentError("TF_CONFIG", _EXAMPLE, text)
    if not config.get("cluster"):
        return None
    jobs = _jobs(config["cluster"])
    kind, index = _task(config.get("task"), jobs)
    pairs = [
        (job if job == "chief" else f"worker {number}", address)
        for job in _JOBS
        for number, address in enumerate(jobs.get(job, ()))
    ]
    here = index if kind == "chief" else index + len(jobs.get("chief", ()))
    return Cluster(*zip(*pairs, strict=True), here) if len(pairs) > 1 else None


def _jobs(cluster: object) -> dict[str, list[str]]:
    """Returns the addresses of each job, checked."""
    if not isinstance(cluster, dict):
        raise InvalidArgumentError("TF_CONFIG", _EXAMPLE, cluster)
    others = sorted({*map(str, cluster)} - {*_JOBS})
    if others:
        allowed = "of the jobs chief and worker alone: there is no parameter server here, and the chief evaluates"
        raise InvalidArgumentError("TF_CONFIG", allowed, ", ".join(others))
    for job, addresses in cluster.items():
        if not isinstance(addresses, list) or not addresses or not all(map(_is_address, addresses)):
            raise InvalidArgumentError("TF_CONFIG", f'a list of "host:port" as the cluster\'s {job}', addresses)
    if len(cluster.get("chief", ())) > 1:
        raise InvalidArgumentError("TF_CONFIG", "of one chief at most", cluster["chief"])
    every = [address for addresses in cluster.values() for address in addresses]
    twice = sorted({address for address in every if every.count(address) > 1})
    if twice:
        raise InvalidArgumentError("TF_CONFIG", "of another address for each process", twice)
    return cluster


def _task(task: object, jobs: dict[str, list[str]]) -> tuple[str, int]:
    """Returns the job and the number in it of this process, checked."""
    if not isinstance(task, dict) or "type" not in task or "index" not in task:
        allowed = 'with a task, which says what this process is, such as {"type": "worker", "index": 0}'
        raise InvalidArgumentError("TF_CONFIG", allowed, task)
    kind, index = task["type"], task["index"]
    if kind not in jobs:
        raise InvalidArgumentError("TF_CONFIG", f"with a task whose type is one of {', '.join(jobs)}", kind)
    if isinstance(index, str) and index.isdecimal():
        index = int(index)
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(jobs[kind]):
        allowed = f"with a task whose index is from 0 to {len(jobs[kind]) - 1}, the cluster's last {kind}"
        raise InvalidArgumentError("TF_CONFIG", allowed, task["index"])
    return kind, index


def _is_address(text: object) -> bool:
    host, _, port = str(text).rpartition(":")
    return isinstance(text, str) and bool(host) and port.isdecimal() and 0 < int(port) < 65536
