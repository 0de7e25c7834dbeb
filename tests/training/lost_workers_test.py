from pathlib import Path

import pytest
import tensorflow as tf

from keras_sketch.errors import WorkerLostError
from keras_sketch.training import lost_workers
from keras_sketch.training.cluster import Cluster
from keras_sketch.training.lost_workers import lost_workers_named, wait_for_chief

CLUSTER = Cluster(("worker 0", "worker 1", "worker 2"), ("a:1", "b:1", "c:1"), index=1)
RUN = Path("runs/x")
SILENT = (
    "Error reported from /job:worker/task:0: unhealthy tasks:\n/job:worker/replica:0/task:2\nThe tasks have crashed."
)


@pytest.fixture
def answering(monkeypatch):
    """The addresses at which a process listens."""
    addresses = {"a:1", "b:1", "c:1"}
    monkeypatch.setattr(lost_workers, "_answers", addresses.__contains__)
    return addresses


def fail(error, message):
    with lost_workers_named(CLUSTER, RUN):
        raise error(None, None, message)


def test_a_worker_whose_port_is_closed_is_named(answering):
    answering.remove("c:1")
    with pytest.raises(WorkerLostError, match=r"^Worker 2 \(c:1\) is gone; .* --resume --output-dir runs/x\.$"):
        fail(tf.errors.UnavailableError, "Connection reset by peer")


def test_several_are_named_together(answering):
    answering -= {"a:1", "c:1"}
    with pytest.raises(WorkerLostError, match=r"^Worker 0, the chief, \(a:1\) and worker 2 \(c:1\) are gone;"):
        fail(tf.errors.InternalError, "Collective ops is aborted by: an end")


def test_those_whose_heartbeats_stopped_are_named(answering):
    with pytest.raises(WorkerLostError, match=r"^Worker 2 \(c:1\) does not answer;"):
        fail(tf.errors.UnavailableError, SILENT)


def test_where_nobody_knows_who_hangs_nobody_is_named(answering):
    with pytest.raises(WorkerLostError, match="^Another worker does not answer;"):
        fail(tf.errors.DeadlineExceededError, "Collective ops is aborted by: Collective has timed out")


def test_errors_of_the_data_stay_what_they_are(answering):
    with pytest.raises(tf.errors.DataLossError):
        fail(tf.errors.DataLossError, "truncated record")


def test_one_process_alone_has_nobody_to_lose():
    with pytest.raises(tf.errors.UnavailableError), lost_workers_named(None, RUN):
        raise tf.errors.UnavailableError(None, None, "a disk")


def test_the_chief_is_waited_for_until_its_last_file_is_there(answering, tmp_path, monkeypatch):
    report = tmp_path / "report.md"
    monkeypatch.setattr(lost_workers.time, "sleep", lambda _: report.touch())
    wait_for_chief(CLUSTER, RUN, report)
    assert report.exists()


def test_a_chief_that_dies_before_is_not_waited_for(answering, tmp_path, monkeypatch):
    answering.remove("a:1")
    monkeypatch.setattr(lost_workers.time, "sleep", lambda _: None)
    with pytest.raises(WorkerLostError, match="Worker 0, the chief,"):
        wait_for_chief(CLUSTER, RUN, tmp_path / "report.md")
