import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from keras_sketch.errors import BadDataError
from keras_sketch.training import feature_store
from keras_sketch.training.feature_store import FeatureStore, WantedArrays

ROWS = np.arange(24, dtype="float32").reshape(6, 4)
LABELS = np.array([0, 1, 2, 0, 1, 2])

PROCESS = """
import sys, time
from pathlib import Path
import numpy as np
from keras_sketch.training.feature_store import FeatureStore, WantedArrays

root, log, pause = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])

def batches():
    with log.open("a") as file:
        file.write("filled\\n")
    for start in range(0, 6, 2):
        time.sleep(pause)
        yield [np.arange(24, dtype="float32").reshape(6, 4)[start : start + 2]], np.arange(start, start + 2)

(found,) = FeatureStore(root).read_or_fill([WantedArrays("key", [(6, 4)], ["float32"], batches)])
assert not {"tensorflow", "keras"} & set(sys.modules)
print(found.arrays[0].sum(), found.labels.sum())
"""


def batches(rows=ROWS, size=4):
    return [([rows[start : start + size]], LABELS[start : start + size]) for start in range(0, len(rows), size)]


def fill(root, key="key", make=batches, dtype="float32", shape=(6, 4)):
    (stored,) = FeatureStore(root).read_or_fill([WantedArrays(key, [shape], [dtype], make, {"split": "train"})])
    return stored


def refuse():
    raise AssertionError("filled again")


