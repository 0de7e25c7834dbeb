import io
import json
import tracemalloc

import pytest

from keras_sketch.drawing import Drawing, ndjson, parse_line, parse_ndjson
from keras_sketch.errors import BadDataError, MissingDataError

RECORD = {
    "word": "cat",
    "countrycode": "VE",
    "timestamp": "2017-03-02 23:25:10.07453 UTC",
    "recognized": True,
    "key_id": "5201136883597312",
    "drawing": [[[130, 113], [72, 40]], [[5], [7]]],
}


def line(**changes):
    return json.dumps(RECORD | changes).encode()


def without(field):
    return json.dumps({key: value for key, value in RECORD.items() if key != field}).encode()


def test_a_line_becomes_a_record_and_a_line_again():
    drawing = parse_line(line(), 3)
    assert drawing == Drawing("cat", "VE", RECORD["timestamp"], True, "5201136883597312", RECORD["drawing"], 3)
    assert json.loads(drawing.to_json()) == RECORD
    with pytest.raises(AttributeError):
        drawing.word = "dog"


@pytest.mark.parametrize(
    "strokes", [[[[5], [7]]], [[[-900, 1e6], [3, 70000]]], [[[0.5, 1.25], [1, 2], [0, 16]]]], ids=["dot", "far", "raw"]
)
def test_dots_far_points_and_raw_strokes_are_drawings(strokes):
    assert parse_line(line(drawing=strokes)).strokes == strokes


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (line()[:-9], "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b"  \n", "the line is empty"),
        (b"[1]", "a list, not a JSON object"),
        (b"7", "a number, not a JSON object"),
        *((without(name), f"'{name}' is missing") for name in RECORD),
        (line(word=3), "'word' is a number, not a string"),
        (line(countrycode=None), "'countrycode' is null, not a string"),
        (line(key_id=5), "'key_id' is a number"),
        (line(recognized="yes"), "'recognized' is a string, not true or false"),
        (line(drawing={}), "'drawing' is an object, not a list"),
        (line(drawing=[]), "no strokes"),
        (line(drawing=[[[1], [2]], [[], []]]), "stroke 2 has no points"),
        (line(drawing=[[[1, 2], [2]]]), "stroke 1 has 2 x and 1 y"),
        (line(drawing=[[[1, 2]]]), "stroke 1 is not a pair"),
        (line(drawing=["ab"]), "stroke 1 is not a pair"),
        (line(drawing=[[[1], [2], [3], [4]]]), "stroke 1 is not a pair"),
        (line(drawing=[[["1"], [2]]]), "not a finite number: '1'"),
        (line(drawing=[[[True], [2]]]), "not a finite number: True"),
        (line(drawing=[[[None], [2]]]), "not a finite number: None"),
        (line(drawing=[[[float("nan")], [2]]]), "not valid JSON"),
        (line().replace(b"130", b"1e999"), "not valid JSON"),
    ],
)
def test_bad_lines_are_refused_with_the_reason(bad, reason):
    with pytest.raises(BadDataError, match=reason):
        parse_line(bad)


def test_the_first_bad_line_ends_the_reading_and_is_named(tmp_path):
    path = tmp_path / "cat.ndjson"
    path.write_bytes(line() + b"\n" + line(drawing=[]) + b"\n" + line())
    drawings = parse_ndjson(path)
    assert next(drawings).line == 1
    with pytest.raises(BadDataError, match=r"cat\.ndjson, line 2: the drawing has no strokes"):
        next(drawings)


@pytest.mark.parametrize("text", [False, True])
def test_bad_lines_are_reported_and_the_others_kept(text):
    data = b"\n".join([line(), b"", line(key_id="2"), line()[:40]])
    bad = []
    file = io.StringIO(data.decode()) if text else io.BytesIO(data)
    drawings = list(parse_ndjson(file, on_bad=lambda number, reason: bad.append((number, reason))))
    assert [(drawing.line, drawing.key_id) for drawing in drawings] == [(1, RECORD["key_id"]), (3, "2")]
    assert [number for number, _ in bad] == [2, 4]
    assert bad[0][1] == "the line is empty"


def test_an_endless_line_is_one_bad_line(monkeypatch):
    monkeypatch.setattr(ndjson, "MAX_LINE_BYTES", 1000)
    bad = []
    file = io.BytesIO(line() + b"\n" + b"[" * 3500 + b"\n" + line() + b"\n")
    drawings = list(parse_ndjson(file, on_bad=lambda number, reason: bad.append((number, reason))))
    assert [drawing.line for drawing in drawings] == [1, 3]
    assert bad == [(2, "the line is longer than 1000 bytes")]


def test_memory_does_not_grow_with_the_file(tmp_path):
    path = tmp_path / "many.ndjson"
    path.write_bytes((line() + b"\n") * 20_000)
    tracemalloc.start()
    count = sum(1 for _ in parse_ndjson(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 20_000
    assert peak < 1e6 < path.stat().st_size


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MissingDataError, match="nothing.ndjson"):
        next(parse_ndjson(tmp_path / "nothing.ndjson"))


def test_real_files_hold_no_bad_line(samples):
    for kind in ("simplified", "raw"):
        for path in sorted((samples / "quickdraw" / kind).glob("*.ndjson")):
            drawings = list(parse_ndjson(path))
            assert {drawing.word for drawing in drawings} == {path.stem}
            assert json.loads(drawings[0].to_json()) == json.loads(path.open().readline())
