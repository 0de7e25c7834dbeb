import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit, softmax

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.metrics import GlobalAveragePrecision, global_average_precision

RANDOM = np.random.default_rng(0)
COUNT, CLASSES = 3000, 7
LABELS = RANDOM.integers(-1, CLASSES, COUNT)
SCORES = RANDOM.normal(size=(COUNT, CLASSES)).astype("float32")
SCORES[np.arange(COUNT), np.maximum(LABELS, 0)] += 1.5
EXPECTED = global_average_precision(LABELS, SCORES.argmax(axis=1), SCORES.max(axis=1))


def network(*metrics, **compiled):
    """A network that gives what it gets, with a loss that lets -1 pass."""
    model = keras.Sequential([keras.Input((CLASSES,)), keras.layers.Identity()])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
    model.compile("sgd", loss, metrics=list(metrics), **{"jit_compile": False, **compiled})
    return model


@pytest.mark.parametrize("batch", [1, 7, 1000, COUNT])
@pytest.mark.parametrize("capacity", [COUNT, 2**20])
def test_equals_the_function_whatever_the_batches(batch, capacity):
    metric, count = GlobalAveragePrecision(capacity), min(COUNT, 100 * batch)
    assert float(metric.result()) == 0
    for start in range(0, count, batch):
        metric.update_state(LABELS[start : start + batch], SCORES[start : start + batch])
    shown = SCORES[:count]
    expected = global_average_precision(LABELS[:count], shown.argmax(axis=1), shown.max(axis=1))
    assert float(metric.result()) == pytest.approx(expected, abs=1e-6)
    metric.reset_state()
    metric.update_state(LABELS[:, None], SCORES)
    assert float(metric.result()) == pytest.approx(EXPECTED, abs=1e-6)


@pytest.mark.parametrize(
    ("how", "batch"), [({}, 64), ({}, COUNT), ({"jit_compile": True}, 1000), ({"run_eagerly": True}, 500)]
)
def test_equals_the_function_in_evaluate(how, batch):
    found = network(GlobalAveragePrecision(5000), **how).evaluate(
        SCORES, LABELS, batch_size=batch, verbose=0, return_dict=True
    )
    assert found["gap"] == pytest.approx(EXPECTED, abs=1e-6)


def test_each_epoch_of_fit_starts_anew():
    model = network(GlobalAveragePrecision(2 * COUNT, name="ranked"))
    history = model.fit(SCORES, LABELS, validation_data=(SCORES[:99], LABELS[:99]), epochs=2, verbose=0).history
    assert history["ranked"] == pytest.approx([EXPECTED] * 2, abs=1e-6)
    part = global_average_precision(LABELS[:99], SCORES[:99].argmax(axis=1), SCORES[:99].max(axis=1))
    assert history["val_ranked"] == pytest.approx([part] * 2, abs=1e-6)


def test_equal_scores_keep_the_order_in_which_they_came():
    labels, rounded = LABELS[:500], np.floor(SCORES[:500])
    expected = global_average_precision(labels, rounded.argmax(axis=1), rounded.max(axis=1))
    turned = global_average_precision(labels[::-1], rounded[::-1].argmax(axis=1), rounded[::-1].max(axis=1))
    assert expected != pytest.approx(turned, abs=1e-4)
    metric = GlobalAveragePrecision(1000)
    for start in range(0, 500, 33):
        metric.update_state(labels[start : start + 33], rounded[start : start + 33])
    assert float(metric.result()) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("activation", "function"), [("softmax", softmax), ("sigmoid", expit)])
def test_an_activation_makes_the_scores(activation, function):
    scores = function(SCORES.astype(float), **({"axis": -1} if activation == "softmax" else {})).max(axis=1)
    expected = global_average_precision(LABELS, SCORES.argmax(axis=1), scores)
    metric = GlobalAveragePrecision(COUNT, activation)
    metric.update_state(LABELS, SCORES)
    assert float(metric.result()) == pytest.approx(expected, abs=1e-6)
    # A sigmoid does not change the order; a softmax does.
    assert (expected == pytest.approx(EXPECTED, abs=1e-9)) == (activation == "sigmoid")


def test_without_landmarks_it_is_0():
    metric = GlobalAveragePrecision(COUNT)
    metric.update_state(np.full(COUNT, -1), SCORES)
    assert float(metric.result()) == 0


def test_a_score_without_end_ranks_last_and_one_that_is_no_number_shows():
    metric = GlobalAveragePrecision(10)
    metric.update_state([0, 1], np.array([[-np.inf], [3.0]]))
    assert float(metric.result()) == pytest.approx(1 / 4)
    metric.update_state([0], [[np.nan]])
    assert np.isnan(float(metric.result()))


