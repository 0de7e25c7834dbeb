"""TFDS's own test case over made-up drawings; labels, splits, near copies, the archive, and TFDS's own builder."""

import functools
import logging
import os
import shutil
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import requests
import tensorflow_datasets as tfds

import tfds_builders
from keras_sketch import load_dataset
from keras_sketch.curation.imagenet import imagenet_classes
from keras_sketch.errors import MissingDataError, UnknownNameError
from tfds_builders import testing
from tfds_builders.imagenet_sketch.imagenet_sketch_dataset_builder import Builder
from tfds_builders.testing import by_id, listed, sizes

CLASSES = ("n01443537", "n02099601", "n04285008")
SAMPLES = os.environ.get("KERAS_SKETCH_SAMPLES")
prepare = functools.partial(testing.prepare, Builder)


class ImagenetSketchTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Builder
    SPLITS = {"train": 21, "validation": 5, "test": 4}


def kept(examples):
    """All that is stored but the side."""
    return {
        identity: (each["image"], each["label"], each["group"], each["wnid"], each["class_name"])
        for identity, each in examples.items()
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The dummy data, prepared without options."""
    return prepare(Path(__file__).parent / "dummy_data", tmp_path_factory.mktemp("whole"))


def test_labels_are_imagenets_and_files_are_stored_as_they_are(whole):
    assert whole.info.features["label"].names == [each.wnid for each in imagenet_classes()]
    examples = by_id(whole, decoders={"image": tfds.decode.SkipDecoding()})
    assert len(examples) == 30
    for identity, example in examples.items():
        wnid = identity.split("/")[0]
        assert example["wnid"] == wnid.encode()
        assert example["label"] == {"n01443537": 1, "n02099601": 207, "n04285008": 817}[wnid]
        assert example["image"] == (Path(__file__).parent / "dummy_data/sketch" / identity).read_bytes()
    assert examples["n02099601/sketch_3.JPEG"]["class_name"] == b"golden retriever"


def test_flipped_and_turned_copies_are_on_one_side(whole):
    examples = by_id(whole)
    for wnid in CLASSES:
        copies = [examples[f"{wnid}/sketch_{number}.JPEG"] for number in (0, 8, 9)]
        assert {each["group"] for each in copies} == {f"{wnid}/sketch_0.JPEG".encode()}
        assert len({each["split"] for each in copies}) == 1
    assert len({each["group"] for each in examples.values()}) == 24
    assert whole.info.metadata["near_duplicates"] == 9
    assert whole.info.metadata["leaked"] == {"validation": 0, "test": 0}


def test_schemes(manual, tmp_path, whole):
    assert sizes(whole) == {"train": 21, "validation": 5, "test": 4}
    assert sizes(prepare(manual, tmp_path, split="holdout")) == {"train": 21, "test": 9}
    assert sizes(prepare(manual, tmp_path, split="all")) == {"test": 30}


def test_the_whole_set_as_a_test_loads_without_the_other_splits(manual, tmp_path):
    train, validation, test, info = load_dataset(
        "imagenet_sketch", split="all", image_size=16, manual_dir=manual, data_dir=tmp_path
    )
    assert train is None and validation is None
    assert sum(len(labels) for _, labels in test) == 30
    assert (info.num_examples, info.leaked, len(info.class_names)) == ({"test": 30}, {"test": 0}, 1000)


def test_some_classes_by_id_name_or_synonym(manual, tmp_path):
    builder = prepare(manual, tmp_path, classes=("Carassius_auratus", "golden-retriever"))
    assert builder.info.features["label"].names == list(CLASSES[:2])
    assert {each["label"] for each in by_id(builder).values()} == {0, 1}
    assert builder.name == "imagenet_sketch"
    assert (
        builder.builder_config.name
        == Builder.make_config(classes=CLASSES[:2], source=builder.builder_config.source).name
    )
    with pytest.raises(UnknownNameError, match="Did you mean 'goldfish'"):
        Builder.make_config(classes=("goldfsh",))
    with pytest.raises(MissingDataError, match=r"no folder of n01440764 \(tench\)"):
        Builder.resolve_config(Builder.make_config(classes=("tench",)), manual)


def test_a_limit_takes_the_first_of_each_class(manual, tmp_path):
    (manual / "sketch/n01443537/sketch_1.JPEG").write_bytes(b"no picture")
    examples = by_id(prepare(manual, tmp_path, per_class=3, max_bad=0.2, split="all"))
    assert {identity for identity in examples if identity.startswith("n01443537")} == {
        f"n01443537/sketch_{number}.JPEG" for number in (0, 2, 3)
    }
    assert len(examples) == 9


def test_the_archive_gives_what_the_folder_gives(manual, tmp_path, whole):
    (tmp_path / "packed").mkdir()
    with zipfile.ZipFile(tmp_path / "packed/ImageNet-Sketch.zip", "w") as archive:
        archive.writestr("__MACOSX/sketch/n01443537/._sketch_0.JPEG", b"")
        for path in sorted(manual.rglob("*.JPEG")):
            archive.write(path, path.relative_to(manual))
    packed = prepare(tmp_path / "packed", tmp_path / "data")
    raw = {"decoders": {"image": tfds.decode.SkipDecoding()}}
    assert kept(by_id(packed, **raw)) == kept(by_id(whole, **raw))
    assert packed.builder_config.name != whole.builder_config.name


@pytest.mark.parametrize("deeper", ["sketch", "downloads/sketch", "downloads", ""])
def test_where_the_folders_may_lie(manual, tmp_path, deeper):
    target = tmp_path / "other" / deeper
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(manual / "sketch", target)
    config = Builder.resolve_config(Builder.make_config(), tmp_path / "other")
    assert len(Builder.source_files(config, tmp_path / "other")) == 30


def test_what_has_to_be_encoded_anew_is_turned_and_on_white(manual, tmp_path):
    clear = np.zeros((40, 30, 4), np.uint8)
    clear[10:20, 5:9] = (0, 0, 0, 255)
    assert cv2.imwrite(str(manual / "sketch/n01443537/sketch_50.png"), clear)
    example = by_id(prepare(manual, tmp_path))["n01443537/sketch_50.png"]
    assert example["image"].shape == (40, 30, 3)
    assert (example["image"][10:20, 5:9] == 0).all() and (example["image"] == 255).sum() == (40 * 30 - 40) * 3


def test_classes_without_a_folder_are_a_warning(manual, tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        Builder.resolve_config(Builder.make_config(), manual)
    assert "997 of the 1000 classes have no folder" in caplog.text


def test_tfds_keeps_its_own_builder_of_that_name():
    assert tfds_builders.BUILDERS["imagenet_sketch"] is Builder
    theirs = tfds.builder_cls("imagenet_sketch")
    assert theirs.__module__.startswith("tensorflow_datasets.")


def test_without_a_network_it_says_so_at_once(tmp_path, monkeypatch):
    def refuse(*args, **options):
        assert options["timeout"] <= 10
        raise requests.ConnectionError

    monkeypatch.setattr(requests, "head", refuse)
    with pytest.raises(MissingDataError, match=r"Cannot download .* \(ConnectionError\).*--manual-dir DIR"):
        load_dataset("imagenet_sketch", image_size=16, data_dir=tmp_path)


@pytest.mark.skipif(not SAMPLES, reason="KERAS_SKETCH_SAMPLES is not set")
def test_real_sketches(tmp_path):
    builder = prepare(Path(SAMPLES) / "imagenet_sketch", tmp_path, split="all")
    examples = by_id(builder)
    assert len(examples) == 24
    assert {each["label"] for each in examples.values()} == {1, 18, 37, 207, 388, 402}
    assert examples["n02510455/sketch_0.png"]["class_name"] == b"giant panda"
    # The preview picture shows 24 different drawings.
    assert all(each["group"] == identity.encode() for identity, each in examples.items())
    assert listed(builder) == []
