"""From a recipe and data to a trained model: the stages, one after another, from wherever the run stands."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_sketch.curation.countries import country_centroids
from keras_sketch.data.balance import training_batches
from keras_sketch.data.pipeline import ImageSplit
from keras_sketch.errors import DivergedError
from keras_sketch.losses import make_loss
from keras_sketch.metrics import HaversineDistance, TopK
from keras_sketch.models import norm_layers, train_from
from keras_sketch.models.splitting import dropout_layers
from keras_sketch.recipes import Recipe, Stage
from keras_sketch.recipes.validation import check_recipe
from keras_sketch.training.checkpoint import Place, restore, restore_network
from keras_sketch.training.distribution import scope
from keras_sketch.training.divergence import explained
from keras_sketch.training.frozen_features import divide
from keras_sketch.training.history import Row
from keras_sketch.training.optimizers import make_optimizer
from keras_sketch.training.recorder import Recorder
from keras_sketch.training.stopping import StopRequest

LayerSettings = list[tuple[keras.layers.Layer, str, float]]


def fit_recipe(
    model: keras.Model,
    recipe: Recipe,
    train: ImageSplit,
    validation: ImageSplit | None,
    folder: Path,
    labels: dict,
    strategy: tf.distribute.Strategy | None = None,
) -> list[Row]:
    """Trains a model as the recipe says and leaves the best epoch's weights in it.

    Frozen layers compute as they do in prediction, dropout included, unless their normalization is trained; where they
    make the same of an image every time, they run once, and their features are stored: see `frozen_features.divide`.

    Goes on from the newest checkpoint in `folder/checkpoints` when there is one. The best epoch is the one with the
    lowest validation loss, the last one where there is no validation split.

    Args:
        model: Built in the strategy's scope.
        recipe: Stages, batch size, augmentation, seed.
        train: The training split.
        validation: The validation split, if there is one.
        folder: The run's folder: `history.csv`, `checkpoints/` and `logs/` are written there.
        labels: What travels with every checkpoint: class names, recipe.
        strategy: The devices; None for one.

    Returns:
        The history, a row an epoch.

    Raises:
        RunInterrupted: Ctrl-C or SIGTERM; the state is saved.
        DivergedError: The loss or a weight is not finite. The model is as it was at the last checkpoint, and
            `diverged.csv` in the folder lists the batch.
        TrainingError: The folder cannot be written.
        RunFolderError: The checkpoints are damaged or of another network.
    """
    check_recipe(recipe)
    with StopRequest() as stop, scope(strategy), _settings_put_back(model) as own:
        recorder = Recorder(model, folder, train.steps(recipe.batch_size), recipe.patience, labels, stop)
        stored, stage_end = _resume(recorder), 0
        for stage in recipe.stages:
            stage_start, stage_end = stage_end, stage_end + stage.epochs
            if recorder.finished or recorder.place.epoch >= stage_end:
                continue
            freeze_stage(model, stage, own)
            if stored is not None:
                restore_network(model, stored)
            epochs = range(stage_start, stage_end)
            part, inputs, held_out = divide(model, recipe, stage, epochs, train, validation, recorder.stop_if_asked)
            compile_stage(part, recipe, stage, inputs, labels.get("class_names", ()), model)
            if stored is not None and recorder.place != Place(stage_start):
                # A stage begins with an optimizer of its own.
                restore({"optimizer": part.optimizer.variables}, stored)
            stored = None
            recorder.begin_stage(part, stage, stage_start)
            try:
                _fit_stage(part, recipe, stage_end, inputs, held_out, recorder)
            except DivergedError as error:
                raise explained(error, model, recorder.last_step, inputs, recipe, folder) from None
        recorder.stop_if_asked()
        if recorder.best is not None:
            model.set_weights(recorder.best)
    return recorder.rows


def _resume(recorder: Recorder) -> dict[str, np.ndarray] | None:
    """Returns the arrays of the newest checkpoint, if any, and says where the run goes on."""
    stored = recorder.resume()
    if stored is not None:
        print(f"Continuing in epoch {recorder.place.epoch + 1} after step {recorder.place.step}.", flush=True)
    elif (recorder.folder / "history.csv").exists():
        print("The run was stopped before its first checkpoint: starting again.", flush=True)
    return stored


def compile_stage(
    model: keras.Model,
    recipe: Recipe,
    stage: Stage,
    train: ImageSplit,
    class_names: Sequence[str],
    network: keras.Model | None = None,
) -> None:
    """Compiles, and builds the optimizer and metrics, so that a checkpoint's variables have a place.

    Args:
        model: What is trained.
        recipe: Loss and batch size.
        stage: Optimizer and schedule.
        train: What it is trained on.
        class_names: In the order of the labels.
        network: The whole network of which the model is the last part; None: it is whole.

    Raises:
        UnknownNameError: There is no such loss.
        InvalidArgumentError: The loss is for countries, and a class is none; or an argument is out of range.
    """
    network = model if network is None else network
    metrics = [TopK(1, "top1"), TopK(min(5, model.output_shape[-1]), "top5")]
    if (centroids := country_centroids(class_names)) is not None:
        metrics.append(HaversineDistance(centroids, "distance_km"))
    model.compile(
        optimizer=make_optimizer(stage, train.steps(recipe.batch_size), network),
        loss=make_loss(recipe, class_names),
        metrics=metrics,
        jit_compile=False,
    )
    model.optimizer.build(network.trainable_variables)
    model.evaluate(train.evaluation(recipe.batch_size).take(1), verbose=0)
    model.reset_metrics()


def layer_settings(model: keras.Model) -> LayerSettings:
    """Returns the settings of layers that a stage may change: (layer, name, value)."""
    own = [(layer, "momentum", layer.momentum) for layer in norm_layers(model)]
    return own + [(layer, "rate", layer.rate) for layer in dropout_layers(model)]


def freeze_stage(model: keras.Model, stage: Stage, own: LayerSettings) -> None:
    """Freezes a stage's layers; frozen ones drop nothing, unless their normalization is trained.

    Args:
        model: The whole network.
        stage: Says from where on it is trained, what is frozen besides, and the momentum of its normalization.
        own: The settings that its layers had at first.

    Raises:
        UnknownNameError: The network has no such block.
    """
    train_from(model, stage.train_from, stage.train_norm, stage.frozen)
    for layer, name, value in own:
        if name == "momentum":
            layer.momentum = value if stage.norm_momentum is None else stage.norm_momentum
        else:
            layer.rate = value if layer.trainable or stage.train_norm else 0.0


@contextlib.contextmanager
def _settings_put_back(model: keras.Model) -> Iterator[LayerSettings]:
    own = layer_settings(model)
    try:
        yield own
    finally:
        for layer, name, value in own:
            setattr(layer, name, value)


def _fit_stage(model, recipe, stage_end, train, validation, recorder) -> None:
    steps = train.steps(recipe.batch_size)
    board = keras.callbacks.TensorBoard(recorder.folder / "logs", write_graph=False)
    while recorder.place.epoch < stage_end and not recorder.finished:
        place: Place = recorder.place
        held_out = validation and validation.evaluation(recipe.batch_size)
        if place.step == steps:
            _end_epoch(model, place.epoch, held_out, [board, recorder])
            continue
        # An epoch that was broken off is a `fit` of its own: Keras starts every epoch of one with the same step.
        last = place.epoch + 1 if place.step else stage_end
        model.fit(
            training_batches(train, recipe, last, place.epoch, place.step),
            validation_data=held_out,
            initial_epoch=place.epoch,
            epochs=last,
            steps_per_epoch=steps - place.step,
            callbacks=[board, recorder],
            shuffle=False,
            verbose=1 if sys.stdout.isatty() else 2,
        )
    recorder.save()


def _end_epoch(model, epoch, held_out, callbacks) -> None:
    """Does what `fit` does at the end of an epoch whose steps have all been taken."""
    callbacks = keras.callbacks.CallbackList(callbacks, model=model)
    callbacks.on_train_begin()
    callbacks.on_epoch_begin(epoch)
    logs = model.get_metrics_result()
    if held_out is not None:
        found = model.evaluate(held_out, callbacks=callbacks, return_dict=True, verbose=0)
        logs |= {f"val_{name}": value for name, value in found.items()}
    callbacks.on_epoch_end(epoch, logs)
    callbacks.on_train_end()
