import itertools
import re
import signal

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_sketch.errors import DivergedError, InvalidArgumentError
from keras_sketch.training import learning_rate_finder as finder
from keras_sketch.training.learning_rate_finder import find_learning_rate, suggest, sweep_rates


def quadratic(largest, noise=0.1, spread=10.0):
    """A linear model and batches whose mean squared error has this largest eigenvalue of the second derivative."""
    random = np.random.default_rng(1)
    basis, _ = np.linalg.qr(random.normal(size=(64, 8)))
    inputs = basis * np.sqrt(largest * np.geomspace(1, 1 / spread, 8) * 64 / 2)
    targets = inputs @ random.normal(size=(8, 1))
    noisy = targets + noise * targets.std() * random.normal(size=(30, 64, 1))
    batches = tf.data.Dataset.from_tensor_slices((np.stack([inputs] * 30).astype("float32"), noisy.astype("float32")))
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(keras.optimizers.SGD(0.5), "mse")
    second_derivative = 2 / 64 * inputs.T @ inputs
    assert np.linalg.eigvalsh(second_derivative).max() == pytest.approx(largest)
    return model, batches


@pytest.mark.parametrize(("largest", "noise"), [(0.1, 0.1), (1.0, 0.1), (100.0, 0.1), (1.0, 0.3)])
def test_of_a_quadratic_it_suggests_the_decade_below_the_largest_stable_rate(largest, noise):
    model, batches = quadratic(largest, noise)
    curve = find_learning_rate(model, batches, lowest=1e-6, highest=1e3)
    stable = 2 / largest
    assert stable / 10 < curve.valley < stable
    assert stable / 10 < curve.steepest < stable
    assert curve.diverged and stable < curve.rates[-1] < 6 * stable
    assert not curve.problem
    np.testing.assert_allclose(curve.rates, np.geomspace(1e-6, 1e3, 100)[: len(curve.rates)])


def test_the_losses_are_those_of_each_batch_before_its_step_and_smoothed_without_bias():
    model, batches = quadratic(1.0)
    curve = find_learning_rate(model, batches, 1e-3, 1.0, steps=40)
    weights, mean = np.zeros((8, 1)), 0.0
    for step, (inputs, targets) in enumerate(itertools.islice(itertools.cycle(batches.as_numpy_iterator()), 40)):
        errors = inputs @ weights - targets
        assert curve.losses[step] == pytest.approx((errors**2).mean(), rel=1e-4)
        mean = 0.98 * mean + 0.02 * (errors**2).mean()
        assert curve.smoothed[step] == pytest.approx(mean / (1 - 0.98 ** (step + 1)), rel=1e-4)
        weights -= curve.rates[step] * 2 / len(errors) * inputs.T @ errors
    assert len(curve.rates) == 40 and not curve.diverged


def classifier(optimizer):
    keras.utils.set_random_seed(0)
    layers = [keras.Input((4,)), keras.layers.Dense(8), keras.layers.BatchNormalization(), keras.layers.ReLU()]
    model = keras.Sequential([*layers, keras.layers.Dropout(0.5), keras.layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=["accuracy"], steps_per_execution=2)
    return model


def blobs():
    labels = np.arange(120) % 3
    inputs = np.random.default_rng(0).normal(size=(120, 4)) + 2 * np.eye(3, 4)[labels]
    return tf.data.Dataset.from_tensor_slices((inputs.astype("float32"), labels)).batch(20)


def state(model):
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    return [(variable.path, np.array(variable)) for variable in variables]


OPTIMIZERS = {
    "adam": lambda: keras.optimizers.Adam(0.01, weight_decay=0.1),
    "a schedule": lambda: keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.01, 5, 0.5)),
    "a function": lambda: keras.optimizers.SGD(lambda: 0.01, momentum=0.9),
    "a loss scale": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.RMSprop(0.01)),
}


