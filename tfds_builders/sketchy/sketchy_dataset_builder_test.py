"""TFDS's own test case over made-up sketches; what is in a split, what leaks, and what bad input does."""

import collections
import csv
import logging
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds

from keras_sketch.curation.splits import SplitScheme
from keras_sketch.errors import BadDataError, InvalidArgumentError, MissingDataError, UnknownNameError
from tfds_builders.sketchy.sketchy_dataset_builder import RENDERINGS, Builder

DUMMY = Path(__file__).parent / "dummy_data"
TREE = "256x256/sketch/tx_000000000000"
SAMPLES = os.environ.get("KERAS_SKETCH_SAMPLES")
with_samples = pytest.mark.skipif(not SAMPLES, reason="KERAS_SKETCH_SAMPLES is not set")
GOLDEN = [line.split() for line in (Path(__file__).parent / "golden_splits.txt").read_text().splitlines()]


class SketchyTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ["tx_000000000000"]
    SPLITS = {"train": 32, "validation": 8, "test": 8}


class ValidTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ["tx_000000000000-valid"]
    SPLITS = {"train": 28, "validation": 8, "test": 8}


@pytest.fixture
def manual(tmp_path):
    """A copy of the dummy data that a test may spoil."""
    return Path(shutil.copytree(DUMMY, tmp_path / "manual"))


def prepare(manual_dir, data_dir, name=None, **fields):
    config = Builder.resolve_config(Builder.make_config(name, **fields), manual_dir)
    builder = Builder(data_dir=data_dir, config=config)
    if not builder.is_prepared():
        Builder.check_source(config, manual_dir)
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=manual_dir))
    return builder


def by_id(builder, **read):
    return {
        example["id"].decode(): {**example, "split": split}
        for split, dataset in builder.as_dataset(**read).items()
        for example in tfds.as_numpy(dataset)
    }


def sizes(builder):
    return {split: info.num_examples for split, info in builder.info.splits.items()}


def siblings(examples, split):
    """Counts again, from what was stored, the examples of a split whose photo is in training too."""
    trained = {example["group"] for example in examples.values() if example["split"] == "train"}
    return sum(example["group"] in trained for example in examples.values() if example["split"] == split)


def listed(builder):
    with (Path(builder.data_dir) / "bad_examples.csv").open(newline="") as file:
        return list(csv.reader(file))[1:]


def add_line(path, line):
    with path.open("a") as file:
        file.write(f"{line}\n")


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


def test_a_missing_manual_folder_says_what_to_get_and_where_to_put_it(manual, tmp_path):
    config = Builder.make_config()
    wanted = r"rendered_256x256\.7z.*sketchy\.eye\.gatech\.edu.*--manual-dir DIR"
    with pytest.raises(MissingDataError, match=f"needs a manual folder.*{wanted}"):
        Builder.resolve_config(config, None)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/notes.txt").touch()
    with pytest.raises(MissingDataError, match=f"no sketches in .*other.*{wanted}"):
        Builder.resolve_config(config, tmp_path / "other")
    with pytest.raises(
        MissingDataError, match=r"no sketch/tx_000000001110, only tx_000000000000.*--config tx_0000000000"
    ):
        Builder.resolve_config(Builder.make_config("tx_000000001110"), manual)
    with pytest.raises(UnknownNameError, match="Did you mean 'owl'"):
        Builder.resolve_config(Builder.make_config(classes=("owls",)), manual)
    shutil.copytree(manual / "256x256", manual / "again/256x256")
    with pytest.raises(BadDataError, match=r"there twice, in .*manual/256x256/sketch/.* and in .*manual/again/256x256"):
        Builder.resolve_config(config, manual)


@pytest.mark.parametrize(
    ("fields", "file", "purpose"),
    [
        ({"split": "official"}, "testset.txt", "The split 'official'"),
        ({"name": "tx_000000000000-valid"}, "invalid-error.txt", "Leaving out 'error' sketches"),
        ({"without": ("pose",)}, "invalid-pose.txt", "Leaving out 'pose' sketches"),
    ],
)
def test_a_list_that_is_needed_and_missing(manual, tmp_path, fields, file, purpose):
    (manual / "info" / file).unlink()
    with pytest.raises(MissingDataError, match=rf"{purpose} needs the list {file}.*info-06-04\.7z.*manual/info"):
        prepare(manual, tmp_path / "data", **fields)
    assert not (tmp_path / "data/sketchy").exists()


def test_truncated_png_counts_as_bad(manual, tmp_path):
    for name in ("bell/n02824448_107-1.png", "owl/n01621127_107-2.png"):
        path = manual / TREE / name
        path.write_bytes(path.read_bytes()[:70])
    with pytest.raises(BadDataError, match=rf"2 of 48 examples are bad.*{TREE}/bell/n02824448_107-1\.png: the PNG is"):
        prepare(manual, tmp_path / "data")
    builder = prepare(manual, tmp_path / "data", max_bad=0.05)
    assert [row[0] for row in listed(builder)] == [
        f"{TREE}/bell/n02824448_107-1.png",
        f"{TREE}/owl/n01621127_107-2.png",
    ]
    assert sum(sizes(builder).values()) == 46


