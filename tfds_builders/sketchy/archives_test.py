"""Archives of the tree, as published and repacked: the same examples, and one sentence for what is wrong with them."""

import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import tensorflow_datasets as tfds

from keras_sketch.errors import BadDataError, MissingDataError
from tfds_builders.sketchy import archives
from tfds_builders.sketchy.sketchy_dataset_builder import Builder

DUMMY = Path(__file__).parent / "dummy_data"


def pack(archive, folder, names):
    """Packs folders below `folder` into an archive of the kind that its name says."""
    if archive.name.endswith(".7z"):
        py7zr = pytest.importorskip("py7zr")
        with py7zr.SevenZipFile(archive, "w") as packed:
            for name in names:
                packed.writeall(folder / name, name)
    elif archive.name.endswith(".zip"):
        with zipfile.ZipFile(archive, "w") as packed:
            for path in sorted(path for name in names for path in [folder / name, *(folder / name).rglob("*")]):
                packed.write(path, path.relative_to(folder))
    else:
        with tarfile.open(archive, "w:gz" if archive.name.endswith("gz") else "w") as packed:
            for name in names:
                packed.add(folder / name, f"./{name}")


@pytest.fixture
def manual(tmp_path):
    """An empty manual folder beside the extracted tree, `tmp_path / "tree"`."""
    shutil.copytree(DUMMY, tmp_path / "tree")
    (tmp_path / "manual").mkdir()
    return tmp_path / "manual"


def prepare(manual_dir, data_dir, **fields):
    config = Builder.resolve_config(Builder.make_config(**fields), manual_dir)
    builder = Builder(data_dir=data_dir, config=config)
    if problem := Builder.source_problem(config, manual_dir):
        raise problem
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=manual_dir))
    return builder


def records(builder):
    return {
        example["id"]: (split, example["label"], example["image"].tobytes(), example["invalid"])
        for split, dataset in builder.as_dataset().items()
        for example in tfds.as_numpy(dataset)
    }


@pytest.mark.parametrize(
    ("rendered", "info"),
    [
        ("rendered_256x256.7z", "info-06-04.7z"),
        ("rendered_256x256.zip", "info-06-04.zip"),
        ("256x256.tar.gz", "info.tar"),
    ],
)
def test_archives_give_what_the_folder_gives(manual, tmp_path, rendered, info):
    pack(manual / rendered, tmp_path / "tree", ["256x256"])
    pack(manual / info, tmp_path / "tree", ["info"])
    packed = prepare(manual, tmp_path / "data", split="official")
    extracted = prepare(tmp_path / "tree", tmp_path / "data", split="official")
    assert packed.data_dir != extracted.data_dir
    assert records(packed) == records(extracted)
    assert not list((tmp_path / "data").rglob("extracted-*"))


def test_one_archive_may_hold_everything_and_places_in_it_are_named(manual, tmp_path):
    bad = tmp_path / "tree/256x256/sketch/tx_000000000000/owl/n01621127_107-1.png"
    bad.write_bytes(bad.read_bytes()[:60])
    (tmp_path / "tree/256x256/sketch/tx_000000000000/yak").mkdir()
    pack(manual / "sketchy.zip", tmp_path, ["tree"])
    with pytest.raises(
        BadDataError, match=r"1 of 48.*sketchy\.zip/tree/256x256/sketch/tx_000000000000/owl/n0162.*-1\.png"
    ):
        prepare(manual, tmp_path / "data", split="official", classes=("bell", "owl"))
    with pytest.raises(BadDataError, match="'yak' would be empty"):
        prepare(manual, tmp_path / "data", max_bad=0.1)


@pytest.mark.parametrize("name", ["rendered_256x256.7z", "rendered_256x256.zip", "rendered_256x256.tar.gz"])
@pytest.mark.parametrize("share", [0.5, 0.9, 0.0])
def test_a_cut_off_archive_is_one_sentence(manual, tmp_path, name, share):
    pack(manual / name, tmp_path / "tree", ["256x256"])
    contents = (manual / name).read_bytes()
    (manual / name).write_bytes(contents[: int(len(contents) * share)])
    with pytest.raises(BadDataError, match=rf"{name} is damaged or cut off \(\w+\): get it again from https://"):
        prepare(manual, tmp_path / "data")


@pytest.mark.parametrize("name", ["rendered_256x256.7z", "rendered_256x256.zip"])
def test_damage_in_the_middle_is_one_sentence(manual, tmp_path, name):
    pack(manual / name, tmp_path / "tree", ["256x256"])
    contents = bytearray((manual / name).read_bytes())
    contents[300:340] = bytes(40)
    (manual / name).write_bytes(contents)
    with pytest.raises(BadDataError, match=rf"{name} is damaged"):
        prepare(manual, tmp_path / "data")
    assert not list((tmp_path / "data").rglob("extracted-*"))


def test_without_py7zr_it_is_said_what_to_install(manual, monkeypatch):
    (manual / "rendered_256x256.7z").write_bytes(b"7z")
    monkeypatch.setitem(sys.modules, "py7zr", None)
    with pytest.raises(MissingDataError, match=r"pip install keras_sketch\[sketchy\].*7z x rendered_256x256\.7z"):
        Builder.resolve_config(Builder.make_config(), manual)


def test_members_that_would_leave_the_folder_are_not_seen(tmp_path):
    with zipfile.ZipFile(tmp_path / "sketchy.zip", "w") as packed:
        for name in ("../256x256/sketch/tx_000000000000/owl/n1.png", "/etc/sketch", "./fine/a.png"):
            packed.writestr(name, b"")
    assert archives.member_names(tmp_path / "sketchy.zip") == ("fine/a.png",)
