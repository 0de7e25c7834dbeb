import os
import subprocess
import sys

import pytest

import keras_sketch.drawing


def run(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ | environment
    )
    return done.stdout


def test_importing_names_loads_nothing_heavy():
    code = "import sys; from keras_sketch.drawing import {}; print(*sorted({{m.split('.')[0] for m in sys.modules}}))"
    assert not {"numba", "numpy", "cv2"} & set(run(code.format("parse_ndjson")).split())
    assert not {"numba", "cv2", "tensorflow"} & set(run(code.format("rasterize, encode_strokes")).split())


def test_every_public_name_is_what_it_says():
    for name in keras_sketch.drawing.__all__:
        assert callable(getattr(keras_sketch.drawing, name))
    with pytest.raises(AttributeError, match="rasterise"):
        keras_sketch.drawing.rasterise  # noqa: B018


def test_it_compiles_where_numba_finds_no_place_to_store():
    code = """
import numba.core.caching
numba.core.caching._CacheLocator.from_function = classmethod(lambda *_: None)
for locator in numba.core.caching.CacheImpl._locator_classes:
    locator.from_function = classmethod(lambda *_: None)
from keras_sketch.drawing import simplify
print(simplify([([0, 10], [0, 10])]))
"""
    assert run(code).strip() == "[[[0, 255], [0, 255]]]"
