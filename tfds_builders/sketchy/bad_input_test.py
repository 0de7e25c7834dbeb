"""What damaged sketches, wrong lists, and files and names that are not there do."""

import functools
import logging
import shutil

import pytest

from keras_sketch.errors import BadDataError, InvalidArgumentError, MissingDataError, UnknownNameError
from tfds_builders import testing
from tfds_builders.sketchy.sketchy_dataset_builder import Builder
from tfds_builders.testing import by_id, listed, sizes

TREE = "256x256/sketch/tx_000000000000"
prepare = functools.partial(testing.prepare, Builder)


def add_line(path, line):
    with path.open("a") as file:
        file.write(f"{line}\n")


def test_a_missing_manual_folder_says_what_to_get_and_where_to_put_it(manual, tmp_path):
    config = Builder.make_config()
    wanted = r"rendered_256x256\.7z.*sketchy\.eye\.gatech\.edu.*--manual-dir DIR"
    with pytest.raises(MissingDataError, match=f"needs a manual folder.*{wanted}"):
        Builder.resolve_config(config, None)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/notes.txt").touch()
    with pytest.raises(MissingDataError, match=f"no sketches in .*other.*{wanted}"):
        Builder.resolve_config(config, tmp_path / "other")
    with pytest.raises(
        MissingDataError, match=r"no sketch/tx_000000001110, only tx_000000000000.*--config tx_0000000000"
    ):
        Builder.resolve_config(Builder.make_config("tx_000000001110"), manual)
    with pytest.raises(UnknownNameError, match="Did you mean 'owl'"):
        Builder.resolve_config(Builder.make_config(classes=("owls",)), manual)
    shutil.copytree(manual / "256x256", manual / "again/256x256")
    with pytest.raises(BadDataError, match=r"there twice, in .*manual/256x256/sketch/.* and in .*manual/again/256x256"):
        Builder.resolve_config(config, manual)


@pytest.mark.parametrize(
    ("fields", "file", "purpose"),
    [
        ({"split": "official"}, "testset.txt", "The split 'official'"),
        ({"name": "tx_000000000000-valid"}, "invalid-error.txt", "Leaving out 'error' sketches"),
        ({"without": ("pose",)}, "invalid-pose.txt", "Leaving out 'pose' sketches"),
    ],
)
def test_a_list_that_is_needed_and_missing(manual, tmp_path, fields, file, purpose):
    (manual / "info" / file).unlink()
    with pytest.raises(MissingDataError, match=rf"{purpose} needs the list {file}.*info-06-04\.7z.*manual/info"):
        prepare(manual, tmp_path / "data", **fields)
    assert not (tmp_path / "data/sketchy").exists()


def test_truncated_png_counts_as_bad(manual, tmp_path):
    for name in ("bell/n02824448_107-1.png", "owl/n01621127_107-2.png"):
        path = manual / TREE / name
        path.write_bytes(path.read_bytes()[:70])
    with pytest.raises(BadDataError, match=rf"2 of 48 examples are bad.*{TREE}/bell/n02824448_107-1\.png: the PNG is"):
        prepare(manual, tmp_path / "data")
    builder = prepare(manual, tmp_path / "data", max_bad=0.05)
    assert [row[0] for row in listed(builder)] == [
        f"{TREE}/bell/n02824448_107-1.png",
        f"{TREE}/owl/n01621127_107-2.png",
    ]
    assert sum(sizes(builder).values()) == 46


def test_a_bad_sketch_is_replaced_by_the_next_one_within_a_limit(manual, tmp_path):
    chosen = set(by_id(prepare(manual, tmp_path / "a", per_class=16)))
    spoilt = min(identity for identity in chosen if identity.startswith("n0162"))
    (manual / TREE / f"owl/{spoilt}.png").write_bytes(b"no picture")
    again = set(by_id(prepare(manual, tmp_path / "b", per_class=16, max_bad=0.1)))
    assert chosen - again == {spoilt}
    assert len(again) == 32


@pytest.mark.parametrize("name", ["n01621127_107.png", "n01621127_107-1.jpg", "107-1.png", "n01621127_107-1 (2).png"])
def test_names_that_do_not_parse_are_named_and_clutter_is_not(manual, tmp_path, name):
    (manual / TREE / "owl" / name).write_bytes((manual / TREE / "owl/n01621127_107-1.png").read_bytes())
    for clutter in (".DS_Store", "Thumbs.db"):
        (manual / TREE / "owl" / clutter).touch()
    builder = prepare(manual, tmp_path / "data", max_bad=0.05)
    [[file, where, reason]] = listed(builder)
    assert (file, where) == (f"{TREE}/owl/{name}", "")
    assert "<wnid>_<photo>-<number>.png" in reason


def test_an_empty_class_is_an_error(manual, tmp_path):
    (manual / TREE / "yak").mkdir()
    with pytest.raises(BadDataError, match=rf"class 'yak' would be empty: {TREE}/yak holds no usable.*--classes"):
        prepare(manual, tmp_path / "data")
    assert sum(sizes(prepare(manual, tmp_path / "data", classes=("bell", "owl"))).values()) == 48
    for path in (manual / TREE / "owl").iterdir():
        add_line(manual / "info/invalid-pose.txt", path.stem)
    with pytest.raises(BadDataError, match="'owl' would be empty: all its 24 sketches are on the lists"):
        prepare(manual, tmp_path / "data", without=("pose",), classes=("bell", "owl"))


def test_a_test_photo_without_a_sketch_is_named_with_its_line(manual, tmp_path):
    add_line(manual / "info/testset.txt", "owl/n01621127_999.jpg")
    with pytest.raises(BadDataError, match=r"1 of 49 examples is bad.*info/testset\.txt, line 5: .*owl/n01621127_999"):
        prepare(manual, tmp_path / "data", split="official")
    builder = prepare(manual, tmp_path / "data", split="official", max_bad=0.05)
    assert [row[:2] for row in listed(builder)] == [["info/testset.txt", "line 5"]]
    assert listed(prepare(manual, tmp_path / "data", split="photo")) == []


def test_an_invalid_sketch_that_is_missing_is_a_warning_with_its_line(manual, tmp_path, caplog):
    add_line(manual / "info/invalid-error.txt", "n01621127_107-9")
    with caplog.at_level(logging.WARNING):
        builder = prepare(manual, tmp_path / "data")
    assert "info/invalid-error.txt, line 3: n01621127_107-9" in caplog.text
    assert listed(builder) == []


@pytest.mark.parametrize(
    ("file", "line"), [("testset.txt", "owl n01621127_114.jpg"), ("invalid-pose.txt", "<html>404</html>")]
)
def test_a_line_that_is_no_name_is_an_error(manual, tmp_path, file, line):
    number = (manual / "info" / file).read_text().count("\n") + 1
    add_line(manual / "info" / file, line)
    with pytest.raises(BadDataError, match=rf"info/{file}, line {number}: '{line}' is not <"):
        prepare(manual, tmp_path / "data", split="official")


def test_reasons_that_do_not_exist():
    with pytest.raises(InvalidArgumentError, match="ambiguous, context, error, pose"):
        Builder.make_config(without=("ugly",))
    with pytest.raises(UnknownNameError, match="official, paper, photo"):
        Builder.make_config(split="hash")
