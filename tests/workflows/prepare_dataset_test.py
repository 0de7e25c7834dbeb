"""`prepare` says what there is now, and where to look at it."""

from pathlib import Path

import tfds_builders
from keras_sketch.workflows import prepare

DUMMY = Path(tfds_builders.__file__).parent / "route_art" / "dummy_data"


def test_the_sheet_of_routes_is_named(tmp_path, capsys):
    prepare("route-art", data_dir=str(tmp_path), manual_dir=str(DUMMY), classes=("tabby,golden retriever",))
    [sheet] = tmp_path.rglob("routes.png")
    lines = capsys.readouterr().out.splitlines()
    assert f"{sheet.parent}: 7 test; 2 classes" in lines
    assert lines[-1] == f"Look at {sheet}."
