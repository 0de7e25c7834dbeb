"""`find-lr`: a short training in which the learning rate rises, and the rates that it suggests."""

from __future__ import annotations

import csv
import dataclasses
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from keras_sketch.errors import RunFolderError, TrainingError, UnknownNameError
from keras_sketch.files import atomic_write
from keras_sketch.recipes import Recipe, Stage
from keras_sketch.training.precision import Precision, check_precision, choose_arithmetic
from keras_sketch.workflows.damaged_data import damaged_data_named
from keras_sketch.workflows.from_recipe import build_network, check_weights, open_data, share_batches
from keras_sketch.workflows.recipe_choice import RecipeOptions, choose_recipe
from keras_sketch.workflows.run_folder import RunFolder
from keras_sketch.workflows.several_machines import refuse_several_machines
from keras_sketch.workflows.tensorflow_start import start_tensorflow

if TYPE_CHECKING:
    from keras_sketch.training.learning_rate_finder import LearningRateCurve


class CurveFolder(RunFolder):
    """The folder of a sweep's curve, which the next sweep's replaces."""

    SETTINGS = "learning_rate.csv"
    KIND, ONE = "curve", "a curve"


def find_lr(
    dataset: str | None = None,
    model: str | None = None,
    recipe: str | None = None,
    *,
    stage: str | None = None,
    lowest: float = 1e-7,
    highest: float = 10.0,
    steps: int = 100,
    batch_size: int | None = None,
    devices: str = "auto",
    precision: Precision = "float32",
    output_dir: str | None = None,
    **options: Unpack[RecipeOptions],
) -> Path:
    """Suggests learning rates: trains some steps at rates from far too low to far too high, and draws the loss.

    Args:
        dataset: What to train on; `keras-sketch list` names them. Default: doodles, which need no data.
        model: The network. Default: the recipe's.
        recipe: The recipe, by name, or a .json file that holds one. Default: the dataset's own.
        stage: The stage of the recipe whose rate is sought, by name. Default: the first.
        lowest: The rate of the first step.
        highest: The rate of the last step; the loss mostly explodes before, which ends the sweep.
        steps: How many steps, at least 20.
        batch_size: Examples a step, over all devices together. Default: the recipe's, fewer when there are fewer.
        devices: A number or "auto": all GPUs, one CPU where there is none; without GPUs a number divides the CPU.
        precision: Of the arithmetic; weights are float32. mixed_float16 needs a GPU.
        output_dir: The folder of the curve; an earlier curve in it is replaced. Default: learning_rate/RECIPE.
        **options: See `RecipeOptions`.

    Returns:
        The folder: `learning_rate.csv`, a row a step, and `learning_rate.png`.

    Raises:
        TrainingError: The loss did not fall, or exploded at once; the curve is there all the same.
        KerasSketchError: What was asked cannot be done; the message says what to do.
    """
    chosen = choose_recipe(recipe, dataset, options, model=model, batch_size=batch_size)
    swept = _find_stage(chosen, stage)
    check_precision(precision)
    folder = CurveFolder(output_dir or Path("learning_rate") / chosen.name)
    folder.check_free(resume=True)
    start_tensorflow()
    curve = _sweep(chosen, swept, options, (lowest, highest, steps), devices, precision, batch_size is None)
    _write(folder.path, curve)
    if curve.problem:
        raise TrainingError(f"{curve.problem} The curve is in {folder.path / 'learning_rate.png'}.")
    given = dict(dataset=dataset, model=model, recipe=recipe, batch_size=batch_size, **options)
    given |= {} if devices == "auto" else {"devices": devices}
    given |= {} if precision == "float32" else {"precision": precision}
    _say(folder.path, curve, chosen, swept, given)
    return folder.path


def _find_stage(recipe: Recipe, name: str | None) -> Stage:
    stages = {stage.name: stage for stage in reversed(recipe.stages)}
    if name is not None and name not in stages:
        raise UnknownNameError(f"stage of recipe {recipe.name}", name, stages)
    return recipe.stages[0] if name is None else stages[name]


