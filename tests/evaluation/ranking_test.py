import numpy as np
import pytest

from keras_sketch.errors import BadDataError
from keras_sketch.evaluation.ranking import check_predictions, top_k, true_class_ranks


def ranked_by_force(row):
    return sorted(range(len(row)), key=lambda index: (-row[index], index))


@pytest.fixture(params=["distinct", "ties", "all equal"])
def probabilities(request):
    values = np.random.default_rng(0).random((200, 12)).astype(np.float32)
    return {"distinct": values, "ties": np.round(values * 3) / 3, "all equal": np.full_like(values, 1 / 12)}[
        request.param
    ]


@pytest.mark.parametrize("k", [1, 2, 5, 11, 12])
def test_top_k_agrees_with_sorting(probabilities, k):
    indices, scores = top_k(probabilities, k)
    assert indices.tolist() == [ranked_by_force(row)[:k] for row in probabilities]
    assert (scores == np.take_along_axis(probabilities, indices, axis=1)).all()
    assert (indices[:, 0] == probabilities.argmax(axis=1)).all()


def test_more_than_all_classes_gives_all():
    assert top_k(np.array([[0.2, 0.8]]), 5)[0].tolist() == [[1, 0]]


def test_ranks_agree_with_sorting(probabilities):
    labels = np.random.default_rng(1).integers(0, 12, 200)
    expected = [ranked_by_force(row).index(label) for row, label in zip(probabilities, labels, strict=True)]
    assert true_class_ranks(labels, probabilities).tolist() == expected


def test_many_examples_are_ranked_in_blocks(monkeypatch):
    monkeypatch.setattr("keras_sketch.evaluation.ranking._CHUNK_VALUES", 50)
    probabilities = np.random.default_rng(0).random((101, 8))
    labels = np.arange(101) % 8
    expected = [ranked_by_force(row) for row in probabilities]
    assert top_k(probabilities, 3)[0].tolist() == [row[:3] for row in expected]
    ranks = [row.index(label) for row, label in zip(expected, labels, strict=True)]
    assert true_class_ranks(labels, probabilities).tolist() == ranks
    probabilities[77, 3] = np.inf
    with pytest.raises(BadDataError, match="1 of 101 .* example 77"):
        check_predictions(labels, probabilities)


@pytest.mark.parametrize(
    ("labels", "probabilities", "message"),
    [
        ([0, 1], [[0.5, 0.5]], "do not fit"),
        ([0], [0.5], "do not fit"),
        ([], np.zeros((0, 3)), "no example"),
        ([0.0], [[0.5, 0.5]], "must be integers"),
        ([0, 2], [[0.5, 0.5], [0.5, 0.5]], "1 of 2 labels are outside 0..1; the first is 2, of example 1"),
        ([-1], [[0.5, 0.5]], "outside"),
        ([0], [[np.nan, 0.5]], "not a finite number"),
    ],
)
def test_what_cannot_be_scored_is_refused(labels, probabilities, message):
    with pytest.raises(BadDataError, match=message):
        check_predictions(np.array(labels), np.array(probabilities))
