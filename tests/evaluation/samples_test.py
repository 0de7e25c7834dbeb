import numpy as np
import pytest

from keras_sketch.errors import BadDataError
from keras_sketch.evaluation.samples import draw_mistakes, draw_samples, surest_mistakes


@pytest.mark.parametrize("shape", [(28, 28, 1), (40, 90, 3), (200, 100, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_samples_and_mistakes(tmp_path, picture, shape, dtype):
    images = np.random.default_rng(0).integers(0, 256, (50, *shape)).astype(dtype)
    labels = np.arange(50) % 9
    names = [f"class {i}" for i in range(10)]
    samples, mistakes = [], []
    for drawn in (images, np.full_like(images, 255)):
        draw_samples(tmp_path / "samples.png", drawn, labels, names, per_class=4)
        samples.append(picture(tmp_path / "samples.png"))
        draw_mistakes(tmp_path / "mistakes.png", drawn[:7], labels[:7], labels[1:8], np.linspace(1, 0.5, 7), names, 70)
        mistakes.append(picture(tmp_path / "mistakes.png"))
    # Beside those of white images, the pictures differ where images are, the longer side of each being the cell's.
    narrow = min(shape[:2]) / max(shape[:2])
    for (found, white), count, cell in ((samples, 9 * 4, 64), (mistakes, 7, 128)):
        differing = (found != white).any(axis=-1).sum()
        assert differing == pytest.approx(count * cell**2 * narrow, rel=0.1)


def test_samples_show_the_pixels(tmp_path, picture):
    images = np.stack([np.full((16, 16, 3), colour, np.uint8) for colour in ([255, 0, 0], [0, 0, 255])])
    draw_samples(tmp_path / "samples.png", images, np.array([0, 1]), ["red", "blue"])
    pixels = picture(tmp_path / "samples.png").reshape(-1, 3)
    for colour in ([0, 0, 255], [255, 0, 0]):  # OpenCV reads blue first
        assert (pixels == colour).all(axis=1).sum() == pytest.approx(62 * 62, rel=0.05)


def test_a_class_list_too_long_is_shortened(tmp_path, picture):
    images, labels = np.zeros((200, 8, 8, 1)), np.arange(200)
    draw_samples(tmp_path / "all.png", images, labels, [str(i) for i in range(200)], per_class=2, max_classes=5)
    assert picture(tmp_path / "all.png").shape[0] < 500


@pytest.mark.parametrize("images", [np.zeros((0, 8, 8, 1)), np.zeros((3, 8, 8)), np.zeros((3, 8, 8, 2))])
def test_images_of_another_form_are_refused(tmp_path, images):
    with pytest.raises(BadDataError, match="must be"):
        draw_samples(tmp_path / "samples.png", images, np.zeros(len(images), int), ["a"])


def test_surest_mistakes():
    labels, predicted = np.array([0, 1, 2, 0, 1]), np.array([0, 2, 0, 1, 0])
    scores = np.array([1.0, 0.5, 0.9, 0.9, 0.6])
    assert surest_mistakes(labels, predicted, scores).tolist() == [2, 3, 4, 1]
    assert surest_mistakes(labels, predicted, scores, count=1).tolist() == [2]
    assert surest_mistakes(labels, labels, scores).tolist() == []