def happening(monkeypatch, step, act):
    """Lets something happen in a step of the sweep."""
    original = finder._Sweep.on_train_batch_end

    def on_train_batch_end(self, batch, logs=None):
        return original(self, batch, logs) if batch != step else act()

    monkeypatch.setattr(finder._Sweep, "on_train_batch_end", on_train_batch_end)


def fail():
    raise OSError("the disk is gone")


def sweeps_and_leaves_everything(model, error=None, **limits):
    before, attributes = state(model), (model.train_function, model.steps_per_execution, model.history)
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    rate = optimizer._learning_rate
    assert len(before) >= 20 and int(model.optimizer.iterations) == 6
    if error:
        with pytest.raises(error):
            find_learning_rate(model, blobs(), **limits)
    else:
        assert find_learning_rate(model, blobs(), **limits).diverged == (limits["highest"] > 1)
    for (path, value), (path_after, after) in zip(before, state(model), strict=True):
        assert path == path_after
        np.testing.assert_array_equal(value, after, err_msg=path)
    return optimizer._learning_rate is rate and attributes == (
        model.train_function, model.steps_per_execution, model.history,
    )  # fmt: skip


def test_however_a_sweep_ends_everything_is_as_before(monkeypatch):
    model = classifier(OPTIMIZERS["adam"]())
    model.fit(blobs(), epochs=1, verbose=0, shuffle=False)
    assert sweeps_and_leaves_everything(model, highest=0.1)
    assert sweeps_and_leaves_everything(model, highest=1e30)
    for error, act in {OSError: fail, KeyboardInterrupt: lambda: signal.raise_signal(signal.SIGINT)}.items():
        with monkeypatch.context() as patch:
            happening(patch, 25, act)
            assert sweeps_and_leaves_everything(model, error)


@pytest.mark.parametrize("optimizer", list(OPTIMIZERS)[1:])
def test_whatever_the_optimizer_s_rate_is_everything_is_as_before(optimizer):
    model = classifier(OPTIMIZERS[optimizer]())
    model.fit(blobs(), epochs=1, verbose=0, shuffle=False)
    assert sweeps_and_leaves_everything(model, highest=1e30)


