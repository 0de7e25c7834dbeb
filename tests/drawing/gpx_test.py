"""GPX to a picture: against a drawing made another way, with a receiver's faults, and what is no GPX at all."""

import datetime
import io
import itertools
import math

import cv2
import numpy as np
import pytest

from keras_sketch.drawing import render_gpx
from keras_sketch.errors import BadDataError, InvalidArgumentError, MissingDataError

METRE = 180 / math.pi / 6371008.8  # degrees of latitude


def gpx(*segments, seconds=None, kind="trk"):
    """A GPX file with a line of (latitude, longitude) a segment, a point every so many seconds."""
    moments = itertools.count()

    def point(place):
        time = ""
        if seconds:
            moment = datetime.datetime(2024, 5, 1, 7) + datetime.timedelta(seconds=next(moments) * seconds)
            time = f"<time>{moment.isoformat()}Z</time>"
        return f'<{kind}pt lat="{place[0]:.8f}" lon="{place[1]:.8f}">{time}</{kind}pt>'

    lines = ["".join(map(point, segment)) for segment in segments]
    if kind == "trk":
        body = "<trk>" + "".join(f"<trkseg>{line}</trkseg>" for line in lines) + "</trk>"
    else:
        body = "".join(f"<rte>{line}</rte>" for line in lines)
    return f'<gpx xmlns="http://www.topografix.com/GPX/1/1" version="1.1" creator="t">{body}</gpx>'.encode()


def render(contents, side=128):
    return render_gpx(io.BytesIO(contents), side)


def heart(size=400.0, points=300, latitude=50.0, longitude=8.0):
    """A closed line of so many metres."""
    t = np.linspace(0, 2 * np.pi, points)
    x = 16 * np.sin(t) ** 3
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    metres = np.stack((y, x), axis=1) * size / 32
    return metres * METRE / [1, math.cos(math.radians(latitude))] + [latitude, longitude]


def overlap(a, b):
    """Intersection over union of the ink."""
    return ((a < 128) & (b < 128)).sum() / ((a < 128) | (b < 128)).sum()


def test_the_picture_is_that_of_an_equirectangular_projection_drawn_by_distance(samples):
    file = samples / "route_art" / "cat.gpx"
    numbers = np.array([line.split('"')[1::2] for line in file.read_text().splitlines() if "<trkpt" in line], float)
    plane = numbers[:, ::-1] * [math.cos(math.radians(numbers[:, 0].mean())), -1]
    plane -= (plane.min(axis=0) + plane.max(axis=0)) / 2
    plane = plane * 256 * (1 - 0.1 - 1 / 64) / np.ptp(plane, axis=0).max() + 128
    centres = np.stack(np.meshgrid(np.arange(256) + 0.5, np.arange(256) + 0.5), axis=-1)
    distance = np.full((256, 256), np.inf)
    for begin, way in zip(plane[:-1], np.diff(plane, axis=0), strict=True):
        share = np.clip(((centres - begin) @ way) / max(way @ way, 1e-9), 0, 1)
        distance = np.minimum(distance, np.linalg.norm(centres - begin - share[..., None] * way, axis=-1))
    expected = 255 * np.clip(distance - 2 + 0.5, 0, 1)
    found = render_gpx(file)
    assert found.dtype == np.uint8
    assert np.abs(found - expected).mean() < 0.5
    assert overlap(found, expected) > 0.97


@pytest.mark.parametrize("latitude", [0, 60, -75])
def test_shapes_keep_their_aspect_anywhere(latitude):
    square = np.array([(0, 0), (0, 1), (1, 1), (1, 0), (0, 0)]) * 1000 * METRE
    found = render(gpx(square / [1, math.cos(math.radians(latitude))] + [latitude, 10]))
    rows, columns = (np.flatnonzero((found < 128).any(axis=axis)) for axis in (1, 0))
    assert abs(np.ptp(rows) - np.ptp(columns)) <= 1
    assert rows[0] == pytest.approx(128 * 0.05, abs=1)
    assert found[0].min() == 255 and found.min() == 0


