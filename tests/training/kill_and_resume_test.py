import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "kill_and_resume.py"


@pytest.mark.slow
@pytest.mark.parametrize(("model", "kills"), [("quickdraw_cnn", 5), ("mobilenet_v2", 2)])
def test_a_run_killed_at_random_moments_and_resumed_ends_bit_equal(model, kills):
    command = [sys.executable, str(BENCHMARK), "--kills", str(kills), "--models", model]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{kills} kills" in done.stdout and "different from the undisturbed run: nothing" in done.stdout
