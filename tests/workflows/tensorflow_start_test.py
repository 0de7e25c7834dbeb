import subprocess
import sys

import pytest

from keras_sketch.workflows.tensorflow_start import _standard_error_held_back


def test_tensorflow_starts_without_a_line():
    code = "from keras_sketch.workflows.tensorflow_start import start_tensorflow as s; s(); import tensorflow"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_was_held_back_is_shown_when_it_fails(capfd):
    with pytest.raises(ImportError), _standard_error_held_back():
        subprocess.run([sys.executable, "-c", "import sys; print('no such library', file=sys.stderr)"], check=True)
        raise ImportError
    assert "no such library" in capfd.readouterr().err
    with _standard_error_held_back():
        subprocess.run([sys.executable, "-c", "import sys; print('chatter', file=sys.stderr)"], check=True)
    assert capfd.readouterr().err == ""