def _sweep(
    recipe: Recipe,
    stage: Stage,
    options: RecipeOptions,
    limits: tuple[float, float, int],
    devices: str,
    precision: str,
    any_batch: bool,
) -> LearningRateCurve:
    import keras

    from keras_sketch.data.augmentation import check_augmentation
    from keras_sketch.data.balance import training_batches
    from keras_sketch.training.distribution import make_strategy, scope
    from keras_sketch.training.fitting import compile_stage, freeze_stage, layer_settings
    from keras_sketch.training.learning_rate_finder import find_learning_rate, sweep_rates

    steps = len(sweep_rates(*limits))
    check_augmentation(recipe.augmentation)
    check_weights(recipe)
    refuse_several_machines("find-lr")
    strategy = make_strategy(devices)
    replicas = strategy.num_replicas_in_sync if strategy else 1
    arithmetic = choose_arithmetic(precision, replicas)
    data = open_data(recipe, options)
    recipe = share_batches(recipe, data, replicas, any_batch)
    train = data.splits["train"]
    epochs = -(-steps // train.steps(recipe.batch_size))
    keras.utils.set_random_seed(recipe.seed)
    with damaged_data_named(data.info), scope(strategy):
        network = build_network(recipe, data.info, arithmetic.precision, strategy)
        freeze_stage(network, stage, layer_settings(network))
        # The rates are the sweep's: a schedule would give the momentum of its start alone.
        constant = dataclasses.replace(stage, schedule="constant")
        compile_stage(network, recipe, constant, train, data.info.class_names)
        print(
            f"Recipe {recipe.name}: {recipe.model} on {recipe.dataset}, weights {recipe.weights or 'random'}, "
            f"stage {stage.name} ({stage.optimizer}, trained from {stage.train_from})\n"
            f"Sweep: {steps} steps of batch {recipe.batch_size} at rates {limits[0]:g} to {limits[1]:g}, {arithmetic}",
            *(f"Warning: {warning}" for warning in arithmetic.warnings),
            sep="\n",
            flush=True,
        )
        return find_learning_rate(network, training_batches(train, recipe, epochs), *limits)


def _write(folder: Path, curve: LearningRateCurve) -> None:
    from keras_sketch.evaluation.learning_rate_picture import draw_learning_rate_curve

    suggestions = {"valley": curve.valley, "steepest": curve.steepest}
    suggestions = {name: rate for name, rate in suggestions.items() if rate is not None}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(folder / CurveFolder.SETTINGS) as file:
            writer = csv.writer(file)
            writer.writerow(["step", "learning_rate", "loss", "smoothed_loss"])
            for step, row in enumerate(zip(curve.rates, curve.losses, curve.smoothed, strict=True), start=1):
                writer.writerow([step, *(f"{value:.6g}" for value in row)])
        draw_learning_rate_curve(folder / "learning_rate.png", curve.rates, curve.losses, curve.smoothed, suggestions)
    except OSError as error:
        raise RunFolderError(f"Cannot write {folder}: {error.strerror}. Choose another --output-dir.") from error


def _say(folder: Path, curve: LearningRateCurve, recipe: Recipe, stage: Stage, given: dict) -> None:
    end = f" The loss exploded at {curve.rates[-1]:.2g}." if curve.diverged else ""
    if curve.still_falling:
        end = " The loss falls to the last step: look at higher rates too (--highest)."
    print(f"Valley: {curve.valley:.2g}; steepest slope: {curve.steepest:.2g}.{end}")
    if stage.group_rates:
        for name, rate in {"valley": curve.valley, "steepest slope": curve.steepest}.items():
            groups = " / ".join(f"{rate * factor:.2g}" for factor in stage.group_rates)
            print(f"Of the layer groups, from the input to the head, at the {name}: {groups}")
    print(f"Curve: {folder / 'learning_rate.png'}")
    last = recipe.stages[-1]
    factor = last.learning_rate / stage.learning_rate
    words = ["keras-sketch", "train"]
    for name, value in given.items():
        if value not in (None, ()):
            text = ",".join(value) if isinstance(value, tuple | list) else str(value)
            words += [f"--{name.replace('_', '-')}", text]
    print(f"Train at the valley: {shlex.join([*words, '--learning-rate', f'{curve.valley * factor:.2g}'])}")
    if stage is not last:
        print(
            f"There --learning-rate is that of the last stage, {last.name}, which the recipe gives {factor:.3g} times "
            f"the rate of {stage.name}: look first whether it stands that (--stage {last.name})."
        )
