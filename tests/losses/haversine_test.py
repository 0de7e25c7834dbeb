import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax, softmax
from sklearn.metrics.pairwise import haversine_distances

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.losses import CrossEntropy, CrossEntropyHaversine, HaversineSmoothing

RANDOM = np.random.default_rng(0)
# With a pair of antipodes, a pair on one spot, and a pole.
CENTROIDS = np.array([[60, 8], [-60, -172], [36, 138], [36, 138], [90, 0], [-3, 23.5]])
LOGITS = RANDOM.normal(size=(12, 6)).astype("float32") * 3
LABELS = np.arange(12) % 6
ONE_HOT = np.eye(6, dtype="float32")[LABELS]
SHARES = RANDOM.dirichlet(np.ones(6), 12).astype("float32")
RADIANS = haversine_distances(np.radians(CENTROIDS))
LOSSES = [
    CrossEntropyHaversine(CENTROIDS, 2.5),
    CrossEntropyHaversine(CENTROIDS, 0.7, label_smoothing=0.1),
    HaversineSmoothing(CENTROIDS, 250.0),
    HaversineSmoothing(CENTROIDS, 3000.0),
]


def reference(loss, shares, logits):
    """The loss of each example, in float64."""
    logits = logits.astype(float)
    if isinstance(loss, HaversineSmoothing):
        falling = np.exp(-RADIANS * 6371.0088 / loss.tau)
        return -(shares @ (falling / falling.sum(axis=1, keepdims=True)) * log_softmax(logits, axis=1)).sum(axis=1)
    targets = (1 - loss.label_smoothing) * shares + loss.label_smoothing / logits.shape[1]
    distance = np.einsum("nj,jk,nk->n", shares, RADIANS, softmax(logits, axis=1))
    return -(targets * log_softmax(logits, axis=1)).sum(axis=1) + loss.alpha * distance


def gradient(loss, labels, logits):
    logits = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = loss(labels, logits)
    return value, tape.gradient(value, logits)


@pytest.mark.parametrize("loss", LOSSES)
def test_equals_float64_arithmetic_over_scikit_learns_distances(loss):
    assert np.abs(loss.call(LABELS, LOGITS) - reference(loss, ONE_HOT, LOGITS)).max() < 1e-5
    assert np.abs(loss.call(SHARES, LOGITS) - reference(loss, SHARES, LOGITS)).max() < 1e-5
    of_labels = float(loss(LABELS, LOGITS))
    assert of_labels == pytest.approx(reference(loss, ONE_HOT, LOGITS).mean(), abs=1e-5)
    assert float(loss(LABELS[:, None], LOGITS)) == pytest.approx(of_labels, abs=1e-6)
    assert float(loss(ONE_HOT, LOGITS)) == pytest.approx(of_labels, abs=1e-5)


def test_the_distance_is_within_1e_5_of_scikit_learns():
    places = np.degrees(np.stack([RANDOM.uniform(-1.5, 1.5, 60), RANDOM.uniform(-3.1, 3.1, 60)], axis=-1))
    true, guessed = np.divmod(np.arange(3600), 60)
    # Near enough to certainty; the cross entropy is taken off in float64.
    logits = 20 * np.eye(60, dtype="float32")[guessed]
    plain = -log_softmax(logits.astype(float), axis=1)[np.arange(3600), true]
    distance = CrossEntropyHaversine(places, 1.0).call(true, logits) - plain
    assert np.abs(distance - haversine_distances(np.radians(places))[true, guessed]).max() < 1e-5


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("targets", [LABELS, SHARES])
def test_the_gradient_equals_finite_differences(loss, targets):
    shares, step = (ONE_HOT if targets is LABELS else SHARES), 1e-5
    steps = step * np.eye(LOGITS.size).reshape(-1, *LOGITS.shape)
    expected = [
        (reference(loss, shares, LOGITS + each).mean() - reference(loss, shares, LOGITS - each).mean()) / (2 * step)
        for each in steps
    ]
    _, found = gradient(loss, targets, LOGITS)
    assert np.abs(np.ravel(found) - expected).max() < 1e-6


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("targets", [LABELS, SHARES])
def test_alpha_0_is_cross_entropy(targets, smoothing):
    plain, plain_gradient = gradient(CrossEntropy(smoothing), targets, LOGITS)
    value, found = gradient(CrossEntropyHaversine(CENTROIDS, 0.0, label_smoothing=smoothing), targets, LOGITS)
    assert float(value) == float(plain)
    assert np.abs(found - plain_gradient).max() < 1e-7


