import numpy as np
import pytest

from keras_sketch.errors import BadDataError
from keras_sketch.evaluation.ranking import top_k
from keras_sketch.evaluation.scores import classification_scores
from keras_sketch.evaluation.voting import heat_shares, majority_vote, shows_something

# Three views, four classes: two barely for class 1, one surely for class 0.
SPLIT = [[0.1, 0.4, 0.3, 0.2], [0.3, 0.4, 0.2, 0.1], [0.98, 0.0, 0.01, 0.01]]


def order(votes):
    return top_k(votes, votes.shape[1])[0].tolist()


def test_the_majority_beats_the_mean():
    votes = majority_vote(np.array([SPLIT]))
    assert np.mean(SPLIT, axis=0).argmax() == 0
    # Votes: class 1 two, class 0 one; of the other two the mean of class 2 is higher.
    assert order(votes) == [[1, 0, 2, 3]]
    assert votes.sum() == pytest.approx(1) and votes[0, 1] == pytest.approx(2 / 3, abs=2e-3)


def test_ties_go_to_the_higher_mean_probability():
    views = [[0.6, 0.4, 0.0], [0.1, 0.9, 0.0], [0.51, 0.49, 0.0], [0.2, 0.8, 0.0]]
    votes = majority_vote(np.array([views, np.array(views)[:, [1, 0, 2]]]))
    assert order(votes) == [[1, 0, 2], [0, 1, 2]]
    assert order(votes.astype(np.float32)) == [[1, 0, 2], [0, 1, 2]]


def test_weights_decide_and_a_view_without_weight_is_silent():
    votes = majority_vote(np.array([SPLIT] * 4), np.array([[1, 1, 3], [1, 1, 1.9], [1, 1, 0], [0, 0, 0]]))
    assert votes.argmax(axis=1).tolist() == [0, 1, 1, 1]
    # Without the third view class 0 has no vote; its mean is 0.2, class 2's 0.25, class 3's 0.15.
    assert order(votes)[2] == [1, 2, 0, 3]
    np.testing.assert_array_equal(votes[3], majority_vote(np.array([SPLIT]))[0])


def test_one_view_keeps_its_own_order():
    probabilities = np.random.default_rng(0).dirichlet(np.ones(9), (50, 1))
    assert order(majority_vote(probabilities)) == order(probabilities[:, 0])


def test_votes_agree_with_counting():
    rng = np.random.default_rng(1)
    probabilities, weights = rng.dirichlet(np.ones(5), (200, 6)), rng.uniform(0.1, 1, (200, 6))
    votes = majority_vote(probabilities, weights)
    for each, weight, vote in zip(probabilities, weights, votes, strict=True):
        counted = [weight[each.argmax(axis=1) == label].sum() for label in range(5)]
        best = np.flatnonzero(np.array(counted) > max(counted) - 2e-3 * weight.sum())
        assert vote.argmax() in best
    assert classification_scores(np.zeros(200, int), votes, resamples=10)["num_examples"] == 200


@pytest.mark.parametrize(
    ("shape", "weights"),
    [((2, 3), None), ((2, 0, 3), None), ((2, 3, 4), (2, 4)), ((2, 3, 4), -1.0), ((2, 3, 4), np.nan)],
)
def test_what_does_not_fit_is_refused(shape, weights):
    if weights is not None:
        weights = np.ones(weights) if isinstance(weights, tuple) else np.full(shape[:2], weights)
    with pytest.raises(BadDataError):
        majority_vote(np.ones(shape), weights)


def test_heat_falls_into_boxes():
    heat = np.zeros((3, 4, 4))
    heat[0, 0, 0] = 2  # one hot corner
    heat[1] = 1  # the same everywhere
    boxes = [[0, 0, 1, 1], [0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1], [0, 0.125, 0.25, 1]]
    shares = heat_shares(heat, np.array(boxes))
    # The last box cuts the corner pixel in half, and is 1/4 high and 7/8 wide.
    np.testing.assert_allclose(shares, [[1, 1, 0, 0.5], [1, 0.25, 0.25, 7 / 32], [1, 0.25, 0.25, 7 / 32]])


def test_bare_paper_is_told_from_a_drawing():
    views = np.full((4, 3, 8, 8, 1), 250, np.uint8)
    views[:, 2, 0] = 245  # the grain of the paper; on the first sheet there is nothing else
    views[1, :2, 4, 4] = 0
    views[2, :2, 4, 4] = 190  # pencil
    views[3, 0, 4, 4] = 0
    expected = [[True, True, True], [True, True, False], [True, True, False], [True, False, False]]
    assert shows_something(views).tolist() == expected
    assert shows_something(views[..., [0, 0, 0]].astype(np.float32)).tolist() == expected
    assert shows_something(np.zeros((1, 3, 8, 8, 1), np.uint8)).all()
