"""What unknown folders, wrong lists, and damaged images and archives do."""

import functools
import logging
import zipfile

import pytest

from keras_sketch.errors import BadDataError, MissingDataError, UnknownNameError
from tfds_builders import testing
from tfds_builders.imagenet_sketch.imagenet_sketch_dataset_builder import Builder
from tfds_builders.imagenet_sketch.images import find_images
from tfds_builders.testing import listed, sizes

prepare = functools.partial(testing.prepare, Builder)


def pack(manual, archive, root=""):
    with zipfile.ZipFile(archive, "w") as packed:
        for path in sorted(manual.rglob("*.JPEG")):
            packed.write(path, f"{root}{path.relative_to(manual)}")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("n01443538", "'n01443538'. Did you mean 'n01443537'"),
        ("goldfish", "'goldfish'. There are 1000. Name it n01443537"),
        ("goldfsh", "'goldfsh'. Did you mean 'goldfish'.*WordNet id"),
    ],
)
def test_an_unknown_class_folder_is_refused_with_the_nearest(manual, tmp_path, name, message):
    (manual / "sketch" / name).mkdir()
    with pytest.raises(UnknownNameError, match=f"class folder in .*manual/sketch: {message}"):
        Builder.resolve_config(Builder.make_config(), manual)
    with zipfile.ZipFile(tmp_path / "ImageNet-Sketch.zip", "w") as archive:
        archive.writestr(f"sketch/{name}/sketch_0.JPEG", b"")
    with pytest.raises(UnknownNameError, match=message):
        find_images(tmp_path)


def test_a_folder_without_sketches_says_what_to_get(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(MissingDataError, match=r"no sketches in .*ImageNet-Sketch\.zip \(7\.6 GB\).*--manual-dir DIR"):
        Builder.resolve_config(Builder.make_config(), tmp_path)
    (tmp_path / "sketch").mkdir()
    with pytest.raises(MissingDataError, match="no sketches in"):
        Builder.resolve_config(Builder.make_config(), tmp_path)


def test_rows_of_the_list_that_contradict_the_folders_are_noted_and_do_not_count(manual, tmp_path, caplog):
    rows = [
        "n01443537/sketch_0.JPEG 1",
        "n02099601/sketch_0.JPEG 207",
        "n02099601/sketch_0.JPEG 208",
        "n04285008/sketch_1.JPEG 816",
        "n04285008/sketch_2.JPEG 1000",
        "n01443537/sketch_99.JPEG 1",
        "n01440764/sketch_0.JPEG 0",
        "n99999999/sketch_0.JPEG 0",
        "n01443537/sketch_0.JPEG 1",
        "sketch_0.JPEG",
        "",
    ]
    (manual / "scripts").mkdir()
    (manual / "scripts/sketchPath.txt").write_text("\n".join(rows))
    with caplog.at_level(logging.WARNING):
        builder = prepare(manual, tmp_path, max_bad=0)
    assert sum(sizes(builder).values()) == builder.info.metadata["examples_seen"] == 30
    assert builder.info.metadata["examples_bad"] == 0
    assert "7 oddities of the source cost no example; bad_examples.csv in" in caplog.text
    assert "26 of the 30 images are not in scripts/sketchPath.txt" in caplog.text
    found = {where: reason for _, where, reason in listed(builder)}
    assert found == {
        "line 3": "the label of n02099601/sketch_0.JPEG is 207, not 208, that of Labrador retriever; line 2 says 207",
        "line 4": "the label of n04285008/sketch_1.JPEG is 817, not 816, that of spindle",
        "line 5": "the label of n04285008/sketch_2.JPEG is 817, not 1000, none of 0 to 999",
        "line 6": "there is no file sketch/n01443537/sketch_99.JPEG",
        "line 8": "n99999999 is no WordNet id of the 1000 classes",
        "line 9": "n01443537/sketch_0.JPEG is there twice; line 1 says 1 too",
        "line 10": "the row is not <WordNet id>/<file> <label>",
    }


def test_rows_of_classes_that_are_not_asked_for_do_not_count(manual, tmp_path):
    rows = [f"n02099601/sketch_{number}.JPEG 208" for number in range(8)]
    (manual / "sketchPath.txt").write_text("\n".join(["n01443537/sketch_0.JPEG 1", *rows]))
    builder = prepare(manual, tmp_path, classes=("goldfish",), split="all")
    assert (sizes(builder), listed(builder)) == ({"test": 10}, [])


def test_a_list_that_agrees_says_nothing(manual, tmp_path):
    labels = {"n01443537": 1, "n02099601": 207, "n04285008": 817}
    names = [path.relative_to(manual / "sketch").as_posix() for path in manual.rglob("*.JPEG")]
    (manual / "sketchPath.txt").write_text("".join(f"{name} {labels[name[:9]]}\n" for name in names))
    assert listed(prepare(manual, tmp_path, per_class=4, split="all")) == []


def test_damaged_images_are_named_with_their_place(manual, tmp_path):
    path = manual / "sketch/n01443537/sketch_1.JPEG"
    path.write_bytes(path.read_bytes()[:200])
    (manual / "sketch/n01443537/sketch_2.JPEG").write_bytes(b"")
    (manual / "sketch/n01443537/.DS_Store").touch()
    (manual / "sketch/n01443537/more").mkdir()
    with pytest.raises(BadDataError, match=r"3 of 31 .*n01443537/more: cannot be read.*sketch_1\.JPEG: the JPEG is"):
        prepare(manual, tmp_path)


def test_a_class_of_damaged_images_is_an_error(manual, tmp_path):
    for path in (manual / "sketch/n02099601").iterdir():
        path.write_bytes(b"no picture")
    with pytest.raises(
        BadDataError, match=r"The class n02099601 \(golden retriever\) would be empty: sketch/n02099601 "
    ):
        prepare(manual, tmp_path, max_bad=1)


def test_a_damaged_member_is_named_and_a_cut_off_archive_refused(manual, tmp_path):
    (tmp_path / "packed").mkdir()
    archive = tmp_path / "packed/ImageNet-Sketch.zip"
    pack(manual, archive, "ImageNet-Sketch/")
    contents = bytearray(archive.read_bytes())
    contents[300:340] = bytes(40)
    archive.write_bytes(contents)
    builder = prepare(tmp_path / "packed", tmp_path / "data", max_bad=0.05, split="all")
    assert listed(builder) == [
        ["ImageNet-Sketch.zip/ImageNet-Sketch/sketch/n01443537/sketch_0.JPEG", "", "is damaged in the archive"]
    ]
    archive.write_bytes(contents[:20_000])
    with pytest.raises(BadDataError, match=r"ImageNet-Sketch\.zip is damaged or cut off: get it again from https"):
        Builder.resolve_config(Builder.make_config(), tmp_path / "packed")
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("other/a.png", b"")
    with pytest.raises(MissingDataError, match="must hold one folder sketch/<WordNet id>/, and holds 0"):
        find_images(tmp_path / "packed")
