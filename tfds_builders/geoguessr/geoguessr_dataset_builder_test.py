"""TFDS's own test case over made-up views; countries, splits, places, what is stored, the zip, and real views."""

import collections
import functools
import logging
import os
import shutil
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds

from keras_sketch.curation.decode import check_image
from tfds_builders import testing
from tfds_builders.geoguessr.geoguessr_dataset_builder import Builder
from tfds_builders.geoguessr.views import find_views
from tfds_builders.testing import by_id, listed, sizes

DUMMY = Path(__file__).parent / "dummy_data"
TREE = "compressed_dataset"
SAMPLES = os.environ.get("KERAS_SKETCH_SAMPLES")
RAW = {"decoders": {"image": tfds.decode.SkipDecoding()}}
prepare = functools.partial(testing.prepare, Builder, name="all")


class GeoguessrTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ["all"]
    SPLITS = {"train": 28, "validation": 4, "test": 1}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The dummy data, prepared with all its countries."""
    return prepare(DUMMY, tmp_path_factory.mktemp("whole"))


def kept(examples):
    """All that is stored but the side and the coordinates, which may be NaN."""
    return {
        identity: (each["image"], each["label"], each["group"], each["country_code"])
        for identity, each in examples.items()
    }


def siblings(examples, split):
    """Counts again the examples of a split that have one of their group in training."""
    trained = {each["group"] for each in examples.values() if each["split"] == "train"}
    return sum(each["group"] in trained for each in examples.values() if each["split"] == split)


def test_features_say_what_folders_say_and_small_jpegs_keep_their_bytes(whole):
    examples = by_id(whole, **RAW)
    names = whole.info.features["label"].names
    assert names == ["Brazil", "Japan", "United States"]
    assert set(examples) == {path.relative_to(DUMMY / TREE).as_posix() for path in DUMMY.rglob("*.jpg")}
    for identity, each in examples.items():
        assert names[each["label"]] == identity.split("/")[0]
        assert each["country_code"] == {"Brazil": b"BR", "Japan": b"JP", "United States": b"US"}[identity.split("/")[0]]
        assert each["image"] == (DUMMY / TREE / identity).read_bytes()
        assert np.isnan([each["latitude"], each["longitude"]]).all()
    assert listed(whole) == []


def test_without_coordinates_near_copies_are_of_one_place(whole):
    examples = by_id(whole, **RAW)
    for country, number in (("Brazil", 0), ("Japan", 100), ("United States", 200)):
        pair = [examples[f"{country}/canvas_{1629004000 + number + place}.jpg"] for place in (0, 9)]
        assert {each["group"] for each in pair} == {f"{country}/canvas_{1629004000 + number}.jpg".encode()}
        assert len({each["split"] for each in pair}) == 1
    assert len({each["group"] for each in examples.values()}) == whole.info.metadata["places"] == 30
    assert (whole.info.metadata["located"], whole.info.metadata["leaked"]) == (0, {"validation": 0, "test": 0})


def test_a_split_by_view_leaks_and_says_how_much(tmp_path):
    builder = prepare(DUMMY, tmp_path, split="view")
    leaked = builder.info.metadata["leaked"]
    assert leaked == {split: siblings(by_id(builder, **RAW), split) for split in ("validation", "test")}
    assert leaked["test"] == 1


def test_the_largest_countries_are_taken_and_ties_go_by_name(manual):
    config = functools.partial(Builder.make_config)
    shutil.copy(manual / TREE / "Japan/canvas_1629004100.jpg", manual / TREE / "Japan/canvas_1.jpg")
    assert find_views(manual).largest == ["Brazil", "Japan", "United States"]
    shutil.copy(manual / TREE / "Japan/canvas_1629004100.jpg", manual / TREE / "Japan/canvas_2.jpg")
    assert Builder.resolve_config(config("top2"), manual).classes == ("Brazil", "Japan")
    assert find_views(manual).largest[0] == "Japan"
    assert Builder.resolve_config(config("top3"), manual).classes == ("Brazil", "Japan", "United States")
    assert Builder.resolve_config(config("top99", classes=("us", "JPN")), manual).classes == ("Japan", "United States")
    assert Builder.make_config() is Builder.BUILDER_CONFIGS[0]
    assert (config().name, config("top5").top, config("all").top) == ("top20", 5, None)


def test_two_folders_of_one_country_are_one_class(manual):
    shutil.copytree(manual / TREE / "Brazil", manual / TREE / "brasil")
    views = find_views(manual)
    assert views.folders["Brazil"] == ("Brazil", "brasil")
    assert len(views.names["Brazil"]) == 24


def test_large_views_are_stored_smaller_as_jpeg_upright_in_colour(manual, tmp_path):
    wide = cv2.resize(cv2.imread(str(manual / TREE / "Japan/canvas_1629004100.jpg")), (768, 331))
    assert cv2.imwrite(str(manual / TREE / "Japan/wide.jpg"), wide)
    assert cv2.imwrite(str(manual / TREE / "Japan/small.png"), wide[:40, :50])
    (manual / TREE / "Japan/small.png").rename(manual / TREE / "Japan/png.jpg")
    examples = by_id(prepare(manual, tmp_path, max_bad=0), **RAW)
    for name, original in (
        ("wide", cv2.resize(wide, (594, 256), interpolation=cv2.INTER_AREA)),
        ("png", wide[:40, :50]),
    ):
        stored = examples[f"Japan/{name}.jpg"]["image"]
        assert stored.startswith(b"\xff\xd8")
        assert np.abs(check_image(stored).astype(int) - original[..., ::-1]).mean() < 3


def test_a_limit_takes_the_same_views_for_every_split(tmp_path):
    chosen = [
        set(by_id(prepare(DUMMY, tmp_path, split=split, per_class=8), **RAW)) for split in ("view", "place-60-20-20")
    ]
    assert chosen[0] == chosen[1]
    assert collections.Counter(name.split("/")[0] for name in chosen[0]) == {
        "Brazil": 8,
        "Japan": 8,
        "United States": 8,
    }


@pytest.mark.parametrize("root", [f"{TREE}/", "geolocation/", "", f"downloads/{TREE}/"])
def test_the_zip_gives_what_the_folder_gives(tmp_path, whole, root):
    (tmp_path / "packed").mkdir()
    with zipfile.ZipFile(tmp_path / "packed/archive.zip", "w") as archive:
        archive.writestr("__MACOSX/compressed_dataset/Brazil/._canvas_1.jpg", b"")
        for path in sorted(DUMMY.rglob("*.jpg")):
            archive.write(path, root + path.relative_to(DUMMY / TREE).as_posix())
    if root != f"{TREE}/":
        assert find_views(tmp_path / "packed").names == find_views(DUMMY).names
    else:
        assert kept(by_id(prepare(tmp_path / "packed", tmp_path / "data"), **RAW)) == kept(by_id(whole, **RAW))


@pytest.mark.parametrize("deeper", [TREE, f"{TREE}/{TREE}", f"downloads/{TREE}", "downloads", ""])
def test_where_the_folders_may_lie(manual, tmp_path, deeper):
    target = tmp_path / "other" / deeper
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(manual / TREE, target)
    (target / "where.csv").write_text("file,lat,lon\n")
    config = Builder.resolve_config(Builder.make_config("all"), tmp_path / "other")
    assert len(Builder.source_files(config, tmp_path / "other")) == 34


@pytest.mark.skipif(not SAMPLES, reason="KERAS_SKETCH_SAMPLES is not set")
def test_no_real_panorama_is_on_two_sides(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        builder = prepare(Path(SAMPLES) / "geoguessr", tmp_path)
    examples = by_id(builder, **RAW)
    sides = collections.defaultdict(set)
    for identity, each in examples.items():
        sides[identity.rsplit("_v", 1)[0]].add((each["split"], each["group"]))
    assert (len(examples), len(sides), {len(each) for each in sides.values()}) == (280, 56, {1})
    assert sizes(builder) == {"train": 240, "validation": 25, "test": 15}
    assert "9 of the 18 countries have a single place" in caplog.text
    assert len(listed(builder)) == 9
    one = examples["United States of America/45.132328033447266_-85.08209991455078_v0.jpg"]
    assert one["country_code"] == b"US"
    np.testing.assert_allclose([one["latitude"], one["longitude"]], [45.132328, -85.0821], rtol=1e-6)


@pytest.mark.skipif(not SAMPLES, reason="KERAS_SKETCH_SAMPLES is not set")
def test_what_real_views_leak(tmp_path):
    builder = prepare(Path(SAMPLES) / "geoguessr", tmp_path, split="view-60-20-20")
    examples = by_id(builder, **RAW)
    counted = {split: siblings(examples, split) for split in ("validation", "test")}
    assert builder.info.metadata["leaked"] == counted == {"validation": 53, "test": 48}
