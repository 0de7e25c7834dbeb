"""What becomes of a folder that is not there, and of the operating system's refusals."""

import pytest

from keras_sketch.curation.folders import existing_folder, reading
from keras_sketch.errors import BadDataError, MissingDataError


def test_folders_that_cannot_be_used_are_named(tmp_path):
    with pytest.raises(MissingDataError, match="nowhere .* does not exist"):
        existing_folder(tmp_path / "nowhere")
    with pytest.raises(MissingDataError, match="is empty"):
        existing_folder(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(MissingDataError, match="is a file"):
        existing_folder(tmp_path / "file")
    assert existing_folder(str(tmp_path)) == tmp_path


def test_refusals_name_the_file():
    with pytest.raises(MissingDataError, match="^Cannot read b: Permission denied.$"), reading("a"):
        raise PermissionError(13, "Permission denied", "b")
    with pytest.raises(MissingDataError, match="^Cannot read a: Input/output error.$"), reading("a"):
        raise OSError(5, "Input/output error")


@pytest.mark.parametrize("error", [MissingDataError("gone"), BadDataError("bad"), ValueError("other")])
def test_other_errors_pass(error):
    with pytest.raises(type(error), match=f"^{error}$"), reading("a"):
        raise error
