"""fast.ai's fine-tuning as stages."""

from __future__ import annotations

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.recipes.recipe import Stage


def fine_tune(
    epochs: int, learning_rate: float = 2e-3, frozen_epochs: int = 1, groups: int = 3, span: float = 100.0
) -> tuple[Stage, Stage]:
    """Returns the two stages of fast.ai's `fine_tune`, with its defaults.

    First the head alone, but for the BatchNormalization of the frozen layers, in one cycle that rises almost to the
    end; then everything, in a cycle whose highest rate is half as high for the head and falls geometrically to a
    `span`-th of that for the first layers. Both with its Adam, its weight decay of 0.01, and statistics that move as
    PyTorch's do.

    Args:
        epochs: Of the second stage.
        learning_rate: Highest rate of the first stage (`base_lr`).
        frozen_epochs: Of the first stage (`freeze_epochs`).
        groups: How many layer groups have a rate of their own, at least 2, the head being one.
        span: How many times the head's rate is that of the first group in the second stage (`lr_mult`).

    Raises:
        InvalidArgumentError: Fewer than two groups.
    """
    if groups < 2:
        raise InvalidArgumentError("groups", "at least 2, the head being one", groups)
    # What PyTorch calls a momentum of 0.1. With the 0.99 of most networks in Keras the statistics of a short run are
    # still those of the photos when the epoch is validated.
    both = {"optimizer": "fastai_adam", "schedule": "one_cycle", "weight_decay": 0.01, "norm_momentum": 0.9}
    frozen = Stage(
        epochs=frozen_epochs,
        learning_rate=learning_rate,
        warmup=0.99,
        train_from="head",
        train_norm=True,
        # What `slice(rate)` means there: a tenth for every group but the last.
        group_rates=(0.1,) * (groups - 1) + (1.0,),
        name="head",
        **both,
    )
    unfrozen = Stage(
        epochs=epochs,
        learning_rate=learning_rate / 2,
        warmup=0.3,
        start_divisor=5.0,
        group_rates=tuple(span ** (place / (groups - 1) - 1) for place in range(groups)),
        name="fine-tune",
        **both,
    )
    return frozen, unfrozen
