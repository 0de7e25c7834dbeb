"""TFDS's own test case, and what a user's folder may hold."""

import csv
import os
import shutil
from pathlib import Path
from unittest import mock

import cv2
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from keras_sketch.data.image_files import read_images
from keras_sketch.data.pipeline import ImageSplit
from keras_sketch.errors import BadDataError, MissingDataError, UnknownNameError
from tfds_builders.folder.folder_dataset_builder import Builder

DUMMY = Path(__file__).parent / "dummy_data"


class FolderTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Builder
    SPLITS = {"train": 21, "validation": 2, "test": 1}


@pytest.fixture
def manual(tmp_path):
    """A copy of the dummy data that a test may spoil."""
    return Path(shutil.copytree(DUMMY, tmp_path / "manual"))


def prepare(manual_dir, data_dir, **fields):
    config = Builder.resolve_config(Builder.make_config(**fields), manual_dir)
    builder = Builder(data_dir=data_dir, config=config)
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=manual_dir))
    return builder


def by_id(builder):
    return {
        example["id"].decode(): {**example, "split": split}
        for split, dataset in builder.as_dataset().items()
        for example in tfds.as_numpy(dataset)
    }


def stored(builder):
    """The bytes of the images as they are in the dataset."""
    decoders = {"image": tfds.decode.SkipDecoding()}
    sets = builder.as_dataset(decoders=decoders).values()
    return {example["id"].decode(): example["image"] for dataset in sets for example in tfds.as_numpy(dataset)}


def write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)


def jpeg_with_orientation(image, orientation):
    """A JPEG with an EXIF block that has the one tag 0x0112."""
    jpeg = tf.io.encode_jpeg(image, quality=100, chroma_downsampling=False).numpy()
    tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01" + bytes([0, orientation]) + b"\0\0\0\0\0\0"
    segment = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + jpeg[2:]


def test_ids_labels_and_pixels(manual, tmp_path):
    builder = prepare(manual, tmp_path / "data")
    examples = by_id(builder)
    files = [path for path in manual.rglob("*.*") if path.is_file()]
    assert set(examples) == {path.relative_to(manual).as_posix() for path in files}
    names = builder.info.features["label"].names
    assert names == ["circle", "square"]
    for identity, example in examples.items():
        assert names[example["label"]] == identity.split("/")[0]
        pixels = cv2.cvtColor(cv2.imread(str(manual / identity)), cv2.COLOR_BGR2RGB)
        assert np.abs(example["image"].astype(int) - pixels).mean() < 2


def test_png_and_jpeg_keep_their_bytes_others_become_png(manual, tmp_path):
    for identity, image in stored(prepare(manual, tmp_path / "data")).items():
        if identity.endswith("bmp"):
            assert image.startswith(b"\x89PNG")
        else:
            assert image == (manual / identity).read_bytes()


def test_turned_images_are_stored_upright(manual, tmp_path):
    image = np.zeros((16, 32, 3), np.uint8)
    image[:, :16] = 255  # White on the left; orientation 6 turns it to the top.
    (manual / "circle" / "turned.jpg").write_bytes(jpeg_with_orientation(image, 6))
    found = by_id(prepare(manual, tmp_path / "data"))["circle/turned.jpg"]["image"]
    assert found.shape == (32, 16, 3)
    assert found[:14].min() > 200
    assert found[18:].max() < 50


def textured(height, width):
    """Clouds, grain and lines on plain paper."""
    random = np.random.default_rng(0)
    clouds = cv2.resize(random.uniform(0, 255, (30, 40, 3)), (width, height), interpolation=cv2.INTER_CUBIC)
    image = np.clip(clouds + random.normal(0, 20, clouds.shape), 0, 255).astype(np.uint8)
    for start, end in random.integers(0, [width, height], (40, 2, 2)).tolist():
        cv2.line(image, start, end, (0, 0, 0), 6)
    return cv2.copyMakeBorder(image[10:-10, 10:-10], 10, 10, 10, 10, cv2.BORDER_CONSTANT, value=(255, 250, 240))


