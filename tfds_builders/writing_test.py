import resource

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from tfds_builders.writing import Example, SplitWriter, make_serializer

TEXT = tfds.features.Text()


def template(folder, split="train"):
    return tfds.core.ShardedFileTemplate(
        split=split, dataset_name="things", data_dir=folder, filetype_suffix="tfrecord"
    )


def write(folder, ids, shards=1, buffer_bytes=1 << 20, repeats=None):
    unsorted = folder / "unsorted"
    unsorted.mkdir(exist_ok=True)
    writer = SplitWriter(unsorted, buffer_bytes)
    for number, identity in enumerate(ids):
        writer.add(Example(identity, identity, {}, "file", f"line {number}"), f"{identity}:{number}".encode())
    repeats = [] if repeats is None else repeats
    info = writer.write(
        template(folder),
        tfds.core.ExampleWriter(tfds.core.FileFormat.TFRECORD),
        lambda size, count: shards,
        lambda file, where: repeats.append((file, where)),
    )
    assert not list(unsorted.iterdir())
    return info


def read(folder):
    files = sorted(str(path) for path in folder.glob("*.tfrecord*"))
    return [[record.decode() for record in tf.data.TFRecordDataset(file).as_numpy_iterator()] for file in files]


def test_every_record_is_written_once_in_a_mixed_order_that_repeats(tmp_path):
    ids = [f"id{number}" for number in range(500)]
    for name, given, buffer_bytes in (("a", ids, 1 << 20), ("b", ids[::-1], 1 << 20), ("c", ids, 1000)):
        (tmp_path / name).mkdir()
        info = write(tmp_path / name, given, buffer_bytes=buffer_bytes)
        assert info.shard_lengths == [500]
    orders = [[record.split(":")[0] for record in read(tmp_path / name)[0]] for name in "abc"]
    assert orders[0] == orders[1] == orders[2]
    assert sorted(orders[0]) == sorted(ids)
    places = [ids.index(identity) for identity in orders[0]]
    assert abs(np.corrcoef(places, range(500))[0, 1]) < 0.2


def test_files_that_are_large_are_spread_again_and_come_out_alike(tmp_path, monkeypatch):
    ids = [f"id{number % 900}" for number in range(1000)]
    orders, repeats = [], [[], []]
    for name, limit in enumerate((1 << 20, 100)):
        monkeypatch.setattr("tfds_builders.writing._SORTED_BYTES", limit)
        (tmp_path / str(name)).mkdir()
        write(tmp_path / str(name), ids, buffer_bytes=1000, repeats=repeats[name])
        orders.append(read(tmp_path / str(name)))
    assert orders[0] == orders[1]
    assert repeats[0] == repeats[1]
    assert len(repeats[0]) == 100


def test_of_repeated_ids_the_first_stays_and_the_others_are_reported(tmp_path):
    for buffer_bytes, name in ((1 << 20, "held"), (1, "spilled")):
        (tmp_path / name).mkdir()
        repeats = []
        info = write(tmp_path / name, ["a", "b", "a", "c", "a"], buffer_bytes=buffer_bytes, repeats=repeats)
        assert info.shard_lengths == [3]
        assert sorted(read(tmp_path / name)[0]) == ["a:0", "b:1", "c:3"]
        assert repeats == [("file", "line 2"), ("file", "line 4")]


def test_shards_are_of_even_length_and_in_order(tmp_path):
    info = write(tmp_path, [str(number) for number in range(10)], shards=4)
    assert sorted(info.shard_lengths) == [2, 2, 3, 3]
    assert [len(shard) for shard in read(tmp_path)] == info.shard_lengths


def test_never_more_shards_than_records(tmp_path):
    assert write(tmp_path, ["a", "b"], shards=5).shard_lengths == [1, 1]


@pytest.mark.parametrize(
    "own", [{"latitude": np.float32, "recognized": np.bool_}, {"box": tfds.features.BBoxFeature()}]
)
def test_serialized_examples_read_back_as_from_tfds_own_serializer(own):
    image = tfds.features.Image(shape=(2, 2, 1), encoding_format="png")
    label = tfds.features.ClassLabel(names=["cat", "dog"])
    features = tfds.features.FeaturesDict({"image": image, "label": label, "id": TEXT, "group": TEXT, **own})
    values = {
        "image": tf.io.encode_png(np.arange(4, dtype=np.uint8).reshape(2, 2, 1)).numpy(),
        **{"label": 1, "id": "ä", "group": "g", "latitude": -33.5, "recognized": True},
        "box": tfds.features.BBox(0.0, 0.25, 0.5, 1.0),
    }
    values = {name: value for name, value in values.items() if name in features}
    serialize = make_serializer(features)
    for repeat in range(2):  # One message is filled again and again.
        values["id"] = f"ä{repeat}"
        ours = features.deserialize_example(serialize(values))
        theirs = features.deserialize_example(features.serialize_example(values))
        for name, value in theirs.items():
            assert np.array_equal(ours[name], value), name
    assert serialize(values) == serialize(dict(reversed(values.items())))


def test_serializing_does_not_keep_what_was_serialized():
    tracked = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    serialize = make_serializer(tfds.features.FeaturesDict({"id": TEXT}))
    for number in range(3000):
        assert len(serialize({"id": f"{number:0100000}"})) > 100_000
    grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - tracked) / 1024
    assert grown_mib < 50  # The texts are 300 MB.
