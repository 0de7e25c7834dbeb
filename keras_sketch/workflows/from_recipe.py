"""From a recipe to the data that it names and the network that it trains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keras_sketch.recipes import Recipe
from keras_sketch.workflows.recipe_choice import DATA_OPTIONS, RecipeOptions

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from keras_sketch.data.loading import DatasetInfo, OpenDataset


def open_data(recipe: Recipe, options: RecipeOptions) -> OpenDataset:
    """Prepares the recipe's dataset, from and to where the options say, and opens its splits."""
    from keras_sketch.data import open_dataset

    places = {name: options.get(name) for name in DATA_OPTIONS}
    chosen = dict(config=recipe.config, split=recipe.split, classes=recipe.classes, per_class=recipe.per_class)
    return open_dataset(recipe.dataset, **chosen, **places, image_size=recipe.image_size, resize=recipe.resize)


def build_network(
    recipe: Recipe,
    info: DatasetInfo,
    precision: str = "float32",
    strategy: tf.distribute.Strategy | None = None,
    begun: bool = False,
) -> keras.Model:
    """Builds the recipe's network for the classes and the image shape of its data.

    Args:
        recipe: Names the network and its weights.
        info: Of the opened data.
        precision: Of the arithmetic.
        strategy: The devices, in whose scope this is called; None for one.
        begun: Whether a checkpoint will be put into the network. The recipe's weights are not read then, so that
            their file need not be there any more.
    """
    import keras

    from keras_sketch.models import build_classifier
    from keras_sketch.training.distribution import synchronize_batch_normalization

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        weights = None if begun else recipe.weights
        network = build_classifier(recipe.model, len(info.class_names), info.image_shape, weights, recipe.light_on_dark)
        return synchronize_batch_normalization(network) if strategy else network
    finally:
        keras.config.set_dtype_policy(before)
