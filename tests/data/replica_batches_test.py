from types import SimpleNamespace

import pytest
import tensorflow as tf

from keras_sketch.data.pipeline import ImageSplit
from keras_sketch.data.replica_batches import Part, batch_size_for
from keras_sketch.errors import InvalidArgumentError


def builder_of(examples):
    """What stands in for a builder where only the number of examples is asked for."""
    split = SimpleNamespace(num_examples=examples)
    return SimpleNamespace(info=SimpleNamespace(splits={"validation": split, "test": split}))


@pytest.mark.parametrize("replicas", [2, 3, 4])
@pytest.mark.parametrize("batch_size", [7, 16, 128])
def test_no_replica_is_left_without_an_example(replicas, batch_size):
    for examples in range(200, 700):
        size = batch_size_for(examples, batch_size, replicas)
        share, left = divmod(size, replicas)
        assert left == 0
        assert (examples % size or size) > share * (replicas - 1), (examples, size)


def parts(examples, size, replicas, rounded_up):
    """What each replica gets of each batch: examples dealt out one by one, a replica at a time."""
    stored = list(range(examples))
    batches = [stored[start : start + size] for start in range(0, examples, size)]
    for batch in batches:
        most = -(-len(batch) // replicas) if rounded_up else size // replicas
        given = [[] for _ in range(replicas)]
        for example in batch:
            next(part for part in given if len(part) < most).append(example)
        yield given


def test_the_simulation_divides_as_tensorflow_did():
    """Against what `MirroredStrategy` gave four CPU devices."""
    assert [list(map(len, given)) for given in parts(13, 8, 4, rounded_up=True)] == [[2, 2, 2, 2], [2, 2, 1, 0]]
    assert [list(map(len, given)) for given in parts(12, 8, 4, rounded_up=True)] == [[2, 2, 2, 2], [1, 1, 1, 1]]
    assert [list(map(len, given)) for given in parts(22, 16, 4, rounded_up=True)] == [[4, 4, 4, 4], [2, 2, 2, 0]]


@pytest.mark.parametrize("replicas", [2, 4, 8])
def test_small_splits_are_divided_among_all_or_refused(replicas):
    def works(examples, size):
        """Every replica has an example of each batch, and equal parts of the first, which Keras adds up."""
        ways = [list(parts(examples, size, replicas, rounded_up)) for rounded_up in (True, False)]
        whole = all(len(set(map(len, first))) == 1 for first, *_ in ways)
        return whole and all(part for way in ways for given in way for part in given)

    refused = []
    for examples in range(1, 65):
        split = ImageSplit(builder_of(examples), "validation", 8)
        try:
            split.check_replicas(replicas)
        except InvalidArgumentError as error:
            assert f"validation split larger: its examples, {examples}," in str(error)
            refused.append(examples)
            assert not any(works(examples, size) for size in range(replicas, 3 * 64, replicas))
            continue
        for batch_size in (1, 2, 8, 13, 32, 128):
            size = batch_size_for(examples, batch_size, replicas)
            assert size % replicas == 0 and works(examples, size), (examples, batch_size, size)
    assert refused[:6] == {2: [1, 3, 5, 9], 4: [1, 2, 3, 5, 6, 7], 8: [1, 2, 3, 4, 5, 6]}[replicas]


def test_one_device_takes_any_split():
    ImageSplit(builder_of(1), "test", 8).check_replicas(1)
    assert batch_size_for(1, 7, 1) == 7


@pytest.mark.parametrize(("examples", "batch_size", "machines"), [(15, 4, 2), (17, 10, 2), (22, 12, 3), (16, 8, 4)])
def test_the_parts_of_all_machines_are_every_batch_once(examples, batch_size, machines):
    numbers = tf.data.Dataset.range(examples)
    whole = [batch.tolist() for batch in numbers.batch(batch_size).as_numpy_iterator()]
    read = []
    for index in range(machines):
        part = Part(index, machines)
        batches = part.divided(part.of(numbers, batch_size).batch(batch_size // machines), batch_size, examples)
        assert len(batches) == len(whole)
        read.append([batch.tolist() for batch in batches.as_numpy_iterator()])
    assert [sum(step, []) for step in zip(*read, strict=True)] == whole


def test_a_machine_gives_its_part_to_its_devices_in_turn():
    part = Part(index=1, count=2, devices=2)
    batches = part.divided(part.of(tf.data.Dataset.range(16), 8).batch(4), 8, 16)
    assert [batch.tolist() for batch in batches.as_numpy_iterator()] == [[4, 5], [6, 7], [12, 13], [14, 15]]
