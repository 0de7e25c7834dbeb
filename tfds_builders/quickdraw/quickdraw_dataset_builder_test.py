"""TFDS's own test case over the dummy data, and what bad input, missing files and a missing network do."""

import csv
import io
import json
import os
import shutil
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import requests
import tensorflow_datasets as tfds

from keras_sketch.errors import BadDataError, InvalidArgumentError, MissingDataError, UnknownNameError
from tfds_builders.quickdraw.quickdraw_dataset_builder import CATEGORIES, Builder

DUMMY = Path(__file__).parent / "dummy_data"
CLASSES = ("cat", "dog")
SAMPLES = os.environ.get("KERAS_SKETCH_SAMPLES")


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


@pytest.fixture
def manual(tmp_path):
    """A copy of the dummy data that a test may spoil."""
    return Path(shutil.copytree(DUMMY, tmp_path / "manual"))


def prepare(manual_dir, data_dir, name="simplified", **fields):
    config = Builder.resolve_config(Builder.make_config(name, **fields), manual_dir)
    builder = Builder(data_dir=data_dir, config=config)
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=manual_dir))
    return builder


def examples(builder):
    sets = builder.as_dataset()
    return {split: list(tfds.as_numpy(dataset)) for split, dataset in sets.items()}


def all_examples(builder):
    return [example for split in examples(builder).values() for example in split]


def append(path, *lines):
    with path.open("ab") as file:
        file.writelines(lines)


def listed(builder):
    with (Path(builder.data_dir) / "bad_examples.csv").open(newline="") as file:
        return list(csv.reader(file))[1:]


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


def test_bad_lines_are_counted_and_named(manual, tmp_path):
    path = manual / "simplified" / "cat.ndjson"
    first = path.read_bytes().splitlines(keepends=True)[0]
    empty = first.split(b'"drawing"')[0].replace(b'"key_id":"5', b'"key_id":"6') + b'"drawing":[]}\n'
    other = first.replace(b'"word":"cat"', b'"word":"lion"')
    append(path, b"no json\n", empty, other, first, first[:40])
    with pytest.raises(BadDataError, match="5 of 45 examples are bad") as error:
        prepare(manual, tmp_path / "data")
    kept = next((tmp_path / "data" / "quickdraw").glob("bad_examples-*.csv"))
    assert str(kept) in str(error.value)
    assert "simplified/cat.ndjson, line 21" in str(error.value)

    builder = prepare(manual, tmp_path / "data", max_bad=0.2)
    assert builder.info.splits.total_num_examples == 40
    assert builder.info.metadata == {"examples_seen": 45, "examples_bad": 5, "leaked": {"validation": 0, "test": 0}}
    rows = listed(builder)
    assert [(file, where) for file, where, _ in rows] == [
        ("simplified/cat.ndjson", f"line {line}") for line in (21, 22, 23, 25, 24)
    ]
    assert "'lion', not of 'cat'" in rows[2][2]
    assert "repeats" in rows[4][2]
    assert not list((tmp_path / "data" / "quickdraw").glob("bad_examples-simplified-*.csv"))[1:]


def test_rows_that_a_truncated_npy_lacks_are_named(manual, tmp_path):
    path = manual / "numpy_bitmap" / "dog.npy"
    path.write_bytes(path.read_bytes()[: -784 - 10])
    with pytest.raises(BadDataError, match="2 of 16 examples are bad.*dog.npy, row 6"):
        prepare(manual, tmp_path / "data", "bitmap", split="holdout")
    builder = prepare(manual, tmp_path / "data", "bitmap", split="holdout", max_bad=0.2)
    assert builder.info.splits.total_num_examples == 14
    assert [where for _, where, _ in listed(builder)] == ["row 6", "row 7"]


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((4, 784), np.float32), "float32"),
        (np.zeros((4, 28, 28), np.uint8), r"\[4, 28, 28\]"),
        (np.zeros((0, 784), np.uint8), "no usable drawing"),
    ],
)
def test_npy_of_another_kind_is_refused(manual, tmp_path, array, reason):
    np.save(manual / "numpy_bitmap" / "dog.npy", array)
    with pytest.raises(BadDataError, match=reason):
        prepare(manual, tmp_path / "data", "bitmap", split="holdout")


