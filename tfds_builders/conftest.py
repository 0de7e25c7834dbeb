"""What the tests of the builders share."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def manual(request, tmp_path):
    """A copy of the dummy data beside the test, which it may spoil."""
    return Path(shutil.copytree(request.path.parent / "dummy_data", tmp_path / "manual"))
