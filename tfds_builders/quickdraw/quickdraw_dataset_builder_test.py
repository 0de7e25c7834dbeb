"""TFDS's own test case over the dummy data, what is stored of a drawing, and what the network is asked."""

import functools
import json
import os
import shutil
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import requests
import tensorflow_datasets as tfds

from keras_sketch.drawing import draw_street_route, parse_ndjson
from keras_sketch.errors import MissingDataError
from tfds_builders import testing
from tfds_builders.quickdraw.quickdraw_dataset_builder import CATEGORIES, Builder
from tfds_builders.testing import listed

DUMMY = Path(__file__).parent / "dummy_data"
CLASSES = ("cat", "dog")
SAMPLES = os.environ.get("KERAS_SKETCH_SAMPLES")
prepare = functools.partial(testing.prepare, Builder)


class SimplifiedTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Builder
    BUILDER_CONFIG_NAMES_TO_TEST = [Builder.make_config(classes=CLASSES)]
    SPLITS = {"train": 32, "validation": 4, "test": 4}
    SKIP_CHECKSUMS = True


class RecognizedTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Builder
    BUILDER_CONFIG_NAMES_TO_TEST = [Builder.make_config("recognized", classes=CLASSES, side=32)]
    SPLITS = {"train": 25, "validation": 4, "test": 3}
    SKIP_CHECKSUMS = True


class BitmapTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Builder
    BUILDER_CONFIG_NAMES_TO_TEST = [Builder.make_config("bitmap", classes=CLASSES, split="holdout")]
    SPLITS = {"train": 11, "test": 5}
    SKIP_CHECKSUMS = True


def examples(builder):
    sets = builder.as_dataset()
    return {split: list(tfds.as_numpy(dataset)) for split, dataset in sets.items()}


def all_examples(builder):
    return [example for split in examples(builder).values() for example in split]


def test_features_say_what_the_file_says(manual, tmp_path):
    source = [json.loads(line) for name in CLASSES for line in (manual / f"simplified/{name}.ndjson").open()]
    builder = prepare(manual, tmp_path / "data")
    found = {example["id"].decode(): example for example in all_examples(builder)}
    assert len(found) == 40
    for drawing in source:
        example = found[drawing["key_id"]]
        assert example["key_id"] == example["group"] == drawing["key_id"].encode()
        assert example["countrycode"].decode() == drawing["countrycode"]
        assert example["recognized"] == drawing["recognized"]
        assert CLASSES[example["label"]] == drawing["word"]
        assert example["image"].shape == (28, 28, 1)
        assert example["image"].max() > 100
    assert builder.info.features["label"].names == list(CLASSES)
    assert builder.info.metadata == {"examples_seen": 40, "examples_bad": 0, "leaked": {"validation": 0, "test": 0}}
    assert listed(builder) == []


def test_bitmaps_are_stored_as_they_are(manual, tmp_path):
    builder = prepare(manual, tmp_path / "data", "bitmap", split="holdout")
    for example in all_examples(builder):
        name, row = example["id"].decode().split("/")
        stored = np.load(manual / f"numpy_bitmap/{name}.npy")[int(row)].reshape(28, 28, 1)
        assert np.array_equal(example["image"], stored)
        assert CLASSES[example["label"]] == name


def test_streets_are_the_same_drawings_black_on_white(manual, tmp_path):
    builder = prepare(manual, tmp_path / "data", "streets", side=48)
    drawn = {example["id"]: example for example in all_examples(builder)}
    assert len(drawn) == 40
    record = next(parse_ndjson(manual / "simplified" / "cat.ndjson"))
    example = drawn[record.key_id.encode()]
    assert np.array_equal(example["image"][..., 0], draw_street_route(record, record.key_id, 48))
    assert (CLASSES[example["label"]], example["countrycode"].decode()) == ("cat", record.countrycode)


