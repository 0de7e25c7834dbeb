import numpy as np
import pytest

from keras_sketch.evaluation.ink import accuracy_by_ink, ink_shares
from keras_sketch.evaluation.intervals import wilson_interval


@pytest.mark.parametrize(("paper", "ink"), [(255, 0), (0, 255), (200, 160)])
@pytest.mark.parametrize(("side", "channels"), [(28, 1), (224, 3)])
def test_ink_is_what_differs_from_the_paper(paper, ink, side, channels):
    images = np.full((3, side, side, channels), paper, np.uint8)
    images += np.random.default_rng(0).integers(0, 2, images.shape, np.uint8) * (1 if paper < 255 else 0)
    images[1, : side // 4, :, 0] = ink
    images[2, :, : side // 2 - 1] = ink
    assert ink_shares(images) == pytest.approx([0, 0.25, 0.5 - 1 / side])


def test_quarters_of_the_examples():
    ink = np.random.default_rng(0).permutation(np.linspace(0.01, 0.4, 40))
    labels, predicted = np.zeros(40, int), (ink < 0.1).astype(int)
    rows = accuracy_by_ink(ink, labels, predicted)
    assert [row["num_examples"] for row in rows] == [10] * 4
    assert [row["top1"] for row in rows] == [0, 1, 1, 1]
    assert rows[0]["interval"] == pytest.approx(wilson_interval(0, 10))
    ends = np.sort(ink).reshape(4, 10)[:, [0, -1]]
    assert [(row["low"], row["high"]) for row in rows] == [pytest.approx(tuple(end)) for end in ends]
    grouped = accuracy_by_ink(ink, labels, predicted, groups=np.zeros(40))
    assert grouped[0]["interval"] == pytest.approx(wilson_interval(0, 1))


def test_equal_shares_stay_together():
    rows = accuracy_by_ink(np.array([0.1] * 6 + [0.2] * 2), np.zeros(8, int), np.zeros(8, int))
    assert [(row["low"], row["num_examples"]) for row in rows] == [(0.1, 6), (0.2, 2)]
    assert len(accuracy_by_ink(np.zeros(5), np.zeros(5, int), np.zeros(5, int))) == 1


def test_photos_have_no_ink():
    photos = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    assert accuracy_by_ink(ink_shares(photos), np.zeros(5, int), np.zeros(5, int)) == []
    assert accuracy_by_ink(np.array([0.1, 0.5, 0.9]), np.zeros(3, int), np.zeros(3, int)) != []
