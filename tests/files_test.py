import errno
from pathlib import Path

import pytest

from keras_sketch.files import atomic_write, temporary_sibling


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    with atomic_write(path) as file:
        file.write("old")
    with pytest.raises(ValueError, match="stop"), atomic_write(path) as file:
        file.write("new")
        raise ValueError("stop")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_bytes_are_written_as_they_are(tmp_path):
    with atomic_write(tmp_path / "b", "wb") as file:
        file.write(b"\r\n\0")
    assert (tmp_path / "b").read_bytes() == b"\r\n\0"


def test_a_temporary_sibling_is_gone_afterwards(tmp_path):
    with temporary_sibling(tmp_path / "c.npz") as path:
        path.write_text("x")
        assert path.suffix == ".npz"
    assert not list(tmp_path.iterdir())


def test_errors_name_the_file_that_was_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "folder", Path("folder"), "nowhere/a.txt", tmp_path / "nowhere" / "a.txt"):
        with pytest.raises((IsADirectoryError, FileNotFoundError)) as raised, atomic_write(path) as file:
            file.write("new")
        assert raised.value.filename == str(path) and raised.value.errno in (errno.EISDIR, errno.ENOENT)
        assert str(raised.value).endswith(f"'{path}'")
    with pytest.raises(FileNotFoundError) as raised, temporary_sibling(tmp_path / "b") as temporary:
        temporary.read_bytes()
    assert raised.value.filename == str(tmp_path / "b")
    assert [each.name for each in tmp_path.iterdir()] == ["folder"]


def test_errors_about_other_files_stay_as_they_are(tmp_path):
    other = FileNotFoundError(errno.ENOENT, "gone", "elsewhere")
    for error in (other, OSError("no name")):
        with pytest.raises(OSError) as raised, atomic_write(tmp_path / "a"):
            raise error
        assert raised.value is error