def test_test_split_of_80_10_10_is_inside_that_of_80_20(manual, tmp_path):
    small = examples(prepare(manual, tmp_path / "data"))
    large = examples(prepare(manual, tmp_path / "data", split="holdout"))
    ids = {name: {example["id"] for example in split} for name, split in small.items()}
    assert {example["id"] for example in large["test"]} == ids["test"] | ids["validation"]
    assert set(large) == {"train", "test"}


def test_first_usable_lines_of_each_class_are_taken(manual, tmp_path):
    path = manual / "simplified" / "cat.ndjson"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b'{"word":"cat"\n' + b"".join(lines))
    builder = prepare(manual, tmp_path / "data", per_class=15, max_bad=0.5)
    taken = {example["id"].decode() for example in all_examples(builder) if example["label"] == 0}
    assert taken == {json.loads(line)["key_id"] for line in lines[:15]}


@pytest.mark.parametrize("name", ["{}.ndjson", "full_simplified_{}.ndjson"])
def test_files_are_found_under_the_names_that_downloads_get(manual, tmp_path, name):
    for class_name in CLASSES:
        shutil.move(manual / "simplified" / f"{class_name}.ndjson", manual / name.format(class_name))
    assert prepare(manual, tmp_path / "data").info.splits.total_num_examples == 40


def test_missing_network_says_what_to_do(tmp_path):
    builder = Builder(data_dir=tmp_path, config=Builder.make_config(classes=("cat", "hot dog")))
    failure = requests.ConnectionError(
        "Max retries exceeded with url: /quickdraw_dataset/full/simplified/hot%20dog.ndjson"
    )
    with (
        mock.patch("tensorflow_datasets.core.download.DownloadManager.download", side_effect=failure),
        pytest.raises(MissingDataError, match=r"Cannot download https://\S+/simplified/hot%20dog\.ndjson and 1 more"),
    ):
        builder.download_and_prepare()


def test_an_unreachable_bucket_is_noticed_before_anything_is_written():
    config = Builder.make_config(classes=("cat",))
    with mock.patch("requests.head", side_effect=requests.ConnectionError("no network")):
        problem = Builder.source_problem(config, None)
    with pytest.raises(MissingDataError, match=r"Cannot download https://\S+/simplified/cat\.ndjson"):
        raise problem
    assert Builder.source_problem(config, DUMMY) is None


def test_without_a_manual_folder_the_bucket_is_asked(tmp_path):
    asked = {}

    def download(self, addresses):
        asked.update(addresses)
        return {name: DUMMY / "simplified" / f"{name}.ndjson" for name in addresses}

    builder = Builder(data_dir=tmp_path, config=Builder.make_config(classes=CLASSES))
    with mock.patch("tensorflow_datasets.core.download.DownloadManager.download", download):
        builder.download_and_prepare()
    assert builder.info.splits.total_num_examples == 40
    assert asked["cat"] == "https://storage.googleapis.com/quickdraw_dataset/full/simplified/cat.ndjson"


def test_plain_tfds_load(manual, tmp_path):
    config = Builder.make_config(classes=CLASSES, split="published")
    download_config = tfds.download.DownloadConfig(manual_dir=manual)
    train, info = tfds.load(
        "quickdraw",
        split="train",
        data_dir=tmp_path / "data",
        builder_kwargs={"config": config},
        download_and_prepare_kwargs={"download_config": download_config},
        with_info=True,
    )
    assert train.cardinality() == info.splits["train"].num_examples
    assert len(tfds.builder("quickdraw", data_dir=tmp_path).info.features["label"].names) == 345


def test_there_are_345_classes():
    assert len(set(CATEGORIES)) == 345
    assert list(CATEGORIES) == sorted(CATEGORIES)
    assert CATEGORIES[0] == "The Eiffel Tower"


@pytest.mark.skipif(not SAMPLES, reason="KERAS_SKETCH_SAMPLES is not set")
def test_real_drawings(tmp_path):
    builder = prepare(Path(SAMPLES) / "quickdraw", tmp_path)
    assert builder.info.splits.total_num_examples == 2500
    assert len(builder.info.features["label"].names) == 100
    assert builder.info.metadata["examples_bad"] == 0
