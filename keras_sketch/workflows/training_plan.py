"""What a training is about to do, in a few lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keras_sketch.losses.table import LOSSES
from keras_sketch.recipes import Recipe, Stage
from keras_sketch.workflows.recipe_choice import LOSS_OPTIONS

if TYPE_CHECKING:
    import keras

    from keras_sketch.data.loading import DatasetInfo
    from keras_sketch.workflows.run_folder import RunFolder


def print_plan(
    recipe: Recipe, info: DatasetInfo, network: keras.Model, replicas: int, precision: str, run: RunFolder
) -> None:
    """Prints what is going to be trained, on what, how, and where it goes, before anything is done.

    Args:
        recipe: With the batch size that the devices share.
        info: Of the opened data.
        network: As built.
        replicas: How many devices.
        precision: Of the arithmetic.
        run: The folder.
    """
    counts = ", ".join(f"{count:,} {name}" for name, count in info.num_examples.items())
    side, classes = info.image_shape[0], len(info.class_names)
    shared = f" ({recipe.batch_size // replicas} on each of {replicas} devices)" if replicas > 1 else ""
    output = ", with their output layer" if recipe.head == "pretrained" else ""
    head = _head(recipe)
    balance = f", classes balanced by {recipe.balance}" if recipe.balance != "none" else ""
    lines = [
        f"Recipe {recipe.name}: {recipe.model} ({network.count_params():,} parameters) on {recipe.dataset}",
        f"Weights: {recipe.weights or 'random'}{output}",
        *([f"Head: {head}"] if head else []),
        f"Data: {classes} classes, {side} x {side} px, {counts}, {info.bad_examples:,} bad",
        f"Training: {_epochs(recipe.epochs)}, batch {recipe.batch_size}{shared}{balance}, {_loss(recipe)}, "
        f"{precision}, seed {recipe.seed}",
        *(f"Stage {number}: {_stage_line(stage)}" for number, stage in enumerate(recipe.stages, start=1)),
        f"Folder: {run.path}",
    ]
    print("\n".join(lines), flush=True)


def _epochs(count: int) -> str:
    return f"{count} epoch{'s' if count > 1 else ''}"


def _head(recipe: Recipe) -> str:
    parts = [f"{recipe.pooling} pooling"] if recipe.pooling else []
    parts += [f"a bottleneck of {recipe.bottleneck:,} units"] if recipe.bottleneck else []
    parts += [f"dropout {recipe.dropout:g}"] if recipe.dropout is not None else []
    return ", ".join(parts)


def _loss(recipe: Recipe) -> str:
    name, fields = recipe.loss.replace("_", " "), LOSSES[recipe.loss].fields
    values = [f"{field} {getattr(recipe, field):g}" for field in LOSS_OPTIONS if field in fields]
    values += [f"label smoothing {recipe.label_smoothing:g}"] if recipe.label_smoothing else []
    return f"{name} ({', '.join(values)})" if values else name


def _stage_line(stage: Stage) -> str:
    rates = [f"{stage.learning_rate * factor:.3g}" for factor in stage.group_rates or (1.0,)]
    parts = [f"{stage.name}, {_epochs(stage.epochs)}, {stage.optimizer} at {' / '.join(rates)}"]
    if stage.schedule != "constant":
        down = f" down to {stage.final_rate:g}" if stage.schedule == "plateau" else ""
        parts.append(stage.schedule.replace("_", " ") + down)
    if stage.train_from != "all":
        parts.append(f"trained from {stage.train_from}" + (" and normalization" if stage.train_norm else ""))
    if stage.frozen:
        parts.append(f"{' and '.join(stage.frozen)} frozen")
    return ", ".join(parts)
