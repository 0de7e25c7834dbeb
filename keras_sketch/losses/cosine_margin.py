"""Softmax cross entropy of cosines from which the true class's has a margin taken."""

from __future__ import annotations

import math
from numbers import Real

import keras
from keras import ops

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.losses.cross_entropy import CrossEntropy
from keras_sketch.losses.targets import as_shares, precise

# The sine of an angle has no finite slope over its cosine at 0 and pi: there the cosine is held this far from 1.
_LEAST = 1e-6


@keras.saving.register_keras_serializable(package="keras_sketch")
class CosFace(CrossEntropy):
    """Softmax cross entropy of scale * cosine, with `margin` taken from the cosine of the true class.

    Wang et al. 2018, "CosFace: Large Margin Cosine Loss for Deep Face Recognition", equation 4. The logits are `scale`
    times the cosine between the features and each class's vector, as a head with `cosine_scale` gives them. Of a mixed
    picture each class has its share of the margin. Margin 0 is plain cross entropy.

    Args:
        scale: What the cosines were multiplied by, above 0.
        margin: At least 0.
        label_smoothing: 0 to 1.

    Raises:
        InvalidArgumentError: The scale or the margin is out of range.
    """

    def __init__(
        self,
        scale: float = 30.0,
        margin: float = 0.35,
        label_smoothing: float = 0.0,
        name: str = "cosface",
        **kwargs,
    ):
        super().__init__(label_smoothing, name=name, **kwargs)
        if not (isinstance(scale, Real) and math.isfinite(scale) and scale > 0):
            raise InvalidArgumentError("scale", "a positive number", scale)
        self.scale, self.margin = float(scale), _checked_margin(margin, math.inf, "a number of at least 0")

    def call(self, y_true, y_pred):
        """Returns floats `[N]` for logits `[N, K]` and integers `[N]` or `[N, 1]`, or shares `[N, K]`."""
        logits = precise(y_pred)
        margins = self.margin * as_shares(y_true, logits.shape[-1], logits.dtype)
        return super().call(y_true, logits - self.scale * self._taken(logits / self.scale, margins))

    def get_config(self):
        """Returns the arguments."""
        return {**super().get_config(), "scale": self.scale, "margin": self.margin}

    def _taken(self, cosines, margins):
        """Returns what the margins take from the cosines, both `[N, K]`."""
        return margins


@keras.saving.register_keras_serializable(package="keras_sketch")
class ArcFace(CosFace):
    """Softmax cross entropy of scale * cosine, with `margin` added to the angle of the true class.

    Deng et al. 2019, "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", equation 3: the cosine of the
    angle t becomes cos(t + margin). Where t + margin is above pi, the cosine would rise again; there it is
    cos t - margin sin(margin), as in the authors' code, which keeps falling with t. At cosines of 1 and -1 the slope
    would be infinite: it is taken a millionth away. Logits, shares and margin 0 are as in CosFace.

    Args:
        scale: What the cosines were multiplied by, above 0.
        margin: Radians, at least 0 and below pi / 2.
        label_smoothing: 0 to 1.

    Raises:
        InvalidArgumentError: The scale or the margin is out of range.
    """

    def __init__(
        self,
        scale: float = 30.0,
        margin: float = 0.3,
        label_smoothing: float = 0.0,
        name: str = "arcface",
        **kwargs,
    ):
        super().__init__(scale, margin, label_smoothing, name=name, **kwargs)
        _checked_margin(margin, math.pi / 2, "an angle of at least 0 and below pi / 2")

    def _taken(self, cosines, margins):
        inside = ops.clip(cosines, -1 + _LEAST, 1 - _LEAST)
        # cos t - cos(t + m), by the sum formula; the sine of an angle in 0..pi is not negative.
        turned = inside * (1 - ops.cos(margins)) + ops.sqrt(1 - ops.square(inside)) * ops.sin(margins)
        return ops.where(cosines >= -ops.cos(margins), turned, margins * ops.sin(margins))


def _checked_margin(margin: float, limit: float, allowed: str) -> float:
    if not (isinstance(margin, Real) and 0 <= margin < limit):
        raise InvalidArgumentError("margin", allowed, margin)
    return float(margin)
