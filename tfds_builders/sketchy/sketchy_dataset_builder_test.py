"""TFDS's own test case over made-up sketches; what is in a split, and what leaks."""

import collections
import functools
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds

from keras_sketch.curation.splits import SplitScheme
from keras_sketch.errors import MissingDataError
from tfds_builders import testing
from tfds_builders.sketchy.sketchy_dataset_builder import RENDERINGS, Builder
from tfds_builders.testing import by_id, listed, sizes

TREE = "256x256/sketch/tx_000000000000"
SAMPLES = os.environ.get("KERAS_SKETCH_SAMPLES")
with_samples = pytest.mark.skipif(not SAMPLES, reason="KERAS_SKETCH_SAMPLES is not set")
GOLDEN = [line.split() for line in (Path(__file__).parent / "golden_splits.txt").read_text().splitlines()]
prepare = functools.partial(testing.prepare, Builder)


class SketchyTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ["tx_000000000000"]
    SPLITS = {"train": 32, "validation": 8, "test": 8}


class ValidTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ["tx_000000000000-valid"]
    SPLITS = {"train": 28, "validation": 8, "test": 8}


def siblings(examples, split):
    """Counts again, from what was stored, the examples of a split whose photo is in training too."""
    trained = {example["group"] for example in examples.values() if example["split"] == "train"}
    return sum(example["group"] in trained for example in examples.values() if example["split"] == split)


def test_features_say_what_the_names_say(manual, tmp_path):
    builder = prepare(manual, tmp_path / "data")
    examples = by_id(builder, decoders={"image": tfds.decode.SkipDecoding()})
    files = {path.stem: path for path in manual.glob(f"{TREE}/*/*.png")}
    names = builder.info.features["label"].names
    assert names == ["bell", "owl"]
    assert set(examples) == set(files)
    for identity, example in examples.items():
        photo, number = identity.split("-")
        assert example["image"] == files[identity].read_bytes()
        assert names[example["label"]] == files[identity].parent.name
        assert example["group"] == example["photo"] == photo.encode()
        assert example["wnid"] == photo.split("_")[0].encode()
        assert example["sketch"] == int(number)
    assert builder.info.features["image"].shape == (None, None, 3)


def test_sketches_of_several_sizes_and_kinds_become_rgb_on_white(manual, tmp_path):
    grey = np.full((30, 40), 90, np.uint8)
    clear = np.zeros((12, 12, 4), np.uint8)
    assert cv2.imwrite(str(manual / TREE / "owl/n01621127_107-5.png"), grey)
    assert cv2.imwrite(str(manual / TREE / "owl/n01621127_107-6.png"), clear)
    examples = by_id(prepare(manual, tmp_path / "data"))
    assert examples["n01621127_107-5"]["image"].shape == (30, 40, 3)
    assert set(examples["n01621127_107-5"]["image"].ravel()) == {90}
    assert set(examples["n01621127_107-6"]["image"].ravel()) == {255}


@pytest.mark.parametrize("root", ["", "sketchy", "rendered_256x256", "downloads/sketchy"])
def test_the_tree_may_lie_deeper_or_be_the_folder_itself(manual, tmp_path, root):
    start = manual / "256x256" if not root else tmp_path / "outer"
    if root:
        shutil.move(manual, tmp_path / "outer" / root)
    if root.count("/") > 0:
        with pytest.raises(MissingDataError, match="no sketches"):
            prepare(start, tmp_path / "data")
    else:
        assert sum(sizes(prepare(start, tmp_path / "data")).values()) == 48


def test_photos_are_on_one_side_by_default(manual, tmp_path):
    builder = prepare(manual, tmp_path / "data")
    examples = by_id(builder)
    assert builder.builder_config.split == "photo"
    assert len({(example["group"], example["split"]) for example in examples.values()}) == 12
    assert builder.info.metadata["leaked"] == {"validation": 0, "test": 0}


def test_official_test_is_the_list(manual, tmp_path):
    builder = prepare(manual, tmp_path / "data", split="official")
    examples = by_id(builder)
    tested = {example["group"].decode() for example in examples.values() if example["split"] == "test"}
    assert tested == {"n02824448_107", "n01621127_114"}
    assert siblings(examples, "test") == siblings(examples, "validation") == 0
    assert builder.info.metadata["leaked"] == {"validation": 0, "test": 0}
    assert listed(builder) == []


def test_paper_splits_by_sketch_and_its_leak_is_counted(manual, tmp_path):
    builder = prepare(manual, tmp_path / "data", split="paper")
    examples = by_id(builder)
    by_sketch = SplitScheme(train=0.9, validation=0.05, test=0.05)
    assert {identity: by_sketch.assign(identity) for identity in examples} == {
        identity: example["split"] for identity, example in examples.items()
    }
    counted = {split: siblings(examples, split) for split in ("validation", "test")}
    assert builder.info.metadata["leaked"] == counted
    assert counted["test"] > 0


def test_a_limit_takes_the_same_sketches_for_every_split(manual, tmp_path):
    chosen = [
        set(by_id(prepare(manual, tmp_path / "data", split=split, per_class=16))) for split in ("photo", "official")
    ]
    assert len(chosen[0]) == 32
    assert chosen[0] == chosen[1]
    assert {identity.split("-")[1] for identity in chosen[0]} == set("1234")


def test_paper_takes_160_a_class_unless_told_otherwise():
    assert Builder.make_config(split="paper").limit == 160
    assert Builder.make_config(split="paper", per_class=9).limit == 9
    assert Builder.make_config().limit is None


