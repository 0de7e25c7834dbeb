import shutil

import cv2
import numpy as np
import pytest

from keras_sketch.errors import KerasSketchError
from keras_sketch.local_features import LocalFeatures, Matches
from keras_sketch.workflows import match
from keras_sketch.workflows.match_images import describe_matches


def test_a_moved_photo_is_described_in_words(things_store, things, tmp_path, capsys):
    photo = cv2.imread(str(things / "arch" / "0.png"))
    large = cv2.copyMakeBorder(photo, 40, 40, 40, 40, cv2.BORDER_REFLECT)
    cv2.imwrite(str(tmp_path / "a.png"), large[:150, :150])
    cv2.imwrite(str(tmp_path / "b.png"), large[16:166, 8:158])
    found = match(str(things_store), str(tmp_path / "a.png"), str(tmp_path / "b.png"), output=str(tmp_path / "m.png"))
    assert found["num_inliers"] >= 8
    np.testing.assert_allclose(found["transform"], [[1, 0, -8], [0, 1, -16]], rtol=0.05, atol=2)
    printed = capsys.readouterr().out
    assert f"{found['num_inliers']} agree on one transform" in printed and " times the size" in printed
    assert found["picture"] == str(tmp_path / "m.png") and cv2.imread(found["picture"]).shape[0] == 584


def test_other_photos_share_nothing(things_store, things, tmp_path, capsys):
    files = [str(things / name / "0.png") for name in ("arch", "tower")]
    found = match(str(things_store), *files, output=str(tmp_path / "m.png"))
    assert found["num_inliers"] < 8
    if found["transform"] is None:
        assert "no transform" in capsys.readouterr().out


def test_what_cannot_be_matched_is_said(things_store, things, tmp_path):
    photo = str(things / "arch" / "0.png")
    (tmp_path / "note.png").write_text("text")
    for arguments, what in (
        ((str(things_store), photo, str(tmp_path / "note.png")), r"note\.png"),
        ((str(things_store), photo, str(tmp_path / "none.png")), r"none\.png"),
        ((str(tmp_path / "nowhere"), photo, photo), "nowhere"),
        ((str(things_store), photo, photo, "some.weights.h5"), "weights"),
        ((str(things_store), photo, photo, None, 0), "image_size"),
    ):
        with pytest.raises(KerasSketchError, match=what):
            match(*arguments, output=str(tmp_path / "m.png"))
    with pytest.raises(KerasSketchError, match="output"):
        match(str(things_store), photo, photo, output=str(tmp_path))
    assert not (tmp_path / "m.png").exists()


def test_an_image_without_features_is_said(things_store, things, tmp_path, monkeypatch):
    copy = tmp_path / "store"
    shutil.copytree(things_store, copy)
    photo = str(things / "arch" / "0.png")
    nothing = LocalFeatures(np.zeros((0, 2)), np.zeros(0), np.zeros(0), np.zeros((0, 8)))
    monkeypatch.setattr("keras_sketch.local_features.Extractor.extract", lambda self, images: [nothing])
    with pytest.raises(KerasSketchError, match=r"0\.png has no local features"):
        match(str(copy), photo, photo, output=str(tmp_path / "m.png"))


@pytest.mark.parametrize(
    "linear, words",
    [
        ([[0.0, -0.5], [0.5, 0.0]], "0.50 times the size, turned by 90.0 degrees clockwise."),
        ([[1.0, 0.0], [-0.0, 1.0]], "1.00 times the size, turned by 0.0 degrees"),
        ([[2.0, 0.0], [0.0, 0.5]], "1.00 times the size, turned by 0.0 degrees"),
        ([[2.0, 0.0], [0.0, 0.5]], "stretched 4.00 times along one direction."),
        ([[np.cos(0.3), np.sin(0.3)], [-np.sin(0.3), np.cos(0.3)]], "turned by 17.2 degrees counterclockwise."),
    ],
)
def test_a_transform_is_told_in_words(linear, words):
    matches = Matches(np.zeros((9, 2), int), np.arange(9) < 7, np.column_stack([linear, [3, 4]]))
    assert words in describe_matches(matches)
    assert describe_matches(matches).startswith("9 matches, of which 7 agree")


def test_large_images_are_made_smaller_and_small_ones_stay(tmp_path):
    from keras_sketch.data.image_files import read_image

    pixels = np.random.default_rng(0).integers(0, 256, (30, 60, 3), "uint8")
    cv2.imwrite(str(tmp_path / "a.png"), pixels[:, :, ::-1])
    np.testing.assert_array_equal(read_image(str(tmp_path / "a.png"), 3, 60), pixels)
    small = read_image(str(tmp_path / "a.png"), 3, 20)
    assert small.shape == (10, 20, 3) and small.dtype == np.uint8
    assert abs(small.mean() - pixels.mean()) < 3 and small.std() < 0.6 * pixels.std()
    assert read_image(str(tmp_path / "a.png"), 1, 20).shape == (10, 20, 1)
