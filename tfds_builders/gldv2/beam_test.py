"""On Beam's direct runner the same comes out as from one process: examples, splits, bad examples, figures."""

import csv
import hashlib
import importlib.util
import shutil
import tarfile

import cv2
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from keras_sketch.errors import BadDataError
from tfds_builders.beam_options import parse_beam_options
from tfds_builders.gldv2 import beam_steps
from tfds_builders.gldv2.downloads import Downloads
from tfds_builders.gldv2.gldv2_dataset_builder import Builder
from tfds_builders.gldv2.index import Wanted
from tfds_builders.testing import by_id, listed, sizes

needs_beam = pytest.mark.skipif(importlib.util.find_spec("apache_beam") is None, reason="apache-beam is not installed")
# The direct runner in Python: `DirectRunner` looks for Prism on the network first.
HERE = "runner=FnApiRunner"
# Series of each landmark; with so many there is one on each side of a split.
SERIES = ("north", "south", "east", "west", "door", "tower", "roof", "night", "snow", "crowd")


def identity(name):
    return hashlib.md5(name.encode()).hexdigest()[:16]


def photo(name):
    pixels = np.random.default_rng(list(name.encode())).integers(0, 255, (40, 52, 3), dtype=np.uint8)
    return cv2.imencode(".jpg", pixels)[1].tobytes()


def place(image):
    return f"{image[0]}/{image[1]}/{image[2]}/{image}.jpg"