def npy_header(text):
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        (b"", "it is not a NumPy file"),
        (b"\x93NUMPY", "it is not a NumPy file"),
        (b"not numpy at all, just text", "it is not a NumPy file"),
        (npy_header("{'descr': '|u1', 'fort")[:20], "its NumPy header is damaged"),
        (npy_header("{'descr': '|u1', 'fort"), "its NumPy header is damaged"),
        (npy_header("{'descr': '|u1',\0\0\0\0\0\0"), "its NumPy header is damaged"),
        (npy_header("  {\n 'descr'\n1}\n  2"), "its NumPy header is damaged"),
        (npy_header("{1: 2, 'descr': '|u1'}"), "its NumPy header is damaged"),
        (npy_header("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 784)}"), r"float32 \[3, 784\]"),
        (npy_header("{'descr': '|u1', 'fortran_order': True, 'shape': (3, 784)}"), "column after column"),
        (
            npy_header(f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({10**12}, 784)}}"),
            f"declares {10**12} rows",
        ),
        (npy_header("{'descr': '|u1', 'fortran_order': False, 'shape': (-5, 784)}"), "declares -5 rows"),
    ],
)
def test_npy_that_cannot_be_used_is_one_line_of_the_manifest(manual, tmp_path, contents, reason):
    (manual / "numpy_bitmap" / "dog.npy").write_bytes(contents)
    with pytest.raises(BadDataError, match=rf"numpy_bitmap/dog\.npy cannot be used: .*{reason}"):
        prepare(manual, tmp_path / "data", "bitmap", split="holdout")
    [listing] = (tmp_path / "data" / "quickdraw").glob("bad_examples-*.csv")
    [row] = list(csv.reader(listing.read_text().splitlines()))[1:]
    assert row[:2] == ["numpy_bitmap/dog.npy", ""]


@pytest.mark.parametrize(
    ("name", "file"), [("bitmap", "numpy_bitmap/dog.npy"), ("simplified", "simplified/dog.ndjson")]
)
def test_unreadable_file_is_named(manual, tmp_path, monkeypatch, name, file):
    opened = io.open

    def refuse(path, *args, **kwargs):
        if str(path).endswith(file):
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *args, **kwargs)

    monkeypatch.setattr("io.open", refuse)
    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(MissingDataError, match=f"{file}: Permission denied"):
        prepare(manual, tmp_path / "data", name, split="holdout")


def test_class_without_a_drawing_is_an_error(manual, tmp_path):
    (manual / "simplified" / "dog.ndjson").write_bytes(b"")
    with pytest.raises(BadDataError, match="'dog' would be empty"):
        prepare(manual, tmp_path / "data")


@pytest.mark.parametrize("name", ["{}.ndjson", "full_simplified_{}.ndjson"])
def test_files_are_found_under_the_names_that_downloads_get(manual, tmp_path, name):
    for class_name in CLASSES:
        shutil.move(manual / "simplified" / f"{class_name}.ndjson", manual / name.format(class_name))
    assert prepare(manual, tmp_path / "data").info.splits.total_num_examples == 40


def test_names_that_do_not_exist():
    with pytest.raises(UnknownNameError, match="Did you mean 'simplified'"):
        Builder.make_config("simplifed")
    with pytest.raises(UnknownNameError, match="hash, holdout, published"):
        Builder.make_config(split="official")
    with pytest.raises(UnknownNameError, match="field"):
        Builder.make_config(size=3)
    with pytest.raises(UnknownNameError, match="Did you mean 'cat'"):
        Builder.resolve_config(Builder.make_config(classes=("catt",)), None)
    with pytest.raises(UnknownNameError, match="class 'catt'"):
        Builder(data_dir="unused", config=Builder.make_config(classes=("catt",)))
    with pytest.raises(InvalidArgumentError, match="per_class"):
        Builder.make_config(per_class=0)


def test_missing_files_and_folders(manual, tmp_path):
    with pytest.raises(MissingDataError, match=r"'lion'.*simplified/lion\.ndjson.*https://storage"):
        Builder.resolve_config(Builder.make_config(classes=("cat", "lion")), manual)
    with pytest.raises(MissingDataError, match="does not exist"):
        Builder.resolve_config(Builder.make_config(), tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingDataError, match="is empty"):
        Builder.resolve_config(Builder.make_config(), tmp_path / "empty")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "readme.txt").touch()
    with pytest.raises(MissingDataError, match=r"no file of a Quick, Draw! class.*simplified/cat\.ndjson"):
        Builder.resolve_config(Builder.make_config(), tmp_path / "other")


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
    with (
        mock.patch("requests.head", side_effect=requests.ConnectionError("no network")),
        pytest.raises(MissingDataError, match=r"Cannot download https://\S+/simplified/cat\.ndjson"),
    ):
        Builder.check_source(config, None)
    Builder.check_source(config, DUMMY)


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
