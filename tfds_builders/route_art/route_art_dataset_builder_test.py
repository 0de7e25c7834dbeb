"""TFDS's own test case over made-up screenshots and GPX; labels, pictures, the sheet, and what a folder may hold."""

import functools
import logging
import shutil
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds

from keras_sketch import load_dataset
from keras_sketch.curation.imagenet import imagenet_classes
from keras_sketch.drawing import render_gpx
from keras_sketch.drawing.route_art import extract_route
from keras_sketch.drawing.route_picture import frame_route
from keras_sketch.errors import BadDataError, MissingDataError, UnknownNameError
from tfds_builders import testing
from tfds_builders.route_art.contact_sheet import contact_sheet
from tfds_builders.route_art.route_art_dataset_builder import Builder
from tfds_builders.testing import by_id, listed, sizes

DUMMY = Path(__file__).parent / "dummy_data"
CAT, RETRIEVER = "n02123045", "n02099601"
prepare = functools.partial(testing.prepare, Builder)


class RouteArtTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ["route_art"]
    SPLITS = {"test": 7}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The dummy data, prepared without options."""
    return prepare(DUMMY, tmp_path_factory.mktemp("whole"))


def test_labels_are_imagenets_and_two_folders_of_a_class_are_one(whole):
    names = whole.info.features["label"].names
    assert names == [each.wnid for each in imagenet_classes()]
    examples = by_id(whole)
    assert sizes(whole) == {"test": 7}
    for identity, example in examples.items():
        wnid = RETRIEVER if identity.startswith("Golden") else CAT
        assert names[example["label"]] == wnid == example["wnid"].decode()
        assert example["source"] == (b"gpx" if identity.lower().endswith("gpx") else b"screenshot")
    assert examples["tabby/f.gpx"]["class_name"] == examples["n02123045/a.png"]["class_name"] != b""


def test_pictures_are_what_the_two_functions_draw(whole):
    examples = by_id(whole)
    assert np.array_equal(examples["tabby/f.gpx"]["image"][..., 0], render_gpx(DUMMY / "tabby/f.gpx", 512))
    pixels = cv2.cvtColor(cv2.imread(str(DUMMY / "tabby/e.png")), cv2.COLOR_BGR2RGB)
    assert np.array_equal(examples["tabby/e.png"]["image"][..., 0], frame_route(extract_route(pixels), 512))


def test_the_sheet_shows_before_and_after(whole):
    sheet = cv2.imread(str(Path(whole.data_dir) / "routes.png"))
    assert sheet.shape == (2 * 204, 4 * 378, 3)
    screenshot, route = sheet[:180, 6:186], sheet[6:186, 192:372]
    assert np.ptp(screenshot, axis=2).max() > 100
    assert np.ptp(route, axis=2).max() == 0 and route.min() < 100 and np.median(route) == 255


def test_names_on_a_sheet_need_not_be_ascii():
    white = np.full((10, 20), 255, np.uint8)
    assert contact_sheet([("Köln/ü.png", None, white)]).shape == (204, 378, 3)


def test_screenshots_can_stay_as_they_are(tmp_path):
    builder = prepare(DUMMY, tmp_path, "screenshot", side=120)
    images = {identity: example["image"].shape for identity, example in by_id(builder).items()}
    assert sorted(images) == [
        *("Golden_Retriever/c.png", "Golden_Retriever/d.png", "n02123045/a.png", "n02123045/b.jpg", "tabby/e.png")
    ]
    assert images["n02123045/b.jpg"] == (120, 120, 3) and images["Golden_Retriever/c.png"] == (88, 120, 3)
    assert not list(Path(builder.data_dir).glob("*.png"))


def test_a_test_split_alone_is_loaded_and_classes_may_be_fewer(tmp_path):
    train, validation, test, info = load_dataset(
        "route-art", image_size=32, batch_size=4, data_dir=tmp_path, manual_dir=DUMMY, classes=("tabby",)
    )
    assert train is None and validation is None
    assert info.class_names == (CAT,)
    assert info.provenance["dataset"] == "route_art"
    assert sum(len(labels) for _, labels in test) == info.num_examples["test"] == 4


def test_those_who_have_many_may_split_them(manual, tmp_path):
    for number in range(12):
        image = cv2.imread(str(manual / "tabby/e.png"))
        image[-1, -1] = number
        cv2.imwrite(str(manual / "tabby" / f"{number}.png"), image)
    builder = prepare(manual, tmp_path / "data", split="holdout", side=32)
    assert sum(sizes(builder).values()) == 19
    assert set(sizes(builder)) == {"train", "test"}


def png_header(width, height):
    """A PNG that declares a size and holds nothing."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


def test_what_holds_no_route_is_named_with_its_reason(manual, tmp_path):
    (manual / "tabby/huge.png").write_bytes(png_header(20_000, 20_000))
    cv2.imwrite(str(manual / "tabby/plain.png"), np.full((60, 60, 3), 230, np.uint8))
    (manual / "tabby/walk.gpx").write_text("<gpx/>")
    (manual / "tabby/notes.txt").write_text("notes")
    (manual / "tabby/.DS_Store").touch()
    with pytest.raises(BadDataError, match=r"4 of 11 examples are bad.*tabby/huge\.png: .*20000 x 20000 pixels"):
        prepare(manual, tmp_path / "data")
    builder = prepare(manual, tmp_path / "data", max_bad=0.5, side=32)
    reasons = {file: reason for file, _, reason in listed(builder)}
    assert sorted(reasons) == ["tabby/huge.png", "tabby/notes.txt", "tabby/plain.png", "tabby/walk.gpx"]
    assert "no route" in reasons["tabby/plain.png"]
    assert reasons["tabby/walk.gpx"] == "it has no points of a track or route"
    assert len(by_id(builder)) == 7


def test_two_colours_that_could_be_the_route_are_said(manual, tmp_path, caplog):
    image = np.full((150, 150, 3), 240, np.uint8)
    cv2.circle(image, (50, 75), 35, (0, 0, 255), 3, cv2.LINE_AA)
    cv2.circle(image, (105, 75), 30, (255, 60, 0), 3, cv2.LINE_AA)
    cv2.imwrite(str(manual / "tabby/two.png"), image)
    with caplog.at_level(logging.WARNING):
        prepare(manual, tmp_path / "data", side=64)
    assert any("tabby/two.png: both" in record.getMessage() for record in caplog.records)


def test_folders_that_are_no_dataset(manual, tmp_path):
    config = Builder.make_config()
    with pytest.raises(MissingDataError, match="needs a manual folder.*one sub-folder for each class"):
        Builder.resolve_config(config, None)
    with pytest.raises(MissingDataError, match="has no sub-folders"):
        Builder.resolve_config(config, manual / "tabby")
    with pytest.raises(UnknownNameError, match="Did you mean 'tabby'"):
        Builder.make_config(classes=("taby",))
    with pytest.raises(MissingDataError, match=r"no folder of n01443537 \(goldfish\)"):
        Builder.resolve_config(Builder.make_config(classes=("goldfish",)), manual)
    shutil.move(manual / "Golden_Retriever", manual / "golden retreiver")
    with pytest.raises(
        BadDataError, match="sub-folder 'golden retreiver' of .* Did you mean 'golden retriever'.*Rename"
    ):
        Builder.resolve_config(config, manual)
    assert Builder.resolve_config(Builder.make_config(classes=("tabby",)), DUMMY).classes == (CAT,)
