import json

import pytest

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.training.cluster import read_cluster

TWO = ["10.0.0.1:1234", "10.0.0.2:1234"]


def read(cluster, task):
    return read_cluster({"TF_CONFIG": json.dumps({"cluster": cluster, "task": task})})


def test_the_first_worker_is_the_chief_where_none_is_named():
    first, second = (read({"worker": TWO}, {"type": "worker", "index": index}) for index in (0, 1))
    assert (first.name, first.is_chief, first.size) == ("worker 0", True, 2)
    assert (second.name, second.is_chief, second.addresses) == ("worker 1", False, tuple(TWO))


def test_a_named_chief_comes_first():
    cluster = read({"worker": TWO, "chief": ["10.0.0.9:1"]}, {"type": "worker", "index": "0"})
    assert cluster.names == ("chief", "worker 0", "worker 1")
    assert cluster.addresses == ("10.0.0.9:1", *TWO)
    assert (cluster.name, cluster.is_chief) == ("worker 0", False)


@pytest.mark.parametrize("text", [None, "", "{}", '{"cluster": {}, "task": {"type": "worker", "index": 0}}'])
def test_without_a_cluster_there_is_none(text):
    assert read_cluster({} if text is None else {"TF_CONFIG": text}) is None


def test_one_worker_alone_is_no_cluster():
    assert read({"worker": TWO[:1]}, {"type": "worker", "index": 0}) is None


@pytest.mark.parametrize(
    ("cluster", "task", "message"),
    [
        ({"worker": TWO}, None, "with a task"),
        ({"worker": TWO}, {"type": "worker"}, "with a task"),
        ({"worker": TWO}, {"type": "worker", "index": 2}, "index is from 0 to 1.*Received: 2"),
        ({"worker": TWO}, {"type": "worker", "index": -1}, "index is from 0 to 1"),
        ({"worker": TWO}, {"type": "chief", "index": 0}, "type is one of worker.*'chief'"),
        ({"worker": TWO, "ps": ["a:1"]}, {"type": "ps", "index": 0}, "chief and worker alone.*'ps'"),
        ({"worker": TWO, "evaluator": ["a:1"]}, {"type": "worker", "index": 0}, "the chief evaluates.*'evaluator'"),
        ({"worker": TWO, "chief": TWO}, {"type": "chief", "index": 0}, "one chief at most"),
        ({"worker": ["a", "b:1"]}, {"type": "worker", "index": 0}, '"host:port" as the cluster\'s worker'),
        ({"worker": "a:1"}, {"type": "worker", "index": 0}, '"host:port"'),
        ({"worker": ["a:1", "a:1"]}, {"type": "worker", "index": 0}, "another address for each"),
        (TWO, {"type": "worker", "index": 0}, "JSON like"),
    ],
)
def test_mistakes_are_said_in_one_sentence(cluster, task, message):
    with pytest.raises(InvalidArgumentError, match=f"`TF_CONFIG` must be .*{message}"):
        read(cluster, task)


@pytest.mark.parametrize("text", ["{", "[1]", "worker"])
def test_what_is_not_json_is_refused(text):
    with pytest.raises(InvalidArgumentError, match="`TF_CONFIG` must be JSON like"):
        read_cluster({"TF_CONFIG": text})