def test_north_is_up_and_east_is_right():
    found = render(gpx([(50, 8), (50.01, 8), (50.01, 8.02)]))
    assert (found[:, :64] < 128).sum() > (found[:, 64:] < 128).sum()
    assert (found[:64] < 128).any() and found[70:, 70:].min() == 255


def test_the_antimeridian_does_not_matter():
    here, there = heart(9000, longitude=20), heart(9000, longitude=180)
    there[:, 1] = (there[:, 1] + 180) % 360 - 180
    assert {-1, 1} == set(np.sign(there[:, 1]))
    assert np.array_equal(render(gpx(here)), render(gpx(there)))


def test_a_circle_around_a_pole_is_a_circle():
    for pole in (1, -1):
        found = render(gpx([(89.9 * pole, longitude) for longitude in np.linspace(-180, 180, 90)]))
        y, x = np.nonzero(found < 128)
        assert np.ptp(np.hypot(x - 63.5, y - 63.5)) < 5


def test_segments_are_not_joined_and_routes_are_drawn():
    bars = [[(0, 0), (0.01, 0)], [(0, 0.01), (0.01, 0.01)]]
    for kind in ("trk", "rte"):
        found = render(gpx(*bars, kind=kind))
        assert cv2.connectedComponents((found < 128).astype(np.uint8))[0] == 3
    assert np.array_equal(found, render(gpx(*bars)))


@pytest.mark.parametrize("seconds", [None, 2])
@pytest.mark.parametrize("jump", [(0.5, 0.5), (-0.004, 0.003), (-50.0, -8.0)])
@pytest.mark.parametrize("count", [1, 3])
def test_points_that_jump_away_and_back_are_dropped(seconds, jump, count):
    line = heart()
    spoilt = np.insert(line, [100] * count, line[100] + np.array(jump) + np.arange(count)[:, None] * 1e-5, axis=0)
    assert overlap(render(gpx(line)), render(gpx(spoilt, seconds=seconds))) > 0.95
    first = np.concatenate(([line[0] - 1.5], line))
    assert overlap(render(gpx(line)), render(gpx(first, seconds=seconds))) > 0.95


def test_a_planned_way_out_and_back_is_kept():
    balloon = heart(points=60)
    string = np.array([balloon[30], balloon[30] - [400 * METRE, 0], balloon[30]])
    line = np.concatenate((balloon[:31], string[1:], balloon[31:]))
    rows = np.flatnonzero((render(gpx(line)) < 128).any(axis=1))
    width = np.flatnonzero((render(gpx(line)) < 128).any(axis=0))
    assert np.ptp(rows) > 1.7 * np.ptp(width)


@pytest.mark.parametrize("seconds", [None, 1])
def test_a_cloud_at_a_stop_becomes_a_point(seconds, monkeypatch):
    line = heart()
    cloud = line[150] + np.random.default_rng(0).normal(0, 5 * METRE, (80, 2))
    spoilt = np.concatenate((line[:150], cloud, line[150:]))
    clean, paused = render(gpx(line), 512), render(gpx(spoilt, seconds=seconds), 512)
    monkeypatch.setattr("keras_sketch.drawing.gps_faults.without_stops", lambda places, size: np.arange(len(places)))
    assert overlap(clean, paused) > 0.95 > 0.9 > overlap(clean, render(gpx(spoilt), 512))


def test_small_shapes_that_somebody_walked_are_no_stops():
    line, eye = heart(), heart(24, 40)
    found = render(gpx(line, eye), 512)
    assert cv2.connectedComponents((found > 128).astype(np.uint8), connectivity=4)[0] == 1 + 3