@pytest.mark.parametrize("tau", [1e-3, 250.0, 1e9])
def test_targets_sum_to_1_and_are_the_best_prediction(tau):
    loss = HaversineSmoothing(CENTROIDS, tau)
    # Equal logits make the loss log K whatever the targets, if they sum to 1.
    assert np.allclose(loss.call(LABELS, 0 * LOGITS), np.log(6), atol=1e-6)
    falling = np.exp(-RADIANS * 6371.0088 / tau)
    best = np.log(falling / falling.sum(axis=1, keepdims=True) + 1e-30).astype("float32")
    assert np.abs(gradient(loss, np.arange(6), best)[1]).max() < 1e-6


def test_a_tiny_tau_leaves_the_true_class_alone():
    apart = CENTROIDS[[0, 1, 2, 4, 5]]
    logits, labels = LOGITS[:, :5], LABELS % 5
    assert np.allclose(HaversineSmoothing(apart, 1e-3).call(labels, logits), CrossEntropy().call(labels, logits))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("size", [0.0, 1.0, 6e4])
def test_half_precision_is_finite_on_the_spot_and_at_the_antipode(loss, size):
    # Sure of each class in turn, for each true one.
    logits = (size * np.tile(2 * np.eye(6) - 1, (6, 1))).astype("float16")
    value, found = gradient(loss, np.repeat(np.arange(6), 6), logits)
    assert np.isfinite(float(value))
    assert found.dtype == "float16"
    assert np.isfinite(found).all()


def test_the_farther_of_two_wrong_guesses_costs_more():
    sure = 9 * np.eye(6, dtype="float32")
    for loss in LOSSES[0], LOSSES[3]:
        near, far = loss.call(np.array([5, 5]), sure[[0, 2]])
        assert RADIANS[5, 0] < RADIANS[5, 2]
        assert near < far


@pytest.mark.parametrize("alpha", [-1e-9, float("nan"), float("inf"), "2", None])
def test_a_bad_alpha_is_refused(alpha):
    with pytest.raises(InvalidArgumentError, match="`alpha` must be a number of at least 0"):
        CrossEntropyHaversine(CENTROIDS, alpha)


@pytest.mark.parametrize("tau", [0, -250, float("nan"), float("inf"), "250", None])
def test_a_bad_tau_is_refused(tau):
    with pytest.raises(InvalidArgumentError, match="`tau` must be a positive number of km"):
        HaversineSmoothing(CENTROIDS, tau)


@pytest.mark.parametrize("loss_class", [CrossEntropyHaversine, HaversineSmoothing])
@pytest.mark.parametrize("centroids", [np.zeros((4, 3)), [[0, 0], [91, 0]], [[np.nan, 0]]])
def test_bad_centroids_are_refused(loss_class, centroids):
    with pytest.raises(InvalidArgumentError, match="centroids"):
        loss_class(centroids)


@pytest.mark.parametrize("loss_class", [CrossEntropyHaversine, HaversineSmoothing])
def test_needs_a_place_for_each_logit(loss_class):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
    model.compile(loss=loss_class(CENTROIDS), jit_compile=False)
    with pytest.raises(InvalidArgumentError, match="`centroids` must be as many as there are logits, 4. Received: 6"):
        model.fit(np.zeros((2, 3)), np.array([0, 5]), verbose=0)


@pytest.mark.parametrize("loss", LOSSES)
def test_survives_a_saved_model(loss, tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(6)])
    model.compile(optimizer="sgd", loss=loss)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras").loss
    assert type(loaded) is type(loss)
    assert loaded.get_config() == loss.get_config()
    assert float(loaded(LABELS, LOGITS)) == float(loss(LABELS, LOGITS))
