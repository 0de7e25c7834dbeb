import cv2
import numpy as np
import pytest

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.local_features import LocalFeatures, Matches, draw_matches

GREEN, VERMILION = np.array([0x00, 0x9E, 0x73]), np.array([0xD5, 0x5E, 0x00])


def features(places):
    ones = np.ones(len(places), "float32")
    return LocalFeatures(np.asarray(places, "float32"), ones, ones, np.ones((len(places), 4), "float32"))


def drawn(path, images, inliers):
    pairs = np.array([[0, 0], [1, 1]])[: len(inliers)]
    both = features([(20, 20), (60, 80)])
    draw_matches(path, images, (both, both), Matches(pairs, np.array(inliers, bool), None), ("first", "a $ second"))
    return cv2.imread(str(path))[:, :, ::-1].astype(int)


def closeness(picture, colour, background):
    """How many pixels lie on the way from the background to a colour, at least half way."""
    way = np.subtract(colour, background)
    share = (picture - background) @ way / (way @ way)
    away = np.linalg.norm(picture - background - share[..., None] * way, axis=-1)
    return int(((share > 0.4) & (away < 12)).sum())


def test_inliers_are_drawn_in_one_colour_and_others_in_another(tmp_path):
    grey = [np.full((100, 100, 3), 200, "uint8")] * 2
    none, one, both = (
        drawn(tmp_path / f"{count}.png", grey, inliers) for count, inliers in enumerate(([], [True], [True, False]))
    )
    base = np.array([200, 200, 200])
    assert closeness(one, GREEN, base) > closeness(none, GREEN, base) + 300
    # The second line is faint: it changes pixels, and few of them far.
    changes = (both - one)[60:].reshape(-1, 3)[np.abs(both - one)[60:].max(axis=-1).ravel() > 20]
    direction = np.subtract(VERMILION, base)
    cosines = changes @ direction / np.linalg.norm(changes, axis=1) / np.linalg.norm(direction)
    assert len(changes) > 300 and np.median(cosines) > 0.98


def test_lines_end_where_the_features_are(tmp_path):
    black = [np.zeros((100, 100, 3), "uint8")] * 2
    difference = np.abs(drawn(tmp_path / "a.png", black, [True]) - drawn(tmp_path / "b.png", black, []))[60:]
    rows, columns = np.nonzero(difference.max(axis=-1) > 60)
    # 512 pixels high below the title's 60, 12 beside it, 12 between the images: 20.5 hundredths of each.
    assert abs(rows - 0.205 * 512).max() <= 4
    assert abs(columns.min() - (12 + 0.205 * 512)) <= 4 and abs(columns.max() - (12 + 512 + 12 + 0.205 * 512)) <= 4


def test_images_of_other_shapes_and_grey_ones_stand_side_by_side(tmp_path):
    images = (np.full((50, 200, 1), 90, "uint8"), np.full((100, 40, 3), 90, "uint8"))
    picture = drawn(tmp_path / "a.png", images, [False])
    scale = 5.12
    assert abs(picture.shape[1] - (240 * scale + 12 + 24)) <= 2 and abs(picture.shape[0] - (512 + 72)) <= 2
    share = (picture == 90).all(axis=-1).sum() / (scale**2 * (50 * 200 + 100 * 40))
    assert 0.97 < share < 1.01


def test_what_is_no_image_is_refused(tmp_path):
    with pytest.raises(InvalidArgumentError, match="images"):
        drawn(tmp_path / "a.png", (np.zeros((5, 5), "uint8"), np.zeros((5, 5, 3), "uint8")), [True])
    assert not list(tmp_path.iterdir())
