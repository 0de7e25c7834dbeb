"""A preparation that is stopped goes on where it was; what comes out is the same to the byte."""

import random
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

import pytest

from keras_sketch.errors import BadDataError, MissingDataError
from tfds_builders.gldv2 import gldv2_dataset_builder as module
from tfds_builders.gldv2.index import Bad
from tfds_builders.gldv2.parts import Part
from tfds_builders.gldv2.unfinished import Unfinished, alone
from tfds_builders.testing import listed, prepare, sizes
from tfds_builders.writing import Example

DUMMY = Path(__file__).parent / "dummy_data"
NAME = "min1-distractors"
SPOILT = "train/0/5/9/0599b90dec474bdd.jpg"
TREE = Part("train-3f", "tree", "train", "", "train", "3f")
EXAMPLES = [
    Example(f"3f0{number}", "1/view", {"image": b"jpeg" * number, "label": 0, "landmark_id": 1}, f"train/{number}.jpg")
    for number in range(3)
]
# Slowed down, so that it can be stopped in the middle.
CHILD = """
import sys, time
from pathlib import Path
from tfds_builders.gldv2 import gldv2_dataset_builder as module
from tfds_builders.testing import prepare

def slow(part, wanted, read=module.read_part):
    for item in read(part, wanted):
        time.sleep(0.1)
        yield item

module.read_part = slow
prepare(module.Builder, Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], max_bad=0.1)
"""


