"""From the options of a command to the recipe that it follows."""

from __future__ import annotations

from typing import TypedDict

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.losses.table import LOSSES, check_loss
from keras_sketch.models.table import backbone, check_side
from keras_sketch.recipes import Recipe, check_recipe, find_recipe
from keras_sketch.workflows.arguments import check_known, split_names


class RecipeOptions(TypedDict, total=False):
    """The options of every command that trains: changes of its recipe, and where the data is. None: not given.

    Attributes:
        config: The dataset's config: what is in it.
        classes: Class names, with commas between them. Default: all.
        per_class: At most so many examples a class.
        split: The split scheme.
        data_dir: Where prepared datasets are kept. Default: TensorFlow Datasets' own folder.
        manual_dir: A folder with the dataset as published. Default: it is downloaded.
        max_bad: Largest share of bad examples that is accepted, 0 to 1. Default: the dataset's own, 0.01.
        weights: "imagenet", "none", or a .weights.h5, .h5 or .keras file (ResNeXt: .safetensors too) of the same
            network to start from; of two towers each one's, as in vgg16=FILE,resnet50=imagenet.
        image_size: Side of the images in pixels.
        train_from: What the last stage trains: "all", "head", or the name of the first block of layers, such as conv5;
            those before it are frozen.
        pooling: What makes one row of numbers of the backbone's maps: "avg", "gem" (generalized mean, one learnt
            exponent), "gem_channels" (one a channel) or "attention". Default: the recipe's, else the network's.
        bottleneck: Units of a dense layer before the output, with normalization, ReLU and dropout; 0: none.
        dropout: Rate of the dropout before the output. Default: the recipe's, else the network's.
        loss: "cross_entropy"; "binary_cross_entropy"; "arcface" or "cosface" (cosines with a margin); or for countries
            "haversine" (cross entropy plus the expected distance) or "haversine_smoothing" (targets that fall off with
            the distance).
        alpha: Weight of the distance, in Earth radii, in the loss haversine.
        tau: The distance in km over which the targets of haversine_smoothing fall to 37 %.
        margin: Of the true class: added to its angle, in radians (arcface), or taken from its cosine (cosface).
        scale: What arcface and cosface multiply the cosines by.
        balance: Of classes of unequal size: "none", "weights" (each class counts the same in the loss) or "sampling"
            (an epoch shows each class equally often).
        rate_scaling: How the learning rates follow where the batch size is not the recipe's: "none" (not at all),
            "linear" (as it does; Goyal et al. 2017) or "sqrt" (as its square root; for Adam: Malladi et al. 2022). A
            learning rate that is given stays as it is. The batch size is that of all devices together.
        seed: Of the weights, the order and the augmentation.
    """

    config: str | None
    classes: tuple[str, ...]
    per_class: int | None
    split: str | None
    data_dir: str | None
    manual_dir: str | None
    max_bad: float | None
    weights: str | None
    image_size: int | None
    train_from: str | None
    pooling: str | None
    bottleneck: int | None
    dropout: float | None
    loss: str | None
    alpha: float | None
    tau: float | None
    margin: float | None
    scale: float | None
    balance: str | None
    rate_scaling: str | None
    seed: int | None


DATA_OPTIONS = ("data_dir", "manual_dir", "max_bad")
LOSS_OPTIONS = ("alpha", "tau", "margin", "scale")
"""The recipe's fields that belong to some of the losses."""

_HEAD_OPTIONS = {"classes", "pooling", "bottleneck", "dropout"}


def choose_recipe(recipe: str | None, dataset: str | None, options: RecipeOptions, **changes) -> Recipe:
    """Returns the recipe of that name, or the dataset's own, with the values that were given.

    With the weights `"none"`, or with a model that has none of ImageNet in place of the recipe's, everything is trained
    from scratch. Where classes, another head or a loss of cosines are asked for, or a model that has none, ImageNet's
    output layer gives way to a new one.

    Args:
        recipe: Its name; None: the dataset's own.
        dataset: Its name; None: the recipe's, doodles where none is given either.
        options: What was asked for; those about data are not the recipe's.
        **changes: Further arguments of `Recipe.with_changes`; None: not given.

    Raises:
        KerasSketchError: An unknown name, a recipe for another dataset, or a number out of range.
    """
    check_known(options, RecipeOptions)
    dataset = dataset and dataset.replace("-", "_")
    chosen = find_recipe(recipe, dataset or "doodles")
    if dataset and dataset != chosen.dataset:
        raise InvalidArgumentError("dataset", f"{chosen.dataset}, which recipe {chosen.name} is for", dataset)
    check_recipe(chosen)
    changes |= {name: value for name, value in options.items() if name not in DATA_OPTIONS}
    changes["classes"] = split_names(changes.get("classes", ())) or None
    given = {name: value for name, value in changes.items() if value is not None}
    row = backbone(given.get("model", chosen.model))
    if "weights" not in given and chosen.weights == "imagenet" and not row.has_imagenet_weights:
        given["weights"] = "none"
    if given.get("weights") == "none":
        del given["weights"]
        chosen = chosen.from_scratch()
    check_loss(given.get("loss", chosen.loss))
    cosine = LOSSES[given.get("loss", chosen.loss)].cosine
    if given.keys() & _HEAD_OPTIONS or cosine or not row.has_imagenet_head:
        given["head"] = "new"
    changed = chosen.with_changes(**given)
    check_recipe(changed)
    for name in LOSS_OPTIONS:
        if name in given and name not in LOSSES[changed.loss].fields:
            others = " or ".join(loss for loss, row in LOSSES.items() if name in row.fields)
            raise InvalidArgumentError(name, f"left out with the loss {changed.loss}: {others} has it", given[name])
    if changed.image_size is not None:
        check_side(changed.model, changed.image_size)
    return changed