def test_training_goes_on_as_if_no_sweep_had_been():
    swept, plain = (classifier(OPTIMIZERS["a schedule"]()) for _ in range(2))
    find_learning_rate(swept, blobs())
    assert not hasattr(swept, "history")
    for model in (swept, plain):
        model.fit(blobs(), epochs=2, verbose=0, shuffle=False)
    assert swept.history.history == plain.history.history
    for a, b in zip(swept.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", ["a rate", "a schedule"])
def test_the_steps_are_taken_at_the_sweep_s_rates(kind):
    rates = []

    class Seen(keras.optimizers.SGD):
        def update_step(self, gradient, variable, learning_rate):
            tf.numpy_function(lambda rate: rates.append(float(rate)), [learning_rate], [])
            super().update_step(gradient, variable, learning_rate)

    rate = 0.5 if kind == "a rate" else keras.optimizers.schedules.ExponentialDecay(0.5, 1, 0.5)
    model, batches = quadratic(1.0)
    model.compile(Seen(rate), "mse")
    find_learning_rate(model, batches, 1e-4, 1e-1, steps=20)
    np.testing.assert_allclose(rates, np.geomspace(1e-4, 1e-1, 20), rtol=1e-5)


def subsequence_s_end_and_length(losses):
    """The longest falling subsequence and its first end, by trying all."""
    for length in range(len(losses), 0, -1):
        found = [p for p in itertools.combinations(range(len(losses)), length) if (np.diff(losses[list(p)]) < 0).all()]
        if found:
            return min(places[-1] for places in found), length
    raise ValueError("no losses")


def test_the_valley_is_half_its_length_before_its_end():
    for seed in range(20):
        losses = np.random.default_rng(seed).permutation(9) - np.linspace(0, 6, 9)
        end, length = subsequence_s_end_and_length(losses)
        assert finder._valley(losses) == max(0, end - length + int(length / 3) + int(length / 3 / 2))


def test_the_flat_start_does_not_matter():
    losses = np.concatenate([np.full(60, 2.0), np.linspace(2, 1, 21), np.linspace(1.2, 6, 10)])
    rates = np.geomspace(1e-7, 1, len(losses))
    found = suggest(rates, losses, losses, 10)
    assert found == suggest(rates[30:], losses[30:], losses[30:], 10)
    assert rates[62] < min(found[:2]) <= max(found[:2]) < rates[80]


def test_what_comes_after_the_loss_has_risen_does_not_matter():
    """An optimizer that scales its steps may leave a network that still learns a little, at any rate."""
    losses = np.concatenate([np.full(30, 4.0), np.linspace(4, 1, 25), np.linspace(1, 6, 15), np.linspace(3, 2.9, 30)])
    smoothed = np.concatenate([np.full(40, 4.0), np.linspace(4, 3, 20), np.linspace(3.1, 3.6, 10), np.full(5, 3.7),
                               np.linspace(3.6, 2, 25)])  # fmt: skip
    rates = np.geomspace(1e-7, 10, 100)
    valley, steepest, _ = suggest(rates, losses, smoothed, 10)
    assert rates[41] < valley < rates[60] and rates[41] < steepest < rates[60]


@pytest.mark.parametrize(
    ("losses", "problem"),
    [
        (np.linspace(1, 3, 12), "diverged after 12 steps, too few"),
        (np.linspace(1, 3, 100), "does not fall clearly: from 1\.091 to 1\.242"),
        (np.concatenate([np.full(95, 2.0), np.linspace(2, 1, 5)]), "very last steps"),
        (np.full(100, 2.5), "does not fall clearly: from 2.5 to 2.5"),
        (2 + 0.1 * np.random.default_rng(0).normal(size=100), "does not fall clearly: .* differ by 0.07"),
    ],
    ids=["at once", "rising", "at the end", "constant", "noise"],
)
def test_a_curve_that_says_nothing_suggests_nothing(losses, problem):
    smoothed = np.cumsum(losses) / np.arange(1, len(losses) + 1)
    valley, steepest, text = suggest(np.geomspace(1e-7, 1, len(losses)), losses, smoothed, 10)
    assert valley is None and steepest is None
    assert re.search(problem, text)


def test_a_step_whose_loss_is_not_finite_is_not_counted():
    model, batches = quadratic(1.0)
    broken = batches.take(25).concatenate(batches.take(1).map(lambda x, y: (x, y * np.nan)))
    curve = find_learning_rate(model, broken, 1e-4, 1e-2)
    assert curve.diverged and len(curve.rates) == len(curve.losses) == len(curve.smoothed) == 25
    assert np.isfinite(model.get_weights()[0]).all()
    with pytest.raises(DivergedError, match="first batch is not finite"):
        find_learning_rate(model, broken.skip(25))


def test_a_loss_that_falls_to_the_end_is_said_to():
    model, batches = quadratic(0.1)
    assert find_learning_rate(model, batches, 1e-3, 1.0, 30).still_falling
    assert not find_learning_rate(model, batches, 1e-3, 1e3, 100).still_falling


def test_what_cannot_be_used_is_named():
    model, batches = quadratic(1.0)
    with pytest.warns(UserWarning, match="ran out"), pytest.raises(InvalidArgumentError, match="`batches`"):
        find_learning_rate(model, batches.take(0))
    with pytest.raises(InvalidArgumentError, match="`model`"):
        find_learning_rate(keras.Sequential([keras.layers.Dense(1)]), batches)
    for name, limits in {"lowest": (0.0, 1.0, 100), "highest": (1.0, 1.0, 100), "steps": (1e-3, 1.0, 19)}.items():
        with pytest.raises(InvalidArgumentError, match=f"`{name}`"):
            sweep_rates(*limits)
