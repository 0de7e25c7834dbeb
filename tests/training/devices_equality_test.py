import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks/devices_equality.py"


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind, losses",
    [
        ("sketch_cnn", "cross_entropy,haversine,haversine_smoothing,binary_cross_entropy,arcface,cosface"),
        ("sketch_cnn, GeM", "haversine"),
        ("resnet50, frozen BatchNorm", "cross_entropy"),
        ("resnet50, synchronized", "cross_entropy"),
        ("two towers", "cross_entropy"),
    ],
)
def test_two_devices_train_what_one_does_in_float64(kind, losses):
    command = [sys.executable, str(SCRIPT), "--kinds", kind, "--losses", losses, "--precisions", "float64"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    lines = [line for line in done.stdout.splitlines() if line.startswith(kind)]
    assert len(lines) == len(losses.split(",")) and "0 in float64 above 1e-06" in done.stdout
