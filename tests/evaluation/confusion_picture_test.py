import time

import numpy as np
import pytest

from keras_sketch.evaluation.confusion_picture import draw_confusion


def counts_of(num_classes, num_examples=3000):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, num_classes, num_examples)
    wrong = (labels + rng.integers(0, 6, num_examples)) % num_classes
    counts = np.zeros((num_classes, num_classes), int)
    np.add.at(counts, (labels, np.where(rng.random(num_examples) < 0.6, labels, wrong)), 1)
    return counts


@pytest.mark.parametrize("num_classes", [2, 25, 26, 40, 41, 120])
def test_confusion_of_any_number_of_classes(tmp_path, picture, num_classes):
    names = [f"class {i} with $a long^ name_{{" for i in range(num_classes)]
    draw_confusion(tmp_path / "confusion.png", counts_of(num_classes), names)
    assert max(picture(tmp_path / "confusion.png").shape) < 2400


@pytest.mark.parametrize("num_classes", [3, 41])
@pytest.mark.parametrize("make", [np.eye, np.ones, lambda shape: np.zeros((shape, shape))])
def test_confusion_without_mistakes_or_examples(tmp_path, picture, count_of, num_classes, make):
    counts = make(num_classes) if make is not np.ones else np.ones((num_classes, num_classes))
    draw_confusion(tmp_path / "confusion.png", counts.astype(int), [str(i) for i in range(num_classes)])
    pixels = picture(tmp_path / "confusion.png")
    # Many classes without mistakes are one sentence; few are a matrix, dark where all examples of a class are.
    assert (pixels.shape[0] == 180) == (num_classes == 41 and counts.sum() == np.trace(counts))
    assert (count_of(pixels, "#08306b") > 0) == (num_classes == 3 and make is np.eye)


def test_confusion_of_345_classes_is_quick_and_repeats(tmp_path):
    counts, names = counts_of(345, 10_000), [f"class {i}" for i in range(345)]
    start = time.process_time()
    draw_confusion(tmp_path / "1.png", counts, names)
    assert time.process_time() - start < 10
    draw_confusion(tmp_path / "2.png", counts, names)
    assert (tmp_path / "1.png").read_bytes() == (tmp_path / "2.png").read_bytes()


@pytest.mark.parametrize("num_classes", [6, 40, 124])
def test_countries_stand_by_continent(tmp_path, picture, num_classes):
    counts, names = counts_of(num_classes, 500), [f"country {i}" for i in range(num_classes)]
    places = ["Asia", "Europe", "Africa"]
    continents = [places[i % 3] for i in range(num_classes)]
    draw_confusion(tmp_path / "mixed.png", counts, names, continents)
    order = np.argsort(continents, kind="stable")
    sorted_too = [[each[i] for i in order] for each in (names, continents)]
    draw_confusion(tmp_path / "sorted.png", counts[np.ix_(order, order)], *sorted_too)
    assert (tmp_path / "mixed.png").read_bytes() == (tmp_path / "sorted.png").read_bytes()
    draw_confusion(tmp_path / "plain.png", counts, names)
    assert picture(tmp_path / "mixed.png").tobytes() != picture(tmp_path / "plain.png").tobytes()