def test_a_bad_sketch_is_replaced_by_the_next_one_within_a_limit(manual, tmp_path):
    chosen = set(by_id(prepare(manual, tmp_path / "a", per_class=16)))
    spoilt = min(identity for identity in chosen if identity.startswith("n0162"))
    (manual / TREE / f"owl/{spoilt}.png").write_bytes(b"no picture")
    again = set(by_id(prepare(manual, tmp_path / "b", per_class=16, max_bad=0.1)))
    assert chosen - again == {spoilt}
    assert len(again) == 32


@pytest.mark.parametrize("name", ["n01621127_107.png", "n01621127_107-1.jpg", "107-1.png", "n01621127_107-1 (2).png"])
def test_names_that_do_not_parse_are_named_and_clutter_is_not(manual, tmp_path, name):
    (manual / TREE / "owl" / name).write_bytes((manual / TREE / "owl/n01621127_107-1.png").read_bytes())
    for clutter in (".DS_Store", "Thumbs.db"):
        (manual / TREE / "owl" / clutter).touch()
    builder = prepare(manual, tmp_path / "data", max_bad=0.05)
    [[file, where, reason]] = listed(builder)
    assert (file, where) == (f"{TREE}/owl/{name}", "")
    assert "<wnid>_<photo>-<number>.png" in reason


def test_an_empty_class_is_an_error(manual, tmp_path):
    (manual / TREE / "yak").mkdir()
    with pytest.raises(BadDataError, match=rf"class 'yak' would be empty: {TREE}/yak holds no usable.*--classes"):
        prepare(manual, tmp_path / "data")
    assert sum(sizes(prepare(manual, tmp_path / "data", classes=("bell", "owl"))).values()) == 48
    for path in (manual / TREE / "owl").iterdir():
        add_line(manual / "info/invalid-pose.txt", path.stem)
    with pytest.raises(BadDataError, match="'owl' would be empty: all its 24 sketches are on the lists"):
        prepare(manual, tmp_path / "data", without=("pose",), classes=("bell", "owl"))


def test_a_test_photo_without_a_sketch_is_named_with_its_line(manual, tmp_path):
    add_line(manual / "info/testset.txt", "owl/n01621127_999.jpg")
    with pytest.raises(BadDataError, match=r"1 of 49 examples is bad.*info/testset\.txt, line 5: .*owl/n01621127_999"):
        prepare(manual, tmp_path / "data", split="official")
    builder = prepare(manual, tmp_path / "data", split="official", max_bad=0.05)
    assert [row[:2] for row in listed(builder)] == [["info/testset.txt", "line 5"]]
    assert listed(prepare(manual, tmp_path / "data", split="photo")) == []


def test_an_invalid_sketch_that_is_missing_is_a_warning_with_its_line(manual, tmp_path, caplog):
    add_line(manual / "info/invalid-error.txt", "n01621127_107-9")
    with caplog.at_level(logging.WARNING):
        builder = prepare(manual, tmp_path / "data")
    assert "info/invalid-error.txt, line 3: n01621127_107-9" in caplog.text
    assert listed(builder) == []


@pytest.mark.parametrize(
    ("file", "line"), [("testset.txt", "owl n01621127_114.jpg"), ("invalid-pose.txt", "<html>404</html>")]
)
def test_a_line_that_is_no_name_is_an_error(manual, tmp_path, file, line):
    number = (manual / "info" / file).read_text().count("\n") + 1
    add_line(manual / "info" / file, line)
    with pytest.raises(BadDataError, match=rf"info/{file}, line {number}: '{line}' is not <"):
        prepare(manual, tmp_path / "data", split="official")


def test_lists_with_windows_line_ends_file_endings_and_folders(manual, tmp_path):
    text = (manual / "info/testset.txt").read_text()
    (manual / "info/testset.txt").write_bytes(text.replace("\n", "\r\n").encode())
    (manual / "info/invalid-pose.txt").write_bytes(b"owl/n01621127_121-4.png \r\n\r\n")
    builder = prepare(manual, tmp_path / "data", split="official", without=("pose",))
    assert builder.info.metadata["left_out"] == {"pose": 1}


def test_reasons_that_do_not_exist():
    with pytest.raises(InvalidArgumentError, match="ambiguous, context, error, pose"):
        Builder.make_config(without=("ugly",))
    with pytest.raises(UnknownNameError, match="official, paper, photo"):
        Builder.make_config(split="hash")


def test_a_changed_list_is_prepared_anew(manual, tmp_path):
    before = prepare(manual, tmp_path / "data", split="official")
    add_line(manual / "info/testset.txt", "owl/n01621127_121.jpg")
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
