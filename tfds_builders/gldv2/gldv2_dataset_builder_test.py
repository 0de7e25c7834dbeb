"""TFDS's own test case over made-up landmarks; configs, splits, what is stored, tars, distractors."""

import collections
import csv
import functools
import hashlib
import shutil
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds

from keras_sketch.curation.decode import check_image
from keras_sketch.curation.splits import CHOICE_SEED, unit_hash
from keras_sketch.data.loading import open_dataset
from keras_sketch.errors import InvalidArgumentError, UnknownNameError
from tfds_builders import testing
from tfds_builders.gldv2.gldv2_dataset_builder import Builder
from tfds_builders.testing import by_id, listed, sizes

DUMMY = Path(__file__).parent / "dummy_data"
RAW = {"decoders": {"image": tfds.decode.SkipDecoding()}}
prepare = functools.partial(testing.prepare, Builder, name="min1")


class Gldv2Test(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ["min1"]
    SPLITS = {"train": 31, "validation": 1, "test": 3}


def rows(folder=DUMMY):
    """The list as dicts by id."""
    with (folder / "train.csv").open() as file:
        return {row["id"]: row for row in csv.DictReader(file)}


def place(image):
    return f"{image[0]}/{image[1]}/{image[2]}/{image}.jpg"


def pack(tree, target, names, prefix=""):
    """Packs images of a tree into a tar, with its md5 file."""
    with tarfile.open(target, "w") as tar:
        for name in names:
            tar.add(tree / name, prefix + name)
    (target.parent / f"md5.{target.stem}.txt").write_text(f"{md5(target)}  {target.name}\n")


def md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return prepare(DUMMY, tmp_path_factory.mktemp("whole"))


def test_features_say_what_the_list_says_and_small_jpegs_keep_their_bytes(whole):
    examples, listing = by_id(whole, **RAW), rows()
    names = whole.info.features["label"].names
    assert names == ["137389", "140690", "165900", "7", "99"]
    assert set(examples) == set(listing)
    for image, each in examples.items():
        assert names[each["label"]] == str(each["landmark_id"]) == listing[image]["landmark_id"]
        assert each["image"] == (DUMMY / "train" / place(image)).read_bytes()
    assert listed(whole) == []
    assert whole.info.metadata["examples_seen"] == 35


def test_a_series_is_on_one_side(whole):
    examples, listing = by_id(whole, **RAW), rows()
    sides = collections.defaultdict(set)
    for image, each in examples.items():
        stem = listing[image]["url"].rpartition("/")[2]
        if stem.startswith("View"):  # View_of_140690_a_%2803%29.JPG: a letter is a series, the number a photo of it.
            landmark, letter = stem.split("_")[2:4]
            assert each["group"].decode() == f"{landmark}/view of {letter}"
            sides[landmark, letter].add(each["split"])
        else:
            assert each["group"].decode() == image
    assert {len(split) for split in sides.values()} == {1}
    assert whole.info.metadata["leaked"] == {"validation": 0, "test": 0}


def test_a_name_that_most_images_of_a_landmark_have_is_no_series(tmp_path):
    shutil.copytree(DUMMY / "train", tmp_path / "source" / "train")
    common = {
        image: dict(row, url=f"https://example.org/IMG_{number:04}.jpg") if row["landmark_id"] == "140690" else row
        for number, (image, row) in enumerate(rows().items())
    }
    with (tmp_path / "source" / "train.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["id", "url", "landmark_id"])
        writer.writeheader()
        writer.writerows(common.values())
    examples = by_id(prepare(tmp_path / "source", tmp_path / "data"), **RAW)
    groups = {image: each["group"].decode() for image, each in examples.items()}
    assert all(groups[image] == image for image, row in common.items() if row["landmark_id"] == "140690")
    assert any(group.startswith("165900/view of") for group in groups.values())


def test_a_split_by_image_leaks_and_says_how_much(tmp_path):
    builder = prepare(DUMMY, tmp_path, split="image-60-20-20")
    examples = by_id(builder, **RAW)
    trained = {each["group"] for each in examples.values() if each["split"] == "train"}
    counted = collections.Counter(each["split"] for each in examples.values() if each["group"] in trained)
    assert builder.info.metadata["leaked"] == {split: counted[split] for split in ("validation", "test")}
    assert counted["test"] > 0


@pytest.mark.parametrize(
    "name, classes",
    [
        ("min9", ["137389", "140690", "165900"]),
        ("min4-top2-24px", ["137389", "140690"]),  # 9 images each: the lower id.
        ("top4-min2", ["137389", "140690", "165900", "7"]),
    ],
)
def test_the_largest_classes_are_taken(tmp_path, name, classes):
    builder = prepare(DUMMY, tmp_path, name=name, split="series-60-20-20")
    assert builder.info.features["label"].names == classes
    counts = collections.Counter(row["landmark_id"] for row in rows().values())
    assert sum(sizes(builder).values()) == sum(counts[landmark] for landmark in classes)


def test_the_cleaned_list_says_which_images_there_are(tmp_path):
    builder = prepare(DUMMY, tmp_path, name="clean-min2", split="series-60-20-20")
    with (DUMMY / "train_clean.csv").open() as file:
        cleaned = {row["landmark_id"]: row["images"].split() for row in csv.DictReader(file)}
    examples = by_id(builder, **RAW)
    found = collections.defaultdict(set)
    for image, each in examples.items():
        found[str(each["landmark_id"])].add(image)
    assert found == {landmark: set(images) for landmark, images in cleaned.items()}
    # Landmark 7 has four images in the full list, and two in this one.
    builder = prepare(DUMMY, tmp_path, name="clean-min4", split="series-60-20-20")
    assert builder.info.features["label"].names == ["137389", "140690", "165900"]


def test_distractors_are_a_split_of_their_own(tmp_path):
    builder = prepare(DUMMY, tmp_path, name="min1-distractors")
    assert sizes(builder) == {"train": 31, "validation": 1, "test": 3, "distractors": 5}
    found = {image: each for image, each in by_id(builder, **RAW).items() if each["split"] == "distractors"}
    with (DUMMY / "recognition_solution_v2.1.csv").open() as file:
        assert set(found) == {row["id"] for row in csv.DictReader(file) if not row["landmarks"]}
    assert {(each["label"], each["landmark_id"]) for each in found.values()} == {(-1, -1)}
    for image, each in found.items():
        assert each["image"] == (DUMMY / "test" / place(image)).read_bytes()
    dataset = open_dataset("gldv2", "distractors-min1", image_size=16, data_dir=tmp_path, manual_dir=DUMMY)
    assert dataset.info.num_examples["distractors"] == 5
    [(images, labels)] = list(dataset.splits["distractors"].evaluation(8))
    assert images.shape == (5, 16, 16, 3)
    assert labels.numpy().tolist() == [-1] * 5
    assert dataset.info.leaked == {"validation": 0, "test": 0, "distractors": 0}


def test_images_whose_shorter_side_is_longer_are_stored_smaller(manual, tmp_path):
    image = next(iter(rows()))
    large = cv2.resize(cv2.imread(str(DUMMY / "train" / place(image))), (64, 48), interpolation=cv2.INTER_CUBIC)
    assert cv2.imwrite(str(manual / "train" / place(image)), large)
    stored = by_id(prepare(manual, tmp_path, name="min1-12px"), **RAW)
    pixels = check_image(stored[image]["image"]).astype(int)
    expected = cv2.resize(large, (16, 12), interpolation=cv2.INTER_AREA)[..., ::-1]
    assert pixels.shape == (12, 16, 3)
    assert np.abs(pixels - expected).mean() < 10  # Half the colours are gone with the JPEG; other images are 60 away.
    assert {check_image(each["image"]).shape for each in stored.values()} == {(12, 16, 3)}


def test_a_limit_takes_the_images_of_the_lowest_hash(tmp_path):
    examples = by_id(prepare(DUMMY, tmp_path, per_class=3, split="series-60-20-20"), **RAW)
    expected = set()
    for landmark in {row["landmark_id"] for row in rows().values()}:
        of_it = [image for image, row in rows().items() if row["landmark_id"] == landmark]
        expected |= set(sorted(of_it, key=lambda image: unit_hash(image, CHOICE_SEED))[:3])
    assert set(examples) == expected


def test_classes_that_are_asked_for_are_taken_whatever_their_size(tmp_path):
    builder = prepare(DUMMY, tmp_path, name=None, classes=("7", "165900"), split="image-60-20-20")
    assert builder.info.features["label"].names == ["165900", "7"]
    assert sum(sizes(builder).values()) == 13
    with pytest.raises(UnknownNameError, match=r"Unknown class '8'.*those of the index set are other ones"):
        prepare(DUMMY, tmp_path, classes=("7", "8"))


def test_names_of_configs():
    make = Builder.make_config
    assert make() is Builder.BUILDER_CONFIGS[0]
    assert make().name == make(None, min_samples=250).name == "min250"
    config = make("distractors-64px-clean-top100-min4")
    assert config.name == "min4-top100-clean-distractors-64px"
    assert (config.min_samples, config.max_classes, config.clean, config.distractors, config.side) == (
        *(4, 100, True, True, 64),
    )
    assert make(None, min_samples=4, max_classes=100, clean=True, distractors=True, side=64).name == config.name
    assert make("min4", split="image").name.startswith("min4-")
    for name in ("min0", "best", "min4-min5", "top", "64", "min4_clean", "clean-clean"):
        with pytest.raises(UnknownNameError, match=r"A config is a list of parts joined by `-`: `min<k>`"):
            make(name)
    with pytest.raises(InvalidArgumentError, match="`max_classes` must be at least 2"):
        make("top1")
    with pytest.raises(InvalidArgumentError, match="`min_samples` must be 4, as the config 'min4' says"):
        make("min4", min_samples=5)


@pytest.mark.parametrize("where, prefix", [(".", ""), ("train", "./"), (".", "train/")])
def test_tars_give_what_the_tree_gives(tmp_path, whole, where, prefix):
    folder = tmp_path / "packed"
    (folder / where).mkdir(parents=True)
    (folder / "metadata").mkdir()
    (folder / "metadata/train.csv").write_bytes((DUMMY / "train.csv").read_bytes())
    names = sorted(path.relative_to(DUMMY / "train").as_posix() for path in (DUMMY / "train").rglob("*.jpg"))
    for number in range(3):
        pack(DUMMY / "train", folder / where / f"images_{number:03d}.tar", names[number::3], prefix)
    builder = prepare(folder, tmp_path / "data", max_bad=0)
    expected, found = by_id(whole, **RAW), by_id(builder, **RAW)
    assert found == expected
    assert listed(builder) == []


def test_nothing_is_read_once_it_is_prepared(manual, tmp_path, monkeypatch):
    first = prepare(manual, tmp_path)
    monkeypatch.setattr("tfds_builders.gldv2.choice.read_train", None)
    monkeypatch.setattr("tfds_builders.gldv2.gldv2_dataset_builder.read_part", None)
    again = prepare(manual, tmp_path)
    assert again.info.features["label"].names == first.info.features["label"].names
    assert again.data_dir == first.data_dir
    assert [path.name for path in (tmp_path / "gldv2").glob("unfinished*")] == []
    (manual / "train.csv").write_text((manual / "train.csv").read_text() + "\n")
    changed = Builder.resolve_config(Builder.make_config("min1"), manual)
    assert changed.name != first.builder_config.name


def test_a_list_without_urls_groups_each_image_alone(manual, tmp_path):
    listing = rows()
    lines = ["landmark_id,id", *(f"{row['landmark_id']},{image}" for image, row in listing.items())]
    (manual / "train.csv").write_text("\ufeff" + "\r\n".join(lines), encoding="utf-8")
    examples = by_id(prepare(manual, tmp_path), **RAW)
    assert {image: str(each["landmark_id"]) for image, each in examples.items()} == {
        image: row["landmark_id"] for image, row in listing.items()
    }
    assert all(each["group"].decode() == image for image, each in examples.items())
