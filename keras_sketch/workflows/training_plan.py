"""What a training is about to do, in a few lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keras_sketch.losses.table import LOSSES
from keras_sketch.recipes import Recipe, Stage
from keras_sketch.recipes.rate_scaling import rate_factor
from keras_sketch.workflows.recipe_choice import LOSS_OPTIONS

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from keras_sketch.data.loading import DatasetInfo
    from keras_sketch.workflows.run_folder import RunFolder


def print_plan(
    recipe: Recipe,
    info: DatasetInfo,
    network: keras.Model,
    strategy: tf.distribute.Strategy | None,
    arithmetic: str,
    run: RunFolder,
) -> None:
    """Prints what is going to be trained, on what, how, and where it goes, before anything is done.

    Args:
        recipe: With the batch size that the devices share.
        info: Of the opened data.
        network: As built.
        strategy: The devices; None for one.
        arithmetic: Its precision, and whether XLA compiles it, in words.
        run: The folder.
    """
    counts = ", ".join(f"{count:,} {name}" for name, count in info.num_examples.items())
    side, classes = info.image_shape[0], len(info.class_names)
    output = ", with their output layer" if recipe.head == "pretrained" else ""
    head = _head(recipe)
    balance = f", classes balanced by {recipe.balance}" if recipe.balance != "none" else ""
    lines = [
        f"Recipe {recipe.name}: {recipe.model} ({network.count_params():,} parameters) on {recipe.dataset}",
        f"Weights: {recipe.weights or 'random'}{output}",
        *([f"Head: {head}"] if head else []),
        f"Data: {classes} classes, {side} x {side} px, {counts}, {info.bad_examples:,} bad",
        f"Training: {_epochs(recipe.epochs)}, batch {recipe.batch_size}{balance}, {_loss(recipe)}, seed {recipe.seed}",
        f"Devices: {_devices(strategy, recipe.batch_size)}; {arithmetic}",
        *_rates(recipe),
        *(f"Stage {number}: {_stage_line(stage)}" for number, stage in enumerate(recipe.stages, start=1)),
        f"Folder: {run.path}",
    ]
    print("\n".join(lines), flush=True)


def _devices(strategy: tf.distribute.Strategy | None, batch_size: int) -> str:
    """Says how many devices of what kind train, and what share of a batch each has."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    here, every = (len(strategy.extended.worker_devices), strategy.num_replicas_in_sync) if strategy else (1, 1)
    names = {tf.config.experimental.get_device_details(gpu).get("device_name") for gpu in gpus[:here]} - {None}
    model = f" ({', '.join(sorted(names))})" if names else ""
    kind = "GPU" if gpus else "logical CPU" if here > 1 else "CPU"
    text = f"{every} {kind}{'s' if every > 1 else ''}{model}"
    if every > here:
        text += f" of {every // here} machines"
    return f"{text}, {batch_size // every} of a batch of {batch_size} on each" if every > 1 else text


def _rates(recipe: Recipe) -> list[str]:
    before, rule = recipe.rate_batch_size, recipe.rate_scaling
    if before is None:
        return []
    factor = rate_factor(rule, before, recipe.batch_size)
    return [f"Rates: {factor:.3g} times the recipe's, by the rule {rule} (batch {recipe.batch_size}, not {before})"]


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
