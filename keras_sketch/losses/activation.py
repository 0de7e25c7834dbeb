"""What makes probabilities of a run's logits."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from keras_sketch.losses.table import LOSSES, check_loss


def activation_of(recipe: Mapping | None) -> str:
    """Returns what makes probabilities of the logits of a network that was trained by a recipe.

    Args:
        recipe: `Recipe.to_dict()`, as a run's settings and a model's metadata hold it. Empty, None, or one from before
            recipes named a loss: softmax.

    Returns:
        `"softmax"`, or `"sigmoid"` of each class by itself, whose probabilities do not sum to 1.

    Raises:
        UnknownNameError: There is no such loss.
    """
    name = (recipe or {}).get("loss", "cross_entropy")
    check_loss(name)
    return LOSSES[name].activation


def probabilities(logits: npt.ArrayLike, activation: str) -> np.ndarray:
    """Returns float32 `[..., K]` in 0..1 for logits `[..., K]`; the activation is that of `activation_of`."""
    from scipy.special import expit, softmax

    logits = np.asarray(logits, "float32")
    return expit(logits) if activation == "sigmoid" else softmax(logits, axis=-1)
