import subprocess
import sys

import numpy as np
import pytest

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.metrics import global_average_precision


def plain_gap(y_true, y_pred, scores):
    """GAP by its definition, without NumPy."""
    guesses = [(score, place) for place, score in enumerate(scores) if y_pred[place] != -1]
    # Larger scores first, and of equal ones the one that came first.
    guesses.sort(key=lambda guess: (-guess[0], guess[1]))
    total, right = 0.0, 0
    for rank, (_, place) in enumerate(guesses, start=1):
        if y_true[place] == y_pred[place]:
            right += 1
            total += right / rank
    landmarks = sum(true != -1 for true in y_true)
    return total / landmarks if landmarks else 0.0


@pytest.mark.parametrize(
    ("y_true", "y_pred", "scores", "expected"),
    [
        ([0, 1, 2], [0, 1, 2], [0.9, 0.5, 0.1], 1.0),
        ([0, 1, 2], [1, 2, 0], [0.9, 0.5, 0.1], 0.0),
        # Right at ranks 1 and 3: (1/1 + 2/3) / 3.
        ([0, 1, 2], [0, 2, 2], [0.9, 0.5, 0.1], 5 / 9),
        ([2, 0, 1], [2, 0, 2], [0.1, 0.9, 0.5], 5 / 9),
        # A tie keeps the order: the wrong one first gives 1/2, the right one first 1.
        ([0, 1], [1, 1], [0.5, 0.5], 1 / 4),
        ([1, 0], [1, 1], [0.5, 0.5], 1 / 2),
        ([0, 0, 0, 0], [0, 1, 0, 1], [1, 1, 1, 1], (1 + 2 / 3) / 4),
        # No landmark: in the ranking, but not among those that are divided by.
        ([-1, 0], [3, 0], [0.9, 0.5], 1 / 2),
        ([0, -1], [0, 3], [0.9, 0.5], 1.0),
        ([-1, -1, -1], [0, 1, 2], [0.9, 0.5, 0.1], 0.0),
        # No guess: not in the ranking, but among those that are divided by.
        ([0, 1], [-1, 1], [0.9, 0.5], 1 / 2),
        ([0, 1], [-1, -1], [0.9, 0.5], 0.0),
        ([-1, 1], [-1, 1], [0.9, 0.5], 1.0),
        ([-1], [-1], [0.5], 0.0),
        ([], [], [], 0.0),
        ([0, 1], [0, 1], [-np.inf, np.inf], 1.0),
        # A score without a guess is not looked at.
        ([0, 1], [0, -1], [-3.0, np.nan], 1 / 2),
    ],
)
def test_by_hand(y_true, y_pred, scores, expected):
    found = global_average_precision(y_true, y_pred, scores)
    assert isinstance(found, float)
    assert found == pytest.approx(expected, abs=1e-15)
    assert plain_gap(y_true, y_pred, scores) == pytest.approx(expected, abs=1e-15)


def test_equals_the_definition_on_1000_random_cases():
    random = np.random.default_rng(0)
    for _ in range(1000):
        count, classes = random.integers(0, 60), random.integers(1, 8)
        y_true, y_pred = random.integers(-1, classes, (2, count))
        # Half of the cases have many equal scores.
        scores = random.integers(0, 5, count) if random.random() < 0.5 else random.normal(size=count)
        expected = plain_gap(y_true.tolist(), y_pred.tolist(), scores.tolist())
        assert global_average_precision(y_true, y_pred, scores) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int64"])
@pytest.mark.parametrize("scored", ["float16", "float32", "uint8", "bool"])
def test_takes_integers_and_numbers_of_any_width(dtype, scored):
    found = global_average_precision(
        np.array([200, 1, 2], dtype="int16").astype(dtype), np.array([200, 2, 2]).astype(dtype), np.ones(3, scored)
    )
    assert found == pytest.approx(5 / 9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 1], [0], [0.5, 0.5]), "of one length"),
        (([0, 1], [0, 1], [0.5]), "of one length"),
        (([[0, 1]], [0, 1], [0.5, 0.5]), r"`y_true` must be of shape \[N\]"),
        (([0, 1], [[0], [1]], [0.5, 0.5]), r"`y_pred` must be of shape \[N\]"),
        (([0, 1], [0, 1], [[0.5], [0.5]]), "of one length"),
        ((0, 0, 0.5), r"of shape \[N\]"),
        (([0.0, 1.0], [0, 1], [0.5, 0.5]), "`y_true` must be integers"),
        (([0, 1], ["0", "1"], [0.5, 0.5]), "`y_pred` must be integers"),
        (([0, -2], [0, 1], [0.5, 0.5]), "at least -1"),
        (([0, 1], [0, 1], [0.5, float("nan")]), r"`scores\[1\]` must be a number"),
        (([0, 1, 1], [-1, 1, 1], [float("nan"), 0.5, float("nan")]), r"`scores\[2\]` must be a number"),
        (([0, 1], [0, 1], ["high", "low"]), "`scores` must be numbers"),
    ],
)
def test_what_cannot_be_ranked_is_refused(arguments, message):
    with pytest.raises(InvalidArgumentError, match=message):
        global_average_precision(*arguments)


def test_the_function_loads_no_keras():
    code = "from keras_sketch.metrics import global_average_precision; import sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"keras", "tensorflow"} & set(loaded)