def write_list(path, header, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """84 photos of two landmarks, one of them broken, one that is not there, and 6 photos of none."""
    folder = tmp_path_factory.mktemp("tree")
    rows = []
    for number in range(85):
        name, landmark = f"photo {number}", (7, 140690)[number % 2]
        image = identity(name)
        rows.append((image, f"https://example.org/{SERIES[number // 2 % 10]}_{number:02}.jpg", landmark))
        path = folder / "train" / place(image)
        path.parent.mkdir(parents=True, exist_ok=True)
        if number != 11:
            path.write_bytes(photo(name) if number != 12 else photo(name)[:500])
    write_list(folder / "train.csv", ("id", "url", "landmark_id"), [*rows, ("no id", "https://example.org", 7)])
    names = [(7, "Category:Church"), (140690, "Category:Bridge")]
    write_list(folder / "train_label_to_category.csv", ("landmark_id", "category"), names)
    others = [f"other {number}" for number in range(6)]
    for name in others:
        path = folder / "test" / place(identity(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photo(name))
    solution = folder / "recognition_solution_v2.1.csv"
    write_list(solution, ("id", "landmarks", "Usage"), [(identity(name), "", "Public") for name in others])
    return folder


@pytest.fixture(scope="module")
def tars(tree, tmp_path_factory):
    """The same photos in three tars, with what a tree cannot have: an id in two tars, a path that leads out."""
    folder = tmp_path_factory.mktemp("tars")
    for name in ("train.csv", "train_label_to_category.csv"):
        shutil.copy(tree / name, folder)
    (folder / "train").mkdir()
    files = sorted((tree / "train").rglob("*.jpg"))
    for number in range(3):
        path = folder / "train" / f"images_{number:03}.tar"
        with tarfile.open(path, "w") as tar:
            for file in files[number::3]:
                tar.add(file, place(file.stem))
            if number == 2:  # The first tar's first photo again, but another picture.
                tar.add(files[-1], place(files[0].stem))
                tar.add(files[0], "../outside.jpg")
        md5 = hashlib.md5(path.read_bytes()).hexdigest()
        (folder / "train" / f"md5.images_{number:03}.txt").write_text(f"{md5}  images_{number:03}.tar\n")
    return folder


def make(manual, data_dir, beam=None, **fields):
    fields = {"min_samples": 1, "side": 24, "max_bad": 0.2, "split": "series-60-20-20", **fields}
    builder = Builder(config=Builder.resolve_config(Builder.make_config(**fields), manual), data_dir=data_dir)
    options = None if beam is None else parse_beam_options(beam)
    config = tfds.download.DownloadConfig(manual_dir=manual, beam_options=options)
    builder.download_and_prepare(download_config=config)
    return builder


def assert_same(builder, local):
    ours, theirs = by_id(builder, decoders=raw()), by_id(local, decoders=raw())
    assert ours == theirs
    assert sizes(builder) == sizes(local)
    assert listed(builder) == listed(local)
    assert dict(builder.info.metadata) == dict(local.info.metadata)
    assert builder.info.features["label"].names == local.info.features["label"].names
    assert {path.name for path in builder.data_path.iterdir()} == {path.name for path in local.data_path.iterdir()}


def raw():
    """Reads images as the bytes that are stored."""
    return {"image": tfds.decode.SkipDecoding()}


@needs_beam
def test_the_same_comes_of_a_tree(tree, tmp_path):
    local = make(tree, tmp_path / "local", distractors=True)
    builder = make(tree, tmp_path / "beam", HERE, distractors=True)
    assert_same(builder, local)
    assert sizes(builder)["distractors"] == 6
    assert sum(sizes(builder).values()) == 83 + 6
    assert builder.info.metadata["examples_bad"] == 3
    assert len(listed(builder)) == 3
    assert not list((tmp_path / "beam").rglob("*unfinished*"))


@needs_beam
@pytest.mark.slow
@pytest.mark.parametrize("split", ["image-60-20-20", "series-60-20-20"])
def test_the_same_comes_of_tars(tars, tmp_path, split):
    local = make(tars, tmp_path / "local", split=split)
    builder = make(tars, tmp_path / "beam", HERE, split=split)
    assert_same(builder, local)
    assert (builder.info.metadata["leaked"]["test"] > 0) == (split == "image-60-20-20")
    reasons = [reason for *_, reason in listed(builder)]
    assert "repeats the id of an earlier example" in reasons
    assert any("is in no tar" in reason for reason in reasons)
    assert any("points outside" in reason for reason in reasons)


@needs_beam
@pytest.mark.slow
@pytest.mark.enable_socket
def test_the_same_comes_of_two_processes(tars, tmp_path):
    options = f"{HERE},direct_num_workers=2,direct_running_mode=multi_processing"
    assert_same(make(tars, tmp_path / "beam", options), make(tars, tmp_path / "local"))


@needs_beam
@pytest.mark.slow
@pytest.mark.parametrize("folder", ["shared", "own"])
def test_tars_that_are_downloaded(tars, tmp_path, monkeypatch, folder):
    asked = []
    empty = tmp_path / "empty.tar"
    tarfile.open(empty, "w").close()

    def tar(self, number, part="train"):
        asked.append((self.folder, self.base, number))
        return tars / part / f"images_{number:03}.tar" if number < 3 else empty

    monkeypatch.setattr(Downloads, "problem", lambda self: None)
    monkeypatch.setattr(Downloads, "csv", lambda self, name: tars / name)
    monkeypatch.setattr(Downloads, "tar", tar)
    config = Builder.make_config(min_samples=1, side=24, max_bad=0.2, split="series-60-20-20")
    builder = Builder(config=config, data_dir=tmp_path / "beam")
    downloads = tmp_path / "downloads"
    if folder == "shared":
        (downloads / "gldv2").mkdir(parents=True)
    options = tfds.download.DownloadConfig(beam_options=parse_beam_options(HERE))
    builder.download_and_prepare(download_dir=downloads, download_config=options)
    assert sorted(number for *_, number in asked) == list(range(500))
    assert {base for _, base, _ in asked} == {"https://s3.amazonaws.com/google-landmark"}
    assert all((place == downloads / "gldv2") == (folder == "shared") for place, *_ in asked)
    assert by_id(builder, decoders=raw()) == by_id(make(tars, tmp_path / "local"), decoders=raw())


@needs_beam
@pytest.mark.slow
def test_too_many_bad_examples_are_named_where_they_are_many(tree, tmp_path):
    with pytest.raises(BadDataError, match=r"3 of 86 examples are bad.*full list is in (\S+\.csv)") as raised:
        make(tree, tmp_path, HERE, max_bad=0.01)
    [path] = tmp_path.rglob("bad_examples-*.csv")
    assert str(path) in str(raised.value)
    assert len(path.read_text().splitlines()) == 4


@needs_beam
@pytest.mark.slow
def test_a_damaged_tar_stops_it_with_the_sentence_of_the_local_preparation(tars, tmp_path):
    folder = shutil.copytree(tars, tmp_path / "tars")
    with (folder / "train" / "images_001.tar").open("r+b") as file:
        file.seek(700)
        file.write(b"damage")
    with pytest.raises(BadDataError) as local:
        make(folder, tmp_path / "local")
    with pytest.raises(BadDataError) as raised:
        make(folder, tmp_path / "beam", HERE)
    assert str(raised.value) == str(local.value)
    assert "its md5 is" in str(local.value)


@needs_beam
@pytest.mark.slow
def test_a_split_of_which_nothing_can_be_used(tree, tmp_path):
    folder = shutil.copytree(tree, tmp_path / "tree")
    test = [key for key, each in by_id(make(tree, tmp_path / "whole")).items() if each["split"] == "test"]
    for image in test:
        (folder / "train" / place(image)).unlink()
    with pytest.raises(BadDataError, match="The test split of gldv2 is empty"):
        make(folder, tmp_path / "beam", HERE, max_bad=1.0)


@needs_beam
def test_too_few_images_for_a_split_are_noticed_before_anything_runs(tree, tmp_path):
    rows = (tree / "train.csv").read_text().splitlines()
    (tmp_path / "few" / "train" / "0").mkdir(parents=True)
    (tmp_path / "few" / "train.csv").write_text("\n".join(rows[:3]))
    with pytest.raises(BadDataError, match="split of gldv2 is empty: .*--split"):
        make(tmp_path / "few", tmp_path / "beam", HERE)


def test_an_index_in_a_bucket_is_copied_once():
    tf.io.gfile.makedirs("ram://gldv2")
    with tf.io.gfile.GFile("ram://gldv2/index.sqlite", "wb") as file:
        file.write(b"the index")
    wanted = beam_steps._at_hand(Wanted("ram://gldv2/index.sqlite", 64, 90))
    assert (wanted.side, wanted.quality) == (64, 90)
    with open(wanted.path, "rb") as file:
        assert file.read() == b"the index"
    assert beam_steps._at_hand(Wanted("ram://gldv2/index.sqlite")).path == wanted.path
    assert beam_steps._at_hand(Wanted("/mnt/index.sqlite")).path == "/mnt/index.sqlite"


def test_of_an_id_in_several_places_the_first_stays():
    places = [((4, 0), "c.jpg"), ((0, 17), "a.jpg"), ((4, 2), "d.jpg"), ((1, 3), "b.jpg")]
    assert beam_steps.later_ones((("train", "0" * 16), places)) == [
        ((1, 3), "b.jpg"),
        ((4, 0), "c.jpg"),
        ((4, 2), "d.jpg"),
    ]


def test_what_a_group_leaks_is_what_it_has_outside_training():
    assert beam_steps.leaks(("g", ["test", "train", "test", "validation"])) == [
        ("test", 1),
        ("test", 1),
        ("validation", 1),
    ]
    assert beam_steps.leaks(("g", ["test", "validation"])) == []
