import pytest

from keras_sketch.curation.manifest import Manifest
from tfds_builders.geoguessr.coordinates import find_table


@pytest.mark.parametrize(
    ("delimiter", "latitude", "longitude"), [(",", "48.85", "2.35"), (";", "48,85", "2,35"), ("\t", "48.85", "2,35")]
)
def test_columns_and_decimals_may_be_written_as_spreadsheets_do(tmp_path, delimiter, latitude, longitude):
    lines = [("file", "lat", "lon"), ("France/a.jpg", latitude, longitude)]
    (tmp_path / "where.csv").write_text("\ufeff" + "\r\n".join(map(delimiter.join, lines)), encoding="utf-8")
    with Manifest(tmp_path / "bad.csv") as manifest:
        points = find_table([tmp_path]).points(["France/a.jpg", "France/b.jpg"], manifest)
    assert (points, manifest.notes) == ({"France/a.jpg": (48.85, 2.35)}, 0)