def start(root, log, pause):
    arguments = [sys.executable, "-c", PROCESS, str(root), str(log), str(pause)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


def wait_for(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_what_was_stored_is_read_and_not_made_again(tmp_path):
    first = fill(tmp_path / "features")
    again = fill(tmp_path / "features", make=refuse)
    for stored in (first, again):
        np.testing.assert_array_equal(stored.arrays[0], ROWS)
        np.testing.assert_array_equal(stored.labels, LABELS)
    assert isinstance(again.arrays[0], np.memmap)
    assert [file.name for file in (tmp_path / "features").iterdir()] == ["key"]
    assert json.loads((again.folder / "store.json").read_text())["split"] == "train"
    assert again.num_bytes == sum(file.stat().st_size for file in again.folder.glob("*.npy"))


def test_several_arrays_of_any_rank(tmp_path):
    maps = np.random.default_rng(0).normal(size=(6, 2, 2, 3)).astype("float32")
    pair = [([maps[:5], ROWS[:5]], LABELS[:5]), ([maps[5:], ROWS[5:]], LABELS[5:])]
    wanted = WantedArrays("key", [maps.shape, ROWS.shape], ["float16", "float32"], lambda: pair)
    (stored,) = FeatureStore(tmp_path).read_or_fill([wanted])
    assert stored.arrays[0].dtype == np.float16
    np.testing.assert_allclose(stored.arrays[0], maps, rtol=1e-3)
    np.testing.assert_array_equal(stored.arrays[1], ROWS)


@pytest.mark.parametrize(
    "factor, largest, dtype",
    [
        (1, 65504.0, "float16"),
        (1, 65505.0, "float32"),
        (1, np.inf, "float32"),
        (1e-3, 1, "float16"),
        (1e-6, 0, "float32"),
    ],
)
def test_numbers_that_float16_would_lose_are_stored_as_float32(tmp_path, factor, largest, dtype):
    rows = np.float32(factor) * (1 + ROWS)
    rows[5, 3] = largest
    stored = fill(tmp_path, make=lambda: batches(rows), dtype="float16")
    assert stored.arrays[0].dtype == dtype
    assert stored.arrays[0][5, 3] == largest
    np.testing.assert_allclose(stored.arrays[0], rows, rtol=1e-3)


@pytest.mark.parametrize("name", ["features-00.npy", "labels.npy", "store.json"])
@pytest.mark.parametrize("damage", ["shorter", "gone"])
def test_a_damaged_set_is_never_read(tmp_path, capsys, name, damage):
    file = fill(tmp_path).folder / name
    if damage == "gone":
        file.unlink()
    else:
        os.truncate(file, file.stat().st_size - 1)
    assert FeatureStore(tmp_path).read("key") is None
    np.testing.assert_array_equal(fill(tmp_path).arrays[0], ROWS)
    assert "damaged" in capsys.readouterr().out


def test_a_fill_that_fails_leaves_nothing(tmp_path):
    def broken():
        yield from batches()[:1]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fill(tmp_path, make=broken)
    with pytest.raises(BadDataError, match="6 examples where 7"):
        fill(tmp_path, shape=(7, 4))
    assert list(tmp_path.iterdir()) == []


def pair(make=batches):
    return [WantedArrays("one", [(6, 4)], ["float32"], batches), WantedArrays("two", [(6, 4)], ["float32"], make)]


def test_too_little_room_for_all_sets_is_said_before_anything_is_computed(tmp_path, monkeypatch):
    monkeypatch.setattr(feature_store.shutil, "disk_usage", lambda _: SimpleNamespace(free=1e9 + 191))
    wanted = [dataclasses.replace(each, make_batches=refuse) for each in pair()]
    with pytest.raises(OSError, match=r"No room: 0\.0 MB are needed beside 1\.0 GB for checkpoints, 1\.0 GB are free"):
        FeatureStore(tmp_path).read_or_fill(wanted)
    assert list(tmp_path.iterdir()) == []
    fill(tmp_path, key="one")
    assert len(FeatureStore(tmp_path).read_or_fill(pair())) == 2


@pytest.mark.parametrize(
    "error, left", [(OSError(28, "No space left on device"), ["old"]), (KeyboardInterrupt(), ["old", "one"])]
)
def test_sets_that_are_of_no_use_alone_go_from_a_full_disk(tmp_path, error, left):
    def broken():
        yield from batches()[:1]
        raise error

    fill(tmp_path, key="old")
    old = WantedArrays("old", [(6, 4)], ["float32"], refuse)
    with pytest.raises(type(error)):
        FeatureStore(tmp_path).read_or_fill([old, *pair(broken)])
    assert sorted(file.name for file in tmp_path.iterdir()) == left


def test_what_other_accounts_left_is_no_hindrance(tmp_path, monkeypatch):
    (tmp_path / "other.part").mkdir()
    for name in ("key.lock", "other.lock"):
        (tmp_path / name).touch()
    original = Path.open

    def as_another(path, mode="r", *arguments, **named):
        if path.suffix == ".lock" and (mode == "a" or path.stem == "other"):
            raise PermissionError(13, "Permission denied", str(path))
        return original(path, mode, *arguments, **named)

    monkeypatch.setattr(Path, "open", as_another)
    np.testing.assert_array_equal(fill(tmp_path).arrays[0], ROWS)
    assert (tmp_path / "other.part").exists() and not (tmp_path / "key.lock").exists()


def test_two_processes_at_once_fill_once_and_read_the_same(tmp_path):
    running = [start(tmp_path / "features", tmp_path / "log", 0.2) for _ in range(2)]
    texts = [process.communicate(timeout=30)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert {text.splitlines()[-1] for text in texts} == {"276.0 15"}
    assert (tmp_path / "log").read_text() == "filled\n"
    assert [file.name for file in (tmp_path / "features").iterdir()] == ["key"]


def test_a_process_killed_while_it_fills_leaves_what_the_next_one_removes(tmp_path):
    root, log = tmp_path / "features", tmp_path / "log"
    killed = start(root, log, 30)
    wait_for(lambda: (root / "key.part" / "features-00.npy").exists())
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=10)
    assert (root / "key.part").exists() and FeatureStore(root).read("key") is None
    fill(root, key="other")
    assert sorted(file.name for file in root.iterdir()) == ["other"]
    np.testing.assert_array_equal(fill(root).arrays[0], ROWS)


def test_whoever_waits_can_be_stopped(tmp_path):
    filling = start(tmp_path / "features", tmp_path / "log", 30)
    wait_for(lambda: (tmp_path / "features" / "key.part").exists())

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        FeatureStore(tmp_path / "features", stop).read_or_fill([WantedArrays("key", [(6, 4)], ["float32"], refuse)])
    assert (tmp_path / "features" / "key.part").exists()
    filling.kill()
    filling.communicate(timeout=10)
