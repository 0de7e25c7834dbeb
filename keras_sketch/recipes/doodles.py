"""Doodles: drawings that the package makes itself, for a first run without any data."""

from __future__ import annotations

from keras_sketch.recipes.recipe import Augmentation, Recipe, Stage

RECIPES = (
    Recipe(
        name="doodles",
        summary="The published QuickDraw network on generated doodles and small affine warps.",
        dataset="doodles",
        model="quickdraw_cnn",
        batch_size=128,
        augmentation=Augmentation(rotation=10, shear=5, zoom=(0.9, 1.1), shift=0.08, flip=0.5, unwarped=0.25),
        stages=(
            Stage(epochs=12, optimizer="adamw", learning_rate=2e-3, schedule="cosine", warmup=0.1, weight_decay=0.01),
        ),
    ),
)
