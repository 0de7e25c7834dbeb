"""Looking for a learning rate: one short training in which it rises from far too low to far too high.

After Smith, "Cyclical Learning Rates for Training Neural Networks" (2017), with the numbers of fast.ai's `lr_find`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from keras_sketch.errors import DivergedError, InvalidArgumentError

# fast.ai's: the weight of the past in the smoothed loss, how far that rises before the sweep ends, and what suggestions
# leave out: a share of the steps at the start, and points at the end.
_SMOOTHING, _DIVERGED, _SKIPPED_START, _SKIPPED_END = 0.98, 4, 0.1, 5
# Ours: where the fall begins and ends, as shares of it; the steps of a mean; and by how many standard deviations of a
# batch's loss the mean must fall: where nothing but normal noise changes the loss, 1 of 100 sweeps does by chance.
_BEGUN, _DONE, _WINDOW, _CLEAR = 0.2, 0.9, 5, 2
# The median difference of two normal values, in standard deviations.
_DIFFERENCE = 0.954
_LEAST_STEPS, _LEAST_POINTS = 20, 5


@dataclasses.dataclass(frozen=True)
class LearningRateCurve:
    """What a sweep saw, and what it suggests.

    Attributes:
        rates: Float64 [T], rising: the learning rate of each step.
        losses: Float64 [T], finite: the loss of each step's batch, before the step.
        smoothed: Float64 [T]: their exponentially weighted mean.
        valley: The rate in the middle of the longest fall; None where there is none.
        steepest: The rate at which the smoothed loss falls fastest; None where `valley` is.
        diverged: Whether the sweep ended because the loss rose to four times its least, or was not finite.
        problem: Why nothing is suggested, as a sentence; empty where something is.
    """

    rates: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray
    valley: float | None
    steepest: float | None
    diverged: bool
    problem: str = ""

    @property
    def still_falling(self) -> bool:
        """Whether the smoothed loss is least at the end: higher rates would have been worth a look."""
        return not self.diverged and int(np.argmin(self.smoothed)) == len(self.smoothed) - 1


def find_learning_rate(
    model: keras.Model,
    batches: tf.data.Dataset,
    lowest: float = 1e-7,
    highest: float = 10.0,
    steps: int = 100,
) -> LearningRateCurve:
    """Trains for some steps while the learning rate rises exponentially, then puts everything back.

    The model's own optimizer takes the steps, at rates of the sweep's in place of its own; where it has several rates,
    as multiples of one, they all rise. Afterwards weights, moving statistics, the states of seeds, the optimizer's
    slots, iterations and learning rate, and the metrics are what they were before, to the bit, however the sweep ends.

    Args:
        model: Built and compiled.
        batches: What `model.fit` takes; begun again where there are fewer than `steps`.
        lowest: The first step's rate, above 0.
        highest: The last step's rate.
        steps: How many steps, at least 20. The first tenth and the last five are not looked at for suggestions.

    Raises:
        InvalidArgumentError: The model is not built or not compiled, there is no batch, or a number is out of range.
        DivergedError: The very first loss is not finite.
    """
    if not (model.built and model.compiled and model.optimizer):
        raise InvalidArgumentError("model", "built and compiled, with an optimizer", model.name)
    rates = sweep_rates(lowest, highest, steps)
    with model.distribute_strategy.scope(), _put_back(model), _settable_rate(model.optimizer) as set_rate:
        model.steps_per_execution = 1
        model.make_train_function(force=True)
        with tqdm(total=steps, desc="Learning rate", disable=None, leave=False) as progress:
            sweep = _Sweep(rates, set_rate, progress)
            model.fit(batches.repeat(), steps_per_epoch=steps, callbacks=[sweep], shuffle=False, verbose=0)
    if not sweep.losses:
        if sweep.diverged:
            raise DivergedError(f"The loss of the first batch is not finite, before any step at the rate {lowest:g}.")
        raise InvalidArgumentError("batches", "a dataset with at least one batch", batches)
    taken = rates[: len(sweep.losses)]
    losses, smoothed = np.array(sweep.losses), np.array(sweep.smoothed)
    valley, steepest, problem = suggest(taken, losses, smoothed, math.floor(steps * _SKIPPED_START))
    return LearningRateCurve(taken, losses, smoothed, valley, steepest, sweep.diverged, problem)


def sweep_rates(lowest: float, highest: float, steps: int) -> np.ndarray:
    """Returns the rate of each step, float64 [steps], in equal ratios from the lowest to the highest.

    Raises:
        InvalidArgumentError: A number is out of range.
    """
    if not (math.isfinite(lowest) and lowest > 0):
        raise InvalidArgumentError("lowest", "a positive number", lowest)
    if not (math.isfinite(highest) and highest > lowest):
        raise InvalidArgumentError("highest", f"a number above the lowest rate, {lowest:g}", highest)
    if steps < _LEAST_STEPS:
        raise InvalidArgumentError("steps", f"at least {_LEAST_STEPS}", steps)
    return np.geomspace(lowest, highest, steps)


def suggest(
    rates: np.ndarray, losses: np.ndarray, smoothed: np.ndarray, skipped: int
) -> tuple[float | None, float | None, str]:
    """Suggests learning rates from the curve of a sweep.

    Both are fast.ai's, `valley` and `steep`, looked for where the loss falls: from where the smoothed loss has done a
    fifth of its fall, so that the flat start has no weight, however long it is, to where it rises again after the mean
    of five losses was least. The valley is, of the longest subsequence in which each smoothed loss is less than the one
    before, half as many points before its end as it has. The steepest is the least slope of the smoothed loss over the
    logarithm of the rate, up to where the mean of five losses has done nine tenths of its fall: the smoothed one goes
    on falling beyond.

    Args:
        rates: Float [T], rising.
        losses: Float [T].
        smoothed: Float [T].
        skipped: Points at the start that are left out, at least 1; at the end five are.

    Returns:
        The valley's rate, the steepest one, and an empty text; or None, None, and why.
    """
    kept = slice(skipped, -_SKIPPED_END)
    if len(rates[kept]) < _LEAST_POINTS:
        return None, None, f"The loss diverged after {len(rates)} steps, too few to see it fall. Begin at a lower rate."
    noise = np.median(np.abs(np.diff(losses))) / _DIFFERENCE  # Of one batch's loss.
    means = np.convolve(losses[skipped:], np.full(_WINDOW, 1 / _WINDOW), "valid")
    first, least = losses[:skipped].mean(), means.min()
    rates, smoothed = rates[kept], smoothed[kept]
    lowest = min(int(np.argmin(means)) + _WINDOW // 2, len(rates) - 1)
    rises = np.diff(smoothed[lowest:], append=np.inf) > 0
    end = lowest + int(np.argmax(rises))
    top = smoothed[: end + 1].max()
    if not first - least > _CLEAR * noise:
        problem = (
            f"The loss does not fall clearly: from {first:.4g} to {least:.4g}, while those of single batches differ by "
            f"{noise:.2g}. Sweep other rates, give larger batches, or see whether the network learns at all."
        )
        return None, None, problem
    if not top > smoothed[end]:
        return None, None, "The loss falls in the very last steps alone. Sweep with more steps, or to a higher rate."
    start = int(np.flatnonzero(smoothed[: end + 1] >= top - _BEGUN * (top - smoothed[end]))[-1])
    done = int(np.argmax(means <= least + (1 - _DONE) * (first - least))) + _WINDOW // 2
    slopes = np.gradient(smoothed, np.log(rates))[start : max(done, start) + 1]
    valley, steepest = start + _valley(smoothed[start : end + 1]), start + int(np.argmin(slopes))
    return float(rates[valley]), float(rates[steepest]), ""


def _valley(losses: np.ndarray) -> int:
    """Returns the place of fast.ai's `valley`, which rounds a third and a sixth of the length down, each by itself."""
    lengths = np.ones(len(losses), int)
    for place in range(1, len(losses)):
        higher = losses[:place] > losses[place]
        lengths[place] = 1 + lengths[:place][higher].max(initial=0)
    end = int(np.argmax(lengths))
    length = int(lengths[end])
    return max(0, end - length + length // 3 + length // 6)


class _Sweep(keras.callbacks.Callback):
    """Sets the rate of each step, keeps the losses, and ends the training when they explode."""

    def __init__(self, rates: np.ndarray, set_rate: Callable[[float], None], progress: tqdm):
        super().__init__()
        self.losses: list[float] = []
        self.smoothed: list[float] = []
        self.diverged = False
        self._rates, self._set_rate, self._progress = rates, set_rate, progress
        self._mean = 0.0

    def on_train_batch_begin(self, batch, logs=None):
        self.model.reset_metrics()  # The loss in the logs is a mean since the last reset.
        self._set_rate(self._rates[batch])

    def on_train_batch_end(self, batch, logs=None):
        loss = float(logs["loss"])
        if math.isfinite(loss):
            self._mean = _SMOOTHING * self._mean + (1 - _SMOOTHING) * loss
            self.losses.append(loss)
            self.smoothed.append(self._mean / (1 - _SMOOTHING ** len(self.losses)))
            self._progress.update()
            self._progress.set_postfix(rate=f"{self._rates[batch]:.1e}", loss=f"{self.smoothed[-1]:.4g}")
        self.diverged = not math.isfinite(loss) or self.smoothed[-1] > _DIVERGED * min(self.smoothed)
        self.model.stop_training = self.diverged


@contextlib.contextmanager
def _put_back(model: keras.Model) -> Iterator[None]:
    """Builds the optimizer, and at the end of the block gives all variables the values that they had at its start."""
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    attributes = ("steps_per_execution", "train_function", "stop_training", "history")
    kept = {name: getattr(model, name) for name in attributes if hasattr(model, name)}
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    values = [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]
    try:
        yield
    finally:
        model.reset_metrics()  # Those that were not there yet.
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        for name in attributes:
            if name in kept:
                setattr(model, name, kept[name])
            elif hasattr(model, name):
                delattr(model, name)


@contextlib.contextmanager
def _settable_rate(optimizer: keras.optimizers.Optimizer) -> Iterator[Callable[[float], None]]:
    """Gives a function that sets the optimizer's rate, also where that is a schedule, which Keras does not let set.

    A rate that is a variable is left as it was set last.
    """
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # Mixed precision wraps it to scale the loss.
    own = optimizer._learning_rate  # What `learning_rate` gives of a schedule is its value.
    if isinstance(own, keras.Variable):
        yield own.assign
        return
    rate = keras.Variable(0.0, trainable=False, name="sweep_rate")
    optimizer.learning_rate = _Held(rate)
    try:
        yield rate.assign
    finally:
        optimizer.learning_rate = own


class _Held(keras.optimizers.schedules.LearningRateSchedule):
    """The value of a variable, whatever the step."""

    def __init__(self, rate: keras.Variable):
        super().__init__()
        self._rate = rate

    def __call__(self, step):
        return self._rate.value

    def get_config(self):
        raise NotImplementedError("It stands in an optimizer only while a sweep runs.")