BOMB = b"""<?xml version="1.0"?><!DOCTYPE gpx [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<gpx version="1.1"><trk><name>&b;</name></trk></gpx>"""
EXTERNAL = b'<!DOCTYPE gpx SYSTEM "file:///etc/passwd"><gpx version="1.1"/>'
MANY = b'<gpx version="1.1" ' + b" ".join(b'xmlns:n%d="u%d"' % (i, i) for i in range(200)) + b"/>"
WAYPOINTS = b'<gpx version="1.1"><wpt lat="1" lon="2"/><wpt lat="2" lon="3"/></gpx>'


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        (b"", "it is empty"),
        (b"plain text", "it is not XML"),
        (bytes(range(256)), "it is not XML"),
        (b"\x1f\x8b" + bytes(100), "it is not XML"),
        (b'<?xml version="1.0"?><kml><Placemark/></kml>', "it is not GPX: its outermost element is <kml>"),
        (gpx([(0, 0), (1, 1)])[:-20], "its XML is damaged in line 1"),
        (BOMB, "it declares a document type or entities"),
        (EXTERNAL, "it declares a document type or entities"),
        (MANY, "more than 100 namespaces"),
        (b'<gpx version="1.1">' + b"<a>" * 150 + b"</a>" * 150 + b"</gpx>", "nested deeper than 100"),
        (b'<gpx version="1.1"></gpx>', "no points of a track or route"),
        (gpx([]), "no points of a track or route"),
        (WAYPOINTS, "no points of a track or route"),
        (gpx([(1, 2)]), "a single point, and a route needs two"),
        (gpx([(1, 2)] * 9, [(1, 2)]), "a single point, and a route needs two"),
        (gpx([(1, 2), (90.5, 2)]), "a point at latitude 90.5, longitude 2, beyond 90 and 180 degrees"),
        (gpx([(1, 2), (1, 181)]), "longitude 181"),
        (gpx([(1, 2), (float("nan"), 2)]), "a point at latitude nan"),
        (gpx([(1, 2), (1, float("inf"))]), "longitude inf"),
        (b'<gpx version="1.1"><trk><trkseg><trkpt lat="x" lon="1"/></trkseg></trk></gpx>', "it is not valid GPX"),
        (b'<gpx version="1.1"><trk><trkseg><trkpt lat="1"/></trkseg></trk></gpx>', "it is not valid GPX"),
        (b'<?xml version="1.0" encoding="utf-8"?><gpx><name>\xe9</name></gpx>', "its XML is damaged"),
        (b'<?xml version="1.0" encoding="no-such"?><gpx/>', "it is "),
    ],
)
def test_what_cannot_be_drawn_is_said_in_a_sentence(tmp_path, contents, reason):
    file = tmp_path / "walk.gpx"
    file.write_bytes(contents)
    with pytest.raises(BadDataError, match=rf"^{file} cannot be drawn: [^\n]*{reason}") as caught:
        render_gpx(file)
    assert len(str(caught.value)) < 400


def test_limits_are_stated(monkeypatch):
    monkeypatch.setattr("keras_sketch.drawing.gpx_file.MAX_POINTS", 5)
    with pytest.raises(BadDataError, match="more than 5 points"):
        render(gpx([(0, 0)] * 6))
    monkeypatch.setattr("keras_sketch.drawing.gpx.MAX_BYTES", 2**20)
    monkeypatch.setattr("keras_sketch.drawing.gpx_file.MAX_BYTES", 2**20)
    with pytest.raises(BadDataError, match="larger than 1 MiB"):
        render(b"<gpx>" + b" " * 2**20)


def test_paths_files_and_encodings_give_the_same(tmp_path):
    contents = gpx(heart(points=20))
    expected = render(contents)
    file = tmp_path / "a.gpx"
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "latin-1"):
        name = encoding.removesuffix("-sig")
        file.write_bytes(f'<?xml version="1.0" encoding="{name}"?>\n{contents.decode()}'.encode(encoding))
        assert np.array_equal(render_gpx(str(file), 128), expected)
        assert np.array_equal(render_gpx(file, np.int64(128)), expected)
        with file.open(encoding=encoding) as text:
            assert np.array_equal(render_gpx(text, 128), expected)
            assert not text.closed


def test_paths_and_sides_that_cannot_be_used(tmp_path):
    with pytest.raises(MissingDataError, match=r"Cannot open .*nowhere\.gpx: No such file"):
        render_gpx(tmp_path / "nowhere.gpx")
    with pytest.raises(InvalidArgumentError, match="`side` must be"):
        render_gpx(io.BytesIO(gpx(heart())), 0)
    (tmp_path / "a.gpx").write_bytes(b"\xff\xff")
    with (tmp_path / "a.gpx").open(encoding="utf-8") as file, pytest.raises(BadDataError, match="open it as binary"):
        render_gpx(file)