def contents(folder):
    """All files of a prepared dataset."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def stop_somewhere(manual, data, how):
    """Prepares in another process and stops that at a random moment; gives the parts that were read by then."""
    child = subprocess.Popen([sys.executable, "-c", CHILD, manual, data, NAME], stderr=subprocess.DEVNULL)
    while not list((data / "gldv2").glob("unfinished-*/*.records")):
        assert child.poll() is None
        time.sleep(0.01)
    time.sleep(random.uniform(0, 2))
    child.send_signal(how)
    assert child.wait()
    return {path: path.stat().st_ino for path in (data / "gldv2").glob("unfinished-*/*.records")}


@pytest.fixture
def whole(manual, tmp_path):
    """What comes out when nothing stops it; one image is bad."""
    (manual / SPOILT).write_bytes(b"no picture")
    return Path(prepare(module.Builder, manual, tmp_path / "whole", NAME, max_bad=0.1).data_dir)


@pytest.mark.parametrize(
    "how", [signal.SIGKILL, *(pytest.param(how, marks=pytest.mark.slow) for how in 3 * [signal.SIGKILL, signal.SIGINT])]
)
def test_stopped_at_a_random_moment_it_ends_with_the_same_dataset(manual, tmp_path, whole, how, monkeypatch):
    data, config = tmp_path / "data", whole.parent.name
    read = stop_somewhere(manual, data, how)
    (data / "gldv2" / config).mkdir(exist_ok=True)
    (data / "gldv2" / config / "incomplete.ABCDEF_1.0.0").mkdir()
    before = {path.stem for path in read}
    again = []
    monkeypatch.setattr(
        module, "read_part", lambda part, wanted, read=module.read_part: again.append(part.name) or read(part, wanted)
    )
    builder = prepare(module.Builder, manual, data, NAME, max_bad=0.1)
    assert before and not before & set(again)
    assert contents(Path(builder.data_dir)) == contents(whole)
    assert [row[2] for row in listed(builder)] == ["not a PNG, JPEG, GIF or BMP image but text"]
    left = {path.name for path in (data / "gldv2").iterdir() if not path.name.startswith("bad_examples")}
    assert left == {".config", config}
    assert [path.name for path in Path(builder.data_dir).parent.iterdir()] == ["1.0.0"]


def test_of_a_failed_preparation_only_what_was_mended_is_read_again(manual, tmp_path, monkeypatch, caplog):
    (manual / SPOILT).write_bytes(b"no picture")
    good = (manual / "train/f/6/d/f6d98597df586c3f.jpg").read_bytes()
    with pytest.raises(BadDataError, match=r"1 of 40 examples is bad.*0599b90dec474bdd\.jpg: not a PNG"):
        prepare(module.Builder, manual, tmp_path / "data", NAME, max_bad=0)
    again = []
    monkeypatch.setattr(
        module, "read_part", lambda part, wanted, read=module.read_part: again.append(part.name) or read(part, wanted)
    )
    (manual / SPOILT).write_bytes(good)
    builder = prepare(module.Builder, manual, tmp_path / "data", NAME, max_bad=0)
    assert again == ["train-05"]
    assert listed(builder) == []
    assert sum(sizes(builder).values()) == 40
    assert "Going on with a preparation that was stopped" in caplog.text


def test_the_second_of_two_processes_takes_what_the_first_has_prepared(tmp_path, caplog):
    first = prepare(module.Builder, DUMMY, tmp_path / "first", "min1")
    second = module.Builder(data_dir=tmp_path / "second", config=first.builder_config)
    lock = tmp_path / f"second/gldv2/unfinished-{first.builder_config.name}.lock"
    entered = threading.Event()

    def other():
        with alone(lock):
            entered.set()
            time.sleep(0.3)
            shutil.copytree(first.data_dir, second.data_dir)

    thread = threading.Thread(target=other)
    thread.start()
    entered.wait(10)
    second.download_and_prepare()
    thread.join()
    assert sizes(second) == sizes(first)
    assert second.info.features["label"].names == first.info.features["label"].names
    assert "waiting for its end" in caplog.text


def test_what_is_read_again_is_what_was_written(tmp_path):
    unfinished = Unfinished(tmp_path / "unfinished", "source")
    items = [*EXAMPLES, Bad("train/3/f/0/3f09.jpg", "", "is not there", id="3f09"), Bad("x", "line 1", "odd", False)]
    assert not unfinished.has(TREE)
    assert len(list(unfinished.write(TREE, items))) == 5
    assert unfinished.has(TREE)
    assert list(unfinished.read(TREE)) == items
    assert list(unfinished.ids([TREE])) == ["3f00", "3f01", "3f02", "3f09"]
    assert Unfinished(tmp_path / "unfinished", "source").has(TREE)
    assert not Unfinished(tmp_path / "unfinished", "changed source").has(TREE)


def test_a_part_counts_once_it_is_whole(tmp_path):
    unfinished = Unfinished(tmp_path / "unfinished", "source")
    writing = unfinished.write(TREE, EXAMPLES)
    next(writing)
    assert not unfinished.has(TREE)
    writing.close()
    assert not unfinished.has(TREE)
    list(unfinished.write(TREE, EXAMPLES))
    [records] = (tmp_path / "unfinished").glob("*.records")
    records.write_bytes(records.read_bytes()[:-1])
    assert not unfinished.has(TREE)
    records.write_bytes(b"")
    assert not unfinished.has(TREE)


def test_one_process_at_a_time(tmp_path, caplog):
    order = []
    entered, leave = threading.Event(), threading.Event()

    def first():
        with alone(tmp_path / "data/lock") as waited:
            entered.set()
            leave.wait(10)
            order.append(("first", waited))

    thread = threading.Thread(target=first)
    thread.start()
    entered.wait(10)
    threading.Timer(0.2, leave.set).start()
    with alone(tmp_path / "data/lock") as waited:
        order.append(("second", waited))
    thread.join()
    assert order == [("first", False), ("second", True)]
    assert "Another process prepares this dataset" in caplog.text
    assert list((tmp_path / "data").iterdir()) == []


def test_downloads_go_on_with_the_tar_at_which_they_stopped(tmp_path, monkeypatch):
    lists = shutil.copytree(DUMMY, tmp_path / "lists")
    (lists / "train_label_to_category.csv").write_text("landmark_id,category\n140690,\n137389,\n165900,\n7,\n99,\n")
    images = sorted((DUMMY / "train").rglob("*.jpg"))
    for number in range(4):
        with tarfile.open(tmp_path / f"{number}.tar", "w") as tar:
            for path in images[number::3] if number < 3 else ():
                tar.add(path, path.relative_to(DUMMY / "train"))
    asked = []

    def tar(self, number, part="train"):
        asked.append((self.folder, part, number))
        if len(asked) == 3:
            raise MissingDataError("Cannot download.")
        return tmp_path / f"{min(number, 3)}.tar"

    monkeypatch.setattr(module.Downloads, "problem", lambda self: None)
    monkeypatch.setattr(module.Downloads, "csv", lambda self, name: lists / name)
    monkeypatch.setattr(module.Downloads, "tar", tar)
    builder = module.Builder(config=module.Builder.make_config("min1"), data_dir=tmp_path / "data")
    with pytest.raises(MissingDataError, match="Cannot download"):
        builder.download_and_prepare(download_dir=tmp_path / "downloads")
    builder.download_and_prepare(download_dir=tmp_path / "downloads")
    assert asked == [(tmp_path / "downloads/gldv2", "train", number) for number in (0, 1, 2, *range(2, 500))]
    assert sum(sizes(builder).values()) == 35
    assert listed(builder) == []
