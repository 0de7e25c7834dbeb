"""Optimizers in which each variable has a rate and a weight decay of its own, and fast.ai's Adam."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops

_registered = keras.saving.register_keras_serializable(package="keras_sketch")


class GroupRates:
    """What stands before one of Keras' optimizers to give each variable a rate of its own.

    Args:
        rates: Multiples of the optimizer's rate, in the order in which the variables are given to `build`.
        decays: Decoupled weight decays in the same order, each times its variable's rate.
        **settings: The optimizer's; no `weight_decay`, which knows one rate only.
    """

    def __init__(self, rates: Sequence[float], decays: Sequence[float], **settings):
        super().__init__(**settings)
        self.rates, self.decays = tuple(rates), tuple(decays)

    def update_step(self, gradient, variable, learning_rate):
        """Shrinks the variable by its decay, then takes the optimizer's step, both at the variable's own rate."""
        place = self._get_variable_index(variable)
        rate = learning_rate * self.rates[place]
        if self.decays[place]:
            self.assign_sub(variable, variable * ops.cast(rate * self.decays[place], variable.dtype))
        super().update_step(gradient, variable, rate)

    def get_config(self):
        """Returns the arguments."""
        return {**super().get_config(), "rates": self.rates, "decays": self.decays}


@_registered
class FastaiAdam(keras.optimizers.Optimizer):
    """Adam as fast.ai has it: 0.99, 1e-5, and a momentum that may change from step to step.

    From Keras' it differs in the place of epsilon too, which is added to the corrected root of the squares' average,
    as in the paper (Kingma and Ba 2015, algorithm 1).

    Args:
        learning_rate: The rate, or its schedule.
        momentum: Decay of the gradients' average, 0 to 1, or a schedule of it.
        square_momentum: Decay of the squares' average, 0 to 1.
        epsilon: Keeps the step finite where gradients vanish.
        **settings: Of every optimizer of Keras.
    """

    def __init__(
        self,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule = 1e-3,
        momentum: float | keras.optimizers.schedules.LearningRateSchedule = 0.9,
        square_momentum: float = 0.99,
        epsilon: float = 1e-5,
        **settings,
    ):
        super().__init__(learning_rate=learning_rate, **settings)
        self.momentum = keras.saving.deserialize_keras_object(momentum) if isinstance(momentum, dict) else momentum
        self.square_momentum, self.epsilon = square_momentum, epsilon

    def build(self, variables):
        """Makes the two averages of each variable."""
        if self.built:
            return
        super().build(variables)
        self.averages, self.squares = self.add_optimizer_variables(variables, ["average", "square"])

    def update_step(self, gradient, variable, learning_rate):
        """Takes one step."""
        gradient, rate = ops.cast(gradient, variable.dtype), ops.cast(learning_rate, variable.dtype)
        step = ops.cast(self.iterations + 1, variable.dtype)
        momentum = self.momentum(self.iterations) if callable(self.momentum) else self.momentum
        momentum = ops.cast(momentum, variable.dtype)
        place = self._get_variable_index(variable)
        average, square = self.averages[place], self.squares[place]
        self.assign_add(average, (gradient - average) * (1 - momentum))
        self.assign_add(square, (ops.square(gradient) - square) * (1 - self.square_momentum))
        corrected = average / (1 - ops.power(momentum, step))
        root = ops.sqrt(square / (1 - ops.power(ops.cast(self.square_momentum, variable.dtype), step)))
        self.assign_sub(variable, rate * corrected / (root + self.epsilon))

    def get_config(self):
        """Returns the arguments."""
        momentum = keras.saving.serialize_keras_object(self.momentum) if callable(self.momentum) else self.momentum
        own = {"momentum": momentum, "square_momentum": self.square_momentum, "epsilon": self.epsilon}
        return {**super().get_config(), **own}


@_registered
class GroupAdam(GroupRates, keras.optimizers.Adam):
    """Adam with a rate a variable."""


@_registered
class GroupFastaiAdam(GroupRates, FastaiAdam):
    """fast.ai's Adam with a rate a variable."""


@_registered
class GroupRMSprop(GroupRates, keras.optimizers.RMSprop):
    """RMSprop with a rate a variable."""


@_registered
class GroupSGD(GroupRates, keras.optimizers.SGD):
    """SGD with a rate a variable."""
