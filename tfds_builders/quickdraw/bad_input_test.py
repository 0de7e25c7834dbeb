"""What files that are damaged, empty or missing do, and names that do not exist."""

import csv
import functools
import io

import numpy as np
import pytest

from keras_sketch.errors import BadDataError, InvalidArgumentError, MissingDataError, UnknownNameError
from tfds_builders import testing
from tfds_builders.quickdraw.quickdraw_dataset_builder import Builder
from tfds_builders.testing import listed

prepare = functools.partial(testing.prepare, Builder)


def append(path, *lines):
    with path.open("ab") as file:
        file.writelines(lines)


def test_bad_lines_are_counted_and_named(manual, tmp_path):
    path = manual / "simplified" / "cat.ndjson"
    first = path.read_bytes().splitlines(keepends=True)[0]
    empty = first.split(b'"drawing"')[0].replace(b'"key_id":"5', b'"key_id":"6') + b'"drawing":[]}\n'
    other = first.replace(b'"word":"cat"', b'"word":"lion"')
    append(path, b"no json\n", empty, other, first, first[:40])
    with pytest.raises(BadDataError, match="5 of 45 examples are bad") as error:
        prepare(manual, tmp_path / "data")
    kept = next((tmp_path / "data" / "quickdraw").glob("bad_examples-*.csv"))
    assert str(kept) in str(error.value)
    assert "simplified/cat.ndjson, line 21" in str(error.value)

    builder = prepare(manual, tmp_path / "data", max_bad=0.2)
    assert builder.info.splits.total_num_examples == 40
    assert builder.info.metadata == {"examples_seen": 45, "examples_bad": 5, "leaked": {"validation": 0, "test": 0}}
    rows = listed(builder)
    assert [(file, where) for file, where, _ in rows] == [
        ("simplified/cat.ndjson", f"line {line}") for line in (21, 22, 23, 25, 24)
    ]
    assert "'lion', not of 'cat'" in rows[2][2]
    assert "repeats" in rows[4][2]
    assert not list((tmp_path / "data" / "quickdraw").glob("bad_examples-simplified-*.csv"))[1:]


def test_rows_that_a_truncated_npy_lacks_are_named(manual, tmp_path):
    path = manual / "numpy_bitmap" / "dog.npy"
    path.write_bytes(path.read_bytes()[: -784 - 10])
    with pytest.raises(BadDataError, match="2 of 16 examples are bad.*dog.npy, row 6"):
        prepare(manual, tmp_path / "data", "bitmap", split="holdout")
    builder = prepare(manual, tmp_path / "data", "bitmap", split="holdout", max_bad=0.2)
    assert builder.info.splits.total_num_examples == 14
    assert [where for _, where, _ in listed(builder)] == ["row 6", "row 7"]


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((4, 784), np.float32), "float32"),
        (np.zeros((4, 28, 28), np.uint8), r"\[4, 28, 28\]"),
        (np.zeros((0, 784), np.uint8), "no usable drawing"),
    ],
)
def test_npy_of_another_kind_is_refused(manual, tmp_path, array, reason):
    np.save(manual / "numpy_bitmap" / "dog.npy", array)
    with pytest.raises(BadDataError, match=reason):
        prepare(manual, tmp_path / "data", "bitmap", split="holdout")


def npy_header(text):
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        (b"", "it is not a NumPy file"),
        (b"\x93NUMPY", "it is not a NumPy file"),
        (b"not numpy at all, just text", "it is not a NumPy file"),
        (npy_header("{'descr': '|u1', 'fort")[:20], "its NumPy header is damaged"),
        (npy_header("{'descr': '|u1', 'fort"), "its NumPy header is damaged"),
        (npy_header("{'descr': '|u1',\0\0\0\0\0\0"), "its NumPy header is damaged"),
        (npy_header("  {\n 'descr'\n1}\n  2"), "its NumPy header is damaged"),
        (npy_header("{1: 2, 'descr': '|u1'}"), "its NumPy header is damaged"),
        (npy_header("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 784)}"), r"float32 \[3, 784\]"),
        (npy_header("{'descr': '|u1', 'fortran_order': True, 'shape': (3, 784)}"), "column after column"),
        (
            npy_header(f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({10**12}, 784)}}"),
            f"declares {10**12} rows",
        ),
        (npy_header("{'descr': '|u1', 'fortran_order': False, 'shape': (-5, 784)}"), "declares -5 rows"),
    ],
)
def test_npy_that_cannot_be_used_is_one_line_of_the_manifest(manual, tmp_path, contents, reason):
    (manual / "numpy_bitmap" / "dog.npy").write_bytes(contents)
    with pytest.raises(BadDataError, match=rf"numpy_bitmap/dog\.npy cannot be used: .*{reason}"):
        prepare(manual, tmp_path / "data", "bitmap", split="holdout")
    [listing] = (tmp_path / "data" / "quickdraw").glob("bad_examples-*.csv")
    [row] = list(csv.reader(listing.read_text().splitlines()))[1:]
    assert row[:2] == ["numpy_bitmap/dog.npy", ""]


@pytest.mark.parametrize(
    ("name", "file"), [("bitmap", "numpy_bitmap/dog.npy"), ("simplified", "simplified/dog.ndjson")]
)
def test_unreadable_file_is_named(manual, tmp_path, monkeypatch, name, file):
    opened = io.open

    def refuse(path, *args, **kwargs):
        if str(path).endswith(file):
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *args, **kwargs)

    monkeypatch.setattr("io.open", refuse)
    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(MissingDataError, match=f"{file}: Permission denied"):
        prepare(manual, tmp_path / "data", name, split="holdout")


def test_class_without_a_drawing_is_an_error(manual, tmp_path):
    (manual / "simplified" / "dog.ndjson").write_bytes(b"")
    with pytest.raises(BadDataError, match="'dog' would be empty"):
        prepare(manual, tmp_path / "data")


def test_names_that_do_not_exist():
    with pytest.raises(UnknownNameError, match="Did you mean 'simplified'"):
        Builder.make_config("simplifed")
    with pytest.raises(UnknownNameError, match="hash, holdout, published"):
        Builder.make_config(split="official")
    with pytest.raises(UnknownNameError, match="field"):
        Builder.make_config(size=3)
    with pytest.raises(UnknownNameError, match="Did you mean 'cat'"):
        Builder.resolve_config(Builder.make_config(classes=("catt",)), None)
    with pytest.raises(UnknownNameError, match="class 'catt'"):
        Builder(data_dir="unused", config=Builder.make_config(classes=("catt",)))
    with pytest.raises(InvalidArgumentError, match="per_class"):
        Builder.make_config(per_class=0)


def test_missing_files_and_folders(manual, tmp_path):
    with pytest.raises(MissingDataError, match=r"'lion'.*simplified/lion\.ndjson.*https://storage"):
        Builder.resolve_config(Builder.make_config(classes=("cat", "lion")), manual)
    with pytest.raises(MissingDataError, match="does not exist"):
        Builder.resolve_config(Builder.make_config(), tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingDataError, match="is empty"):
        Builder.resolve_config(Builder.make_config(), tmp_path / "empty")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "readme.txt").touch()
    with pytest.raises(MissingDataError, match=r"no file of a Quick, Draw! class.*simplified/cat\.ndjson"):
        Builder.resolve_config(Builder.make_config(), tmp_path / "other")