@pytest.mark.parametrize("resize", ["pad", "stretch"])
def test_training_sees_large_images_as_prediction_does(manual, tmp_path, resize):
    files = {"circle/large.png": textured(1500, 2000), "square/large.jpg": textured(2000, 1500)}
    for identity, image in files.items():
        write(manual / identity, image)
    builder = prepare(manual, tmp_path / "data")
    seen = {}
    for split in builder.info.splits:
        part = ImageSplit(builder, split, 64, resize)
        images = np.concatenate([images for images, _ in part.evaluation(8)])
        seen |= dict(zip(part.facts(["id"])["id"], images, strict=True))
    for identity in files:
        shown = read_images([manual / identity], {"image_size": 64, "channels": 3, "resize": resize})[0]
        assert np.abs(seen[identity].astype(int) - shown).mean() < 1


def test_images_that_change_are_stored_without_loss(manual, tmp_path):
    (manual / "circle" / "turned.jpg").write_bytes(jpeg_with_orientation(textured(40, 60), 6))
    builder = prepare(manual, tmp_path / "data")
    shown = read_images([manual / "circle" / "turned.jpg"], {"image_size": 60, "channels": 3, "resize": "crop"})[0]
    found = by_id(builder)["circle/turned.jpg"]["image"]
    assert found.shape == (60, 40, 3)
    cropped = tf.image.resize(found[10:50], [60, 60], antialias=True).numpy().round()
    assert np.array_equal(cropped.clip(0, 255), shown)


def test_large_images_become_smaller_and_keep_their_shape(manual, tmp_path):
    write(manual / "circle" / "wide.png", np.full((30, 90, 3), 7, np.uint8))
    write(manual / "circle" / "grey.png", np.full((90, 30), 7, np.uint8))
    examples = by_id(prepare(manual, tmp_path / "data", max_side=45))
    assert examples["circle/wide.png"]["image"].shape == (15, 45, 3)
    assert examples["circle/grey.png"]["image"].shape == (45, 15, 3)
    assert set(examples["circle/grey.png"]["image"].ravel()) == {7}


def test_identical_copies_stay_on_one_side(manual, tmp_path):
    for path in list((manual / "circle").iterdir()):
        shutil.copy(path, path.with_stem(f"{path.stem} copy"))
    examples = by_id(prepare(manual, tmp_path / "data"))
    for identity, example in examples.items():
        if " copy" in identity:
            original = examples[identity.replace(" copy", "")]
            assert (example["split"], example["group"]) == (original["split"], original["group"])


def test_files_that_are_no_images_are_named_and_clutter_is_not(manual, tmp_path):
    (manual / "circle" / "text.png").write_text("this is text")
    (manual / "circle" / "empty.jpg").touch()
    (manual / "square" / "notes.txt").write_text("notes")
    (manual / "square" / "cut.png").write_bytes((manual / "square" / "0.png").read_bytes()[:60])
    for clutter in (".DS_Store", "Thumbs.db", "desktop.ini"):
        (manual / "square" / clutter).write_bytes(b"x")
    with pytest.raises(BadDataError, match=r"4 of 28 examples are bad.*circle/empty\.jpg: the file is empty"):
        prepare(manual, tmp_path / "data")
    builder = prepare(manual, tmp_path / "data", max_bad=0.2)
    assert builder.info.splits.total_num_examples == 24
    with (Path(builder.data_dir) / "bad_examples.csv").open(newline="") as file:
        named = [row[0] for row in csv.reader(file)][1:]
    assert named == ["circle/empty.jpg", "circle/text.png", "square/cut.png", "square/notes.txt"]


