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