def test_a_mixed_picture_has_the_landmark_with_the_largest_share():
    shares = RANDOM.dirichlet(np.ones(CLASSES), COUNT).astype("float32")
    metric = GlobalAveragePrecision(COUNT)
    metric.update_state(shares, SCORES)
    expected = global_average_precision(shares.argmax(axis=1), SCORES.argmax(axis=1), SCORES.max(axis=1))
    assert float(metric.result()) == pytest.approx(expected, abs=1e-6)


def test_more_examples_than_there_is_room_for_are_no_result():
    metric = GlobalAveragePrecision(100)
    metric.update_state(LABELS[:100], SCORES[:100])
    with pytest.raises(InvalidArgumentError, match="`capacity` must be at least the number of examples, 101"):
        metric.update_state(LABELS[:1], SCORES[:1])
    with pytest.raises(tf.errors.InvalidArgumentError, match="room for 500 examples"):
        network(GlobalAveragePrecision(500)).evaluate(SCORES, LABELS, batch_size=64, verbose=0)
    compiled = network(GlobalAveragePrecision(500), jit_compile=True)
    assert np.isnan(compiled.evaluate(SCORES, LABELS, batch_size=64, verbose=0, return_dict=True)["gap"])


def test_weights_are_refused():
    with pytest.raises(InvalidArgumentError, match="GAP has no weights"):
        GlobalAveragePrecision(10).update_state([0], [[1.0]], sample_weight=[1.0])


@pytest.mark.parametrize("capacity", [0, -1, 1.5, True, 2**24 + 1, None])
def test_a_capacity_that_is_none_is_refused(capacity):
    with pytest.raises(InvalidArgumentError, match="`capacity` must be a positive number"):
        GlobalAveragePrecision(capacity)


def test_an_unknown_activation_is_refused():
    with pytest.raises(InvalidArgumentError, match="softmax, sigmoid or None"):
        GlobalAveragePrecision(10, "relu")


def test_survives_a_saved_model(tmp_path):
    network(GlobalAveragePrecision(4000, "sigmoid", name="g")).save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    loaded.evaluate(SCORES, LABELS, verbose=0)
    (metric,) = [each for each in loaded._compile_metrics.metrics if each.name == "g"]
    assert metric.get_config() == {"capacity": 4000, "activation": "sigmoid", "name": "g", "dtype": "float32"}


# One strategy a process: with several in one, TensorFlow aborts.
TWO_REPLICAS = """
import keras, numpy as np, tensorflow as tf
from keras_sketch.errors import InvalidArgumentError
from keras_sketch.metrics import GlobalAveragePrecision, global_average_precision
from keras_sketch.training.distribution import make_strategy
strategy = make_strategy(2)
random = np.random.default_rng(0)
labels = random.integers(-1, 5, 1003)
scores = random.normal(size=(1003, 5)).astype("float32")
scores[np.arange(1003), np.maximum(labels, 0)] += 1.5
expected = global_average_precision(labels, scores.argmax(1), scores.max(1))
outside = GlobalAveragePrecision(1003)
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
with strategy.scope():
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(5, use_bias=False, kernel_initializer="identity")])
    inside = GlobalAveragePrecision(700)
    model.compile(keras.optimizers.SGD(0.0), loss, metrics=[inside], jit_compile=False)
    for batch in (16, 50, 500):
        found = model.evaluate(scores, labels, batch_size=batch, verbose=0, return_dict=True)
        assert abs(found["gap"] - expected) < 1e-6, (batch, found, expected)
    seen = keras.ops.convert_to_numpy(inside.seen)
    assert seen.sum() == 1003 and (seen > 400).all(), seen
    fitted = model.fit(scores, labels, batch_size=34, shuffle=False, verbose=0).history["gap"][0]
    assert abs(fitted - expected) < 1e-6, fitted
    inside.reset_state()
    inside.update_state(labels[:500], scores[:500])
    part = global_average_precision(labels[:500], scores[:500].argmax(1), scores[:500].max(1))
    assert abs(float(inside.result()) - part) < 1e-6
    try:
        strategy.run(lambda: outside.update_state(labels[:4], scores[:4]))
    except InvalidArgumentError as error:
        assert "made for 1 and used with 2" in str(error)
        print("DONE")
"""


@pytest.mark.slow
def test_two_replicas_give_what_one_gives():
    done = subprocess.run([sys.executable, "-c", TWO_REPLICAS], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "DONE" in done.stdout