def test_links_to_nothing_are_named_and_links_back_end(manual, tmp_path):
    (manual / "circle" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (manual / "circle" / "again").symlink_to(manual / "circle", target_is_directory=True)
    (manual / "square" / "crossed").symlink_to(manual / "circle" / "again" / "..", target_is_directory=True)
    with pytest.raises(BadDataError, match=r"circle/gone\.png: cannot be read: No such file or directory"):
        prepare(manual, tmp_path / "data")
    (manual / "square" / "crossed").unlink()
    builder = prepare(manual, tmp_path / "data", max_bad=0.1)
    assert len(by_id(builder)) == 24
    assert (builder.info.metadata["examples_seen"], builder.info.metadata["examples_bad"]) == (25, 1)


def test_file_names_need_not_be_utf8_but_class_names_must(manual, tmp_path):
    try:
        shutil.copy(manual / "circle" / "0.png", os.fsencode(manual / "circle") + b"/caf\xe9.png")
    except OSError:
        pytest.skip("this file system refuses such names")
    builder = prepare(manual, tmp_path / "data")
    assert r"circle/caf\xe9.png" in by_id(builder)
    os.rename(manual / "square", os.fsencode(manual) + b"/squar\xe9")
    with pytest.raises(BadDataError, match=r"sub-folder 'squar\\\\xe9' of .* not UTF-8.*Rename it"):
        Builder.resolve_config(Builder.make_config(), manual)


@pytest.mark.parametrize("name", ["", "circle"])
def test_unreadable_folders_are_named(manual, name):
    refused, listed = manual / name, Path.iterdir

    def iterdir(self):
        if self == refused:
            raise PermissionError(13, "Permission denied", str(self))
        return listed(self)

    with (
        mock.patch.object(Path, "iterdir", iterdir),
        pytest.raises(MissingDataError, match=f"Cannot read {refused}: Permission denied"),
    ):
        Builder.resolve_config(Builder.make_config(), manual)


def test_too_few_images_for_a_split(tmp_path):
    for name in "ab":
        write(tmp_path / "manual" / name / "1.png", np.full((4, 4, 3), ord(name), np.uint8))
    with pytest.raises(BadDataError, match=r"split of folder is empty: 2 usable examples are too few.*at least \d+"):
        prepare(tmp_path / "manual", tmp_path / "data")


def test_folders_that_are_no_dataset(manual, tmp_path):
    config = Builder.make_config()
    with pytest.raises(MissingDataError, match="needs a manual folder"):
        Builder.resolve_config(config, None)
    with pytest.raises(MissingDataError, match="does not exist"):
        Builder.resolve_config(config, tmp_path / "nowhere")
    with pytest.raises(MissingDataError, match="is a file"):
        Builder.resolve_config(config, manual / "circle" / "0.png")
    with pytest.raises(MissingDataError, match="no sub-folders"):
        Builder.resolve_config(config, manual / "circle")
    with pytest.raises(UnknownNameError, match="Did you mean 'circle'"):
        Builder.resolve_config(Builder.make_config(classes=("circel",)), manual)
    (manual / "triangle").mkdir()
    with pytest.raises(BadDataError, match="'triangle' has no usable image"):
        prepare(manual, tmp_path / "data")
    shutil.rmtree(manual / "triangle")
    shutil.rmtree(manual / "square")
    with pytest.raises(MissingDataError, match="only one sub-folder, 'circle'"):
        Builder.resolve_config(config, manual)


def test_changed_folder_is_prepared_anew(manual, tmp_path):
    before = prepare(manual, tmp_path / "data")
    assert prepare(manual, tmp_path / "data").data_dir == before.data_dir
    write(manual / "circle" / "new.png", np.full((4, 4, 3), 9, np.uint8))
    after = prepare(manual, tmp_path / "data")
    assert after.data_dir != before.data_dir
    assert "circle/new.png" in by_id(after)


def test_plain_tfds_load_learns_the_classes_from_the_folder(manual, tmp_path):
    download_config = tfds.download.DownloadConfig(manual_dir=manual)
    kwargs = {"download_config": download_config}
    _, info = tfds.load("folder", data_dir=tmp_path, download_and_prepare_kwargs=kwargs, with_info=True)
    assert info.features["label"].names == ["circle", "square"]
    _, again = tfds.load("folder", data_dir=tmp_path, with_info=True)
    assert again.features["label"].names == ["circle", "square"]