def test_photo_and_official_splits_never_change():
    photo, official = Builder.SPLIT_SCHEMES["photo"], Builder.SPLIT_SCHEMES["official"]
    tested = frozenset(name.split("/")[1] for name, _, side in GOLDEN if side == "test")
    official = SplitScheme(official.train, official.test, official.validation, test_groups=tested)
    for name, by_photo, by_list in GOLDEN:
        group = name.split("/")[1]
        assert (photo.assign(group), official.assign(group)) == (by_photo, by_list), name


def test_every_rendering_has_a_config_with_all_and_one_with_the_valid_sketches(manual, tmp_path):
    names = [config.name for config in Builder.BUILDER_CONFIGS]
    assert names == [*RENDERINGS, *(f"{name}-valid" for name in RENDERINGS)]
    for number, name in enumerate(RENDERINGS):
        other = manual / f"256x256/sketch/{name}"
        if number:
            shutil.copytree(manual / TREE, other)
        assert cv2.imwrite(str(other / "owl/n01621127_107-1.png"), np.full((8, 8, 3), number, np.uint8))
    for number, name in enumerate(RENDERINGS):
        if number in (0, 3, 5):
            builder = prepare(manual, tmp_path / "data", name, classes=("owl",), split="paper")
            assert by_id(builder)["n01621127_107-1"]["image"].max() == number


def test_invalid_sketches_are_told_and_left_out_on_request(manual, tmp_path):
    told = collections.Counter(example["invalid"] for example in by_id(prepare(manual, tmp_path / "a")).values())
    assert told == {b"none": 44, b"ambiguous, error": 1, b"ambiguous": 1, b"context": 1, b"pose": 1}
    valid = prepare(manual, tmp_path / "b", "tx_000000000000-valid")
    assert {example["invalid"] for example in by_id(valid).values()} == {b"none"}
    assert valid.info.metadata["left_out"] == {"ambiguous": 1, "ambiguous, error": 1, "context": 1, "pose": 1}
    assert (valid.info.metadata["examples_seen"], valid.info.metadata["examples_bad"]) == (44, 0)
    some = prepare(manual, tmp_path / "c", without=("error", "pose"))
    assert some.info.metadata["left_out"] == {"ambiguous, error": 1, "pose": 1}
    assert some.builder_config.name != valid.builder_config.name


def test_without_all_lists_the_others_are_unknown(manual, tmp_path):
    (manual / "info/invalid-pose.txt").unlink()
    told = {example["invalid"] for example in by_id(prepare(manual, tmp_path / "data")).values()}
    assert told == {b"unknown", b"ambiguous, error", b"ambiguous", b"context"}


def test_lists_with_windows_line_ends_file_endings_and_folders(manual, tmp_path):
    text = (manual / "info/testset.txt").read_text()
    (manual / "info/testset.txt").write_bytes(text.replace("\n", "\r\n").encode())
    (manual / "info/invalid-pose.txt").write_bytes(b"owl/n01621127_121-4.png \r\n\r\n")
    builder = prepare(manual, tmp_path / "data", split="official", without=("pose",))
    assert builder.info.metadata["left_out"] == {"pose": 1}


def test_a_changed_list_is_prepared_anew(manual, tmp_path):
    before = prepare(manual, tmp_path / "data", split="official")
    with (manual / "info/testset.txt").open("a") as file:
        file.write("owl/n01621127_121.jpg\n")
    after = prepare(manual, tmp_path / "data", split="official")
    assert sizes(after)["test"] == sizes(before)["test"] + 4


def test_plain_tfds_load(manual, tmp_path):
    download_config = tfds.download.DownloadConfig(manual_dir=manual)
    kwargs = {"download_config": download_config}
    train, info = tfds.load(
        "sketchy/tx_000000000000-valid",
        split="train",
        data_dir=tmp_path / "data",
        download_and_prepare_kwargs=kwargs,
        with_info=True,
    )
    assert train.cardinality() == 28
    assert info.features["label"].names == ["bell", "owl"]


@with_samples
@pytest.mark.parametrize(
    ("split", "counts"),
    [
        ("photo", {"train": 1829, "validation": 119, "test": 140}),
        ("official", {"train": 1749, "validation": 130, "test": 209}),
    ],
)
def test_no_real_photo_is_on_two_sides(tmp_path, split, counts):
    builder = prepare(Path(SAMPLES) / "sketchy", tmp_path, split=split)
    examples = by_id(builder, decoders={"image": tfds.decode.SkipDecoding()})
    sides = collections.defaultdict(set)
    for identity, example in examples.items():
        sides[identity.split("-")[0]].add(example["split"])
    assert sizes(builder) == counts
    assert len(sides) == 300
    assert all(len(side) == 1 for side in sides.values())
    column = 1 if split == "photo" else 2
    golden = {row[0].split("/")[1]: row[column] for row in GOLDEN}
    assert sum(photo in golden for photo in sides) == 84
    assert all(side == {golden[photo]} for photo, side in sides.items() if photo in golden)


@with_samples
@pytest.mark.parametrize(
    ("per_class", "counts"),
    [
        (None, {"train": 436, "validation": 24, "test": 20}),
        (10_000, {"train": 1870, "validation": 114, "test": 104}),
    ],
)
def test_the_leak_of_the_paper_on_real_names(tmp_path, per_class, counts):
    builder = prepare(Path(SAMPLES) / "sketchy", tmp_path, split="paper", per_class=per_class)
    examples = by_id(builder, decoders={"image": tfds.decode.SkipDecoding()})
    assert sizes(builder) == counts
    leaked = {split: siblings(examples, split) for split in ("validation", "test")}
    assert builder.info.metadata["leaked"] == leaked
    assert leaked == ({"validation": 18, "test": 18} if per_class is None else {"validation": 114, "test": 104})
