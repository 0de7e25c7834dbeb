"""Quick, Draw!: the three published rows, and ours."""

from __future__ import annotations

import math

from keras_sketch.recipes.recipe import Augmentation, Published, Recipe, Stage

_NOTEBOOK = "amelie-vogel/image-classification-quickdraw"


def _published(classes: tuple[str, ...], top1: float) -> Recipe:
    return Recipe(
        name=f"quickdraw-{len(classes)}",
        summary=f"The published network on {len(classes)} animals, 10,000 drawings each: {top1:.2%} published.",
        dataset="quickdraw",
        classes=classes,
        per_class=10_000,
        split="published",
        model="quickdraw_cnn",
        batch_size=128,
        stages=(Stage(epochs=15, optimizer="adam", learning_rate=1e-3),),
        published=Published(
            _NOTEBOOK, {"top1": top1}, "Split 67/33 at random, the same 33 % for choosing and for testing."
        ),
    )


OURS = Recipe(
    name="quickdraw",
    summary="Ours: a small residual network, warps that leave every fourth image crisp, 45 epochs.",
    dataset="quickdraw",
    model="doodle_resnet",
    batch_size=128,
    augmentation=Augmentation(
        rotation=12,
        shear=math.degrees(math.atan(0.15)),
        zoom=(0.82, 1.06),
        aspect=0.12,
        shift=2 / 28,
        flip=0.5,
        elastic=0.8 / 28,
        unwarped=0.25,
        thickness=0.25,
    ),
    label_smoothing=0.1,
    stages=(
        Stage(epochs=45, optimizer="adamw", learning_rate=2e-3, schedule="cosine", warmup=3 / 45, weight_decay=0.05),
    ),
)

RECIPES = (
    OURS,
    _published(("cow", "panda"), 0.9583),
    _published(("duck", "elephant", "frog", "rabbit"), 0.8783),
    _published(("camel", "cow", "duck", "elephant", "frog", "panda", "rabbit", "shark"), 0.8845),
)
