"""From a recipe to the data that it names and the network that it trains."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from keras_sketch.curation.imagenet import imagenet_classes
from keras_sketch.errors import InvalidArgumentError, MissingDataError, TrainingError
from keras_sketch.losses.table import LOSSES
from keras_sketch.models.table import backbone
from keras_sketch.recipes import Recipe
from keras_sketch.workflows.recipe_choice import DATA_OPTIONS, RecipeOptions

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from keras_sketch.data.loading import DatasetInfo, OpenDataset

_LOCAL_FEATURES = "delf_resnet50_matrix"
_EXTRACT = (
    "delf.weights.h5, which keras-sketch extract writes: first keras-sketch train --recipe gldv2-delf, then "
    "keras-sketch extract runs/gldv2-delf gldv2, then this (--weights FILE where it is elsewhere)"
)


def open_data(recipe: Recipe, options: RecipeOptions) -> OpenDataset:
    """Prepares the recipe's dataset, from and to where the options say, and opens its splits; one is for training.

    Raises:
        KerasSketchError: It cannot be prepared, there is nothing to train on, or the recipe's loss does not suit it.
    """
    from keras_sketch.data import open_dataset
    from keras_sketch.losses import make_loss

    places = {name: options.get(name) for name in DATA_OPTIONS}
    chosen = dict(config=recipe.config, split=recipe.split, classes=recipe.classes, per_class=recipe.per_class)
    data = open_dataset(recipe.dataset, **chosen, **places, image_size=recipe.image_size, resize=recipe.resize)
    if "train" not in data.splits:
        raise TrainingError(
            f"There is nothing to train on: in the split {data.info.provenance['split']!r} of {recipe.dataset} every "
            "example is for the test. Choose another split, or evaluate on it."
        )
    make_loss(recipe, data.info.class_names)
    return data


def share_batches(
    recipe: Recipe, data: OpenDataset, replicas: int, any_batch: bool, learning_rate: float | None = None
) -> Recipe:
    """Returns the recipe with a batch size that so many devices can train with.

    Args:
        recipe: What was asked for.
        data: Its data.
        replicas: How many devices.
        any_batch: Whether a batch may be smaller than the recipe's where there are not as many examples.
        learning_rate: The last stage's, where it was asked for; None: the rates follow the batch size by the recipe's
            rule.

    Raises:
        InvalidArgumentError: The devices cannot share the batches, or a split's examples.
    """
    for each in sorted(data.splits.values(), key=lambda split: split.num_examples):
        each.check_replicas(replicas)
    examples = data.splits["train"].num_examples
    if any_batch and recipe.batch_size > examples:
        size = max(replicas, examples // replicas * replicas)
        recipe = recipe.with_changes(batch_size=size, learning_rate=learning_rate)
    if recipe.batch_size % replicas:
        below = recipe.batch_size // replicas * replicas
        near = [str(size) for size in (below, below + replicas) if 0 < size <= examples]
        near = " or ".join(near or [str(examples // replicas * replicas)])
        allowed = f"a multiple of the {replicas} devices, such as {near} (--batch-size)"
        raise InvalidArgumentError("batch_size", allowed, recipe.batch_size)
    return recipe


def check_weights(recipe: Recipe) -> None:
    """Finds out before any data is read that a weights file is not there.

    Raises:
        MissingDataError: It is not; says where it comes from.
        InvalidArgumentError: The network has no weights of that name, or cannot do without.
        UnknownNameError: It has no such tower.
    """
    from keras_sketch.models.loading import split_weights

    row = backbone(recipe.model)
    if recipe.model == _LOCAL_FEATURES and recipe.weights is None:
        raise InvalidArgumentError("weights", _EXTRACT, "none")
    for part, path in split_weights(recipe.model, row, recipe.weights).items():
        if path == "imagenet" or os.path.isfile(path):
            continue
        tower = row.towers.get(part)
        hint = "Give another (--weights), imagenet or none."
        if recipe.model == _LOCAL_FEATURES:
            hint = f"It is {_EXTRACT}."
        elif tower is not None and tower.published:
            hint = f"It is at {tower.published}. Give --weights {part}=FILE, and the other towers' after commas."
        raise MissingDataError(f"There is no weights file {path}. {hint}")


def check_blocks(recipe: Recipe) -> None:
    """Finds out before any data is read that the network lacks a block which a stage begins with.

    Raises:
        UnknownNameError: It does; lists those it has.
    """
    if any(stage.train_from not in ("all", "head") or stage.frozen or stage.group_rates for stage in recipe.stages):
        from keras_sketch.models import build_classifier

        height, width, channels = backbone(recipe.model).input_shape
        shape = (recipe.image_size or height, recipe.image_size or width, channels)
        check_stages(build_classifier(recipe.model, 2, shape, None, **_head(recipe)), recipe)


def check_stages(network: keras.Model, recipe: Recipe) -> None:
    """Raises an error where the network lacks the blocks or layer groups of a stage; leaves the last stage's frozen."""
    from keras_sketch.models import layer_groups, train_from

    for stage in recipe.stages:
        layer_groups(network, max(1, len(stage.group_rates)))
        train_from(network, stage.train_from, stage.train_norm, stage.frozen)


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
        strategy: The devices, in whose scope this is called, on several machines outside of it; None for one.
        begun: Whether a checkpoint will be put into the network. The recipe's weights are not read then, so that
            their file need not be there any more.

    Raises:
        TrainingError: The recipe keeps ImageNet's output layer, and the classes are not ImageNet's.
    """
    if recipe.head == "pretrained":
        _check_imagenet_classes(recipe, info)
    import keras

    from keras_sketch.models import build_classifier
    from keras_sketch.training.distribution import synchronize_batch_normalization

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        weights = None if begun else recipe.weights
        settings = dict(weights=weights, light_on_dark=recipe.light_on_dark, head=recipe.head, **_head(recipe))
        network = build_classifier(recipe.model, len(info.class_names), info.image_shape, **settings)
        return synchronize_batch_normalization(network, strategy) if strategy else network
    finally:
        keras.config.set_dtype_policy(before)


def _head(recipe: Recipe) -> dict[str, object]:
    """Returns the arguments of `build_classifier` that say what its head is made of."""
    scale = recipe.scale if LOSSES[recipe.loss].cosine else None
    return dict(pooling=recipe.pooling, bottleneck=recipe.bottleneck, dropout=recipe.dropout, cosine_scale=scale)


def _check_imagenet_classes(recipe: Recipe, info: DatasetInfo) -> None:
    """Looks whether the labels mean what the outputs of a network trained on ImageNet mean."""
    if tuple(info.class_names) != tuple(each.wnid for each in imagenet_classes()):
        raise TrainingError(
            "The recipe keeps ImageNet's output layer, for the WordNet ids of its 1000 classes in their order: "
            f"{recipe.dataset} has {len(info.class_names)} classes here, {info.class_names[0]!r} being the first. "
            "Train on all of ImageNet's classes, or take a recipe with a new head."
        )
