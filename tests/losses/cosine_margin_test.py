import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.losses import ArcFace, CosFace, CrossEntropy

RANDOM = np.random.default_rng(0)
LABELS = np.arange(12) % 5
ONE_HOT = np.eye(5)[LABELS]
SHARES = RANDOM.dirichlet(np.ones(5), 12)
COSINES = RANDOM.uniform(-0.99, 0.99, (12, 5))
COSINES[3, LABELS[3]] = -0.97  # beyond pi - 0.5
LOSSES = [
    ArcFace(30.0, 0.5),
    ArcFace(64.0, 0.3, label_smoothing=0.1),
    CosFace(30.0, 0.35),
    CosFace(10.0, 0.2, label_smoothing=0.1),
]


def reference(loss, shares, cosines):
    """The loss of each example, in float64, by the angles."""
    margins, angles = loss.margin * shares, np.arccos(cosines)
    if isinstance(loss, ArcFace):
        turned = np.cos(angles + margins)
        moved = np.where(angles + margins <= np.pi, turned, cosines - margins * np.sin(margins))
    else:
        moved = cosines - margins
    targets = (1 - loss.label_smoothing) * shares + loss.label_smoothing / shares.shape[1]
    return -(targets * log_softmax(loss.scale * moved, axis=1)).sum(axis=1)


def gradient(loss, targets, logits):
    logits = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = loss(targets, logits)
    return value, np.asarray(tape.gradient(value, logits))


def logits_of(loss, cosines=COSINES):
    return (loss.scale * cosines).astype("float32")


@pytest.mark.parametrize("loss", LOSSES)
def test_equals_float64_arithmetic_with_angles(loss):
    for shares, targets in ((ONE_HOT, LABELS), (ONE_HOT, LABELS[:, None]), (SHARES, SHARES.astype("float32"))):
        assert np.allclose(loss.call(targets, logits_of(loss)), reference(loss, shares, COSINES), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("targets", [LABELS, SHARES.astype("float32")])
def test_the_gradient_equals_finite_differences(loss, targets):
    shares, step = (ONE_HOT if targets is LABELS else SHARES), 1e-6
    found = gradient(loss, targets, logits_of(loss))[1]
    for place in np.ndindex(COSINES.shape):
        moved = np.zeros(COSINES.shape)
        moved[place] = step
        there, back = (reference(loss, shares, COSINES + sign * moved).mean() for sign in (1, -1))
        assert found[place] == pytest.approx((there - back) / (2 * step * loss.scale), abs=2e-5)


@pytest.mark.parametrize("margined", [ArcFace, CosFace])
@pytest.mark.parametrize("size", [1.0, 1000.0])
def test_margin_0_is_cross_entropy_and_so_is_its_gradient(margined, size):
    logits = (size * RANDOM.normal(size=(12, 5))).astype("float32")
    for targets in LABELS, SHARES.astype("float32"):
        value, slope = gradient(margined(30.0, 0.0, label_smoothing=0.1), targets, logits)
        plain, plain_slope = gradient(CrossEntropy(0.1), targets, logits)
        assert float(value) == pytest.approx(float(plain))
        assert np.allclose(slope, plain_slope, atol=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_margin_costs_more_and_the_loss_falls_as_the_angle_to_the_true_class_does(loss):
    angles = np.linspace(0, np.pi, 500)
    cosines = np.stack([np.cos(angles), np.full(500, 0.1), np.full(500, -0.2)], axis=1)
    logits, labels = logits_of(loss, cosines), np.zeros(500, int)
    values = np.asarray(loss.call(labels, logits))
    plain = np.asarray(CrossEntropy(loss.label_smoothing).call(labels, logits))
    if not loss.label_smoothing:
        assert (np.diff(values) > -1e-5).all()
    assert (values >= plain - 1e-5).all() or loss.label_smoothing
    assert values[250] > plain[250]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_cosines_of_1_and_beyond_have_finite_gradients(loss, dtype):
    cosines = np.array([[1, -1, 0], [-1, 1, 1], [1.001, 0, -1.001], [-1.001, 1, 0], [0, 0, 0]])
    value, slope = gradient(loss, np.zeros(5, int), (loss.scale * cosines).astype(dtype))
    assert np.isfinite(float(value))
    assert np.isfinite(slope).all()
    assert slope.dtype == dtype
    # A true class at the opposite end is still drawn nearer.
    assert slope[1, 0] < 0 and slope[3, 0] < 0


@pytest.mark.parametrize("margined", [ArcFace, CosFace])
@pytest.mark.parametrize("margin", [-0.1, float("nan"), float("inf"), "0.3", None])
def test_a_bad_margin_is_refused(margined, margin):
    with pytest.raises(InvalidArgumentError, match="`margin` must be "):
        margined(30.0, margin)


def test_an_angle_of_a_right_one_is_refused():
    with pytest.raises(InvalidArgumentError, match="below pi / 2. Received: 1.5707"):
        ArcFace(30.0, np.pi / 2)
    assert CosFace(30.0, np.pi / 2).margin == np.pi / 2


@pytest.mark.parametrize("margined", [ArcFace, CosFace])
@pytest.mark.parametrize("scale", [0, -30, float("inf"), "30"])
def test_a_bad_scale_is_refused(margined, scale):
    with pytest.raises(InvalidArgumentError, match="`scale` must be a positive number"):
        margined(scale)


@pytest.mark.parametrize("loss", LOSSES)
def test_survives_a_saved_model(loss, tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(5)])
    model.compile(optimizer="sgd", loss=loss)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras").loss
    assert type(loaded) is type(loss)
    assert loaded.get_config() == loss.get_config()


@pytest.mark.slow
def test_a_margin_pulls_classes_apart_in_training():
    random = np.random.default_rng(0)
    centres = random.normal(size=(3, 8))
    labels = np.arange(150) % 3
    points = (centres[labels] + 0.5 * random.normal(size=(150, 8))).astype("float32")

    def mean_cosine(loss):
        keras.utils.set_random_seed(0)
        features = keras.layers.UnitNormalization()(keras.layers.Dense(4)(inputs := keras.Input((8,))))
        logits = keras.layers.Dense(3, use_bias=False, kernel_constraint="unit_norm")(features)
        model = keras.Model(inputs, logits * loss.scale)
        model.compile("adam", loss, jit_compile=False)
        model.fit(points, labels, batch_size=50, epochs=60, verbose=0)
        cosines = model.predict(points, verbose=0) / loss.scale
        return cosines[np.arange(150), labels].mean()

    assert mean_cosine(ArcFace(10.0, 0.5)) > mean_cosine(ArcFace(10.0, 0.0)) + 0.02
