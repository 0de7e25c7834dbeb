import csv

import pytest

from keras_sketch.curation.manifest import Manifest
from keras_sketch.errors import BadDataError, InvalidArgumentError


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_bad_examples_are_listed_beside_the_data(tmp_path):
    prepared = tmp_path / "prepared"
    prepared.mkdir()
    with Manifest(tmp_path / "new" / "bad.csv", max_bad=0.5) as manifest:
        manifest.add_good(3)
        manifest.add_bad("a, b.ndjson", "line 2", 'not JSON: "{"')
        manifest.check()
        path = manifest.move_to(prepared)
    assert path == prepared / "bad_examples.csv"
    assert rows(path) == [["file", "where", "reason"], ["a, b.ndjson", "line 2", 'not JSON: "{"']]
    assert not (tmp_path / "new" / "bad.csv").exists()
    assert (manifest.seen, manifest.bad) == (4, 1)


def test_share_at_the_limit_is_accepted_and_one_more_is_not(tmp_path):
    with Manifest(tmp_path / "bad.csv", max_bad=0.01) as manifest:
        manifest.add_good(99)
        manifest.add_bad("x", "", "empty")
        manifest.check()
        manifest.add_bad("x", "", "empty")
        with pytest.raises(BadDataError, match="2 of 101 examples are bad"):
            manifest.check()


def test_message_names_the_first_ones_and_the_list_survives(tmp_path):
    path = tmp_path / "bad.csv"
    with pytest.raises(BadDataError) as error, Manifest(path) as manifest:
        for line in range(5):
            manifest.add_bad("cat.ndjson", f"line {line}", "no strokes")
        manifest.check()
    message = str(error.value)
    assert "5 of 5 examples are bad" in message
    assert "1.0%" in message
    assert "cat.ndjson, line 0: no strokes; cat.ndjson, line 1: no strokes; " in message
    assert "cat.ndjson, line 2: no strokes; and 2 more. The full list" in message
    assert "line 3" not in message
    assert str(path) in message
    assert len(rows(path)) == 6


def test_example_that_turns_out_bad_later_is_not_seen_twice(tmp_path):
    with Manifest(tmp_path / "bad.csv", max_bad=1) as manifest:
        manifest.add_good(2)
        manifest.recall("x", "line 2", "repeats")
    assert (manifest.seen, manifest.bad) == (2, 1)


def test_what_costs_no_example_is_listed_and_not_counted(tmp_path):
    with Manifest(tmp_path / "bad.csv", max_bad=0) as manifest:
        manifest.add_note("list.txt", "line 2", "the label is another")
        manifest.check()
    assert (manifest.seen, manifest.bad, manifest.notes) == (0, 0, 1)
    assert rows(manifest.path)[1:] == [["list.txt", "line 2", "the label is another"]]


def test_another_failure_leaves_no_empty_list(tmp_path):
    with pytest.raises(KeyboardInterrupt), Manifest(tmp_path / "bad.csv"):
        raise KeyboardInterrupt
    assert not (tmp_path / "bad.csv").exists()


def test_new_attempt_replaces_the_old_list(tmp_path):
    with Manifest(tmp_path / "bad.csv", max_bad=1) as manifest:
        manifest.add_bad("old", "", "old")
    with Manifest(tmp_path / "bad.csv", max_bad=1) as manifest:
        manifest.add_bad("new", "", "new")
    assert rows(tmp_path / "bad.csv")[1:] == [["new", "", "new"]]


@pytest.mark.parametrize("max_bad", [-0.1, 1.1])
def test_limit_is_a_share(tmp_path, max_bad):
    with pytest.raises(InvalidArgumentError, match="max_bad"):
        Manifest(tmp_path / "bad.csv", max_bad=max_bad)
