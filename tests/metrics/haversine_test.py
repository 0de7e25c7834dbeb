import subprocess
import sys

import numpy as np
import pytest

from keras_sketch.metrics import EARTH_RADIUS_KM, geoscore, haversine_km, haversine_radians


def test_the_score_falls_from_5000_by_a_factor_of_e_every_1492_7_km():
    assert geoscore(0) == 5000
    assert geoscore([1492.7, 2 * 1492.7]) == pytest.approx([5000 / np.e, 5000 / np.e**2])
    assert geoscore(haversine_km((0, 0), (0, 180))) == pytest.approx(0.0075, abs=2e-4)


def test_kilometres_are_radians_times_the_radius():
    assert haversine_km((10, 20), (-30, 100)) == EARTH_RADIUS_KM * haversine_radians((10, 20), (-30, 100))


def test_distances_load_no_keras():
    code = "from keras_sketch.metrics import haversine_km, geoscore; import sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"keras", "tensorflow"} & set(loaded)
