"""The default for a user's own images, and for any dataset that has no recipe yet."""

from __future__ import annotations

from keras_sketch.recipes.recipe import Augmentation, Recipe, Stage

RECIPES = (
    Recipe(
        name="folder",
        summary="A small network from scratch, for a folder of images or any dataset without a recipe of its own.",
        dataset="folder",
        model="quickdraw_cnn",
        image_size=64,
        batch_size=32,
        augmentation=Augmentation(rotation=10, shear=5, zoom=(0.9, 1.1), shift=0.08, flip=0.5, unwarped=0.25, fill=255),
        stages=(
            Stage(epochs=30, optimizer="adamw", learning_rate=1e-3, schedule="cosine", warmup=0.1, weight_decay=0.01),
        ),
        patience=10,
    ),
)
