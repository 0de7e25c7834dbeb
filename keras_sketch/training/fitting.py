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
from keras_sketch.training.agreement import Workers
from keras_sketch.training.checkpoint import Place, restore, restore_network
from keras_sketch.training.distribution import distribute, scope
from keras_sketch.training.divergence import explained
from keras_sketch.training.frozen_features import divide
from keras_sketch.training.history import Row
from keras_sketch.training.loss_scaling import scaled
from keras_sketch.training.multi_worker_model import training_model
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
    xla: bool = False,
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
        xla: Whether XLA compiles the steps.

    Returns:
        The history, a row an epoch.

    Raises:
        RunInterrupted: Ctrl-C or SIGTERM; the state is saved.
        DivergedError: The loss or a weight is not finite. The last checkpoint is put back, the batch in `diverged.csv`.
        TrainingError: The folder cannot be written.
        RunFolderError: The checkpoints are damaged or of another network.
    """
    check_recipe(recipe)
    with StopRequest() as stop, _settings_put_back(model) as own:
        workers = Workers(strategy)
        recorder = Recorder(model, folder, train.steps(recipe.batch_size), recipe.patience, labels, stop, workers)
        stored, stage_end = _resume(recorder), 0
        for stage in recipe.stages:
            epochs = range(stage_end, stage_end + stage.epochs)
            stage_end = epochs.stop
            if recorder.finished or recorder.place.epoch >= stage_end:
                continue
            _set_up_stage(model, stage, own, strategy, stored)
            part, inputs, held_out = divide(model, recipe, stage, epochs, train, validation, recorder.stop_if_asked)
            part = training_model(part, strategy)
            with scope(strategy):
                compile_stage(part, recipe, stage, inputs, labels.get("class_names", ()), model, xla)
                _begin_stage(part, stage, epochs.start, stored, recorder)
                stored = None
                with _explained(model, inputs, recipe, recorder):
                    _fit_stage(part, recipe, stage_end, inputs, held_out, recorder)
        recorder.stop_if_anyone_is_asked()
        if recorder.best is not None:
            model.set_weights(recorder.best)
    return recorder.rows


def _resume(recorder: Recorder) -> dict[str, np.ndarray] | None:
    """Returns the arrays of the newest checkpoint, if any, and says where the run goes on."""
    stored = recorder.resume()
    if stored is not None:
        print(f"Continuing in epoch {recorder.place.epoch + 1} after step {recorder.place.step}.", flush=True)
    elif (recorder.folder / "history.csv").exists():
        print("The run has no checkpoint any more: starting again.", flush=True)
    return stored


def compile_stage(
    model: keras.Model,
    recipe: Recipe,
    stage: Stage,
    train: ImageSplit,
    class_names: Sequence[str],
    network: keras.Model | None = None,
    xla: bool = False,
) -> None:
    """Compiles, and builds the optimizer and metrics, so that a checkpoint's variables have a place.

    Args:
        model: What is trained.
        recipe: Loss and batch size.
        stage: Optimizer and schedule.
        train: What it is trained on.
        class_names: In the order of the labels.
        network: The whole network of which the model is the last part; None: it is whole.
        xla: Whether XLA compiles the steps.

    Raises:
        UnknownNameError: There is no such loss.
        InvalidArgumentError: The loss is for countries, and a class is none; or an argument is out of range.
    """
    network = model if network is None else network
    optimizer = scaled(make_optimizer(stage, train.steps(recipe.batch_size), network), network)
    logits = model.outputs[0].dtype
    with _at_least(logits):
        loss = make_loss(recipe, class_names, logits)
        metrics = [TopK(1, "top1"), TopK(min(5, model.output_shape[-1]), "top5")]
        if (centroids := country_centroids(class_names)) is not None:
            metrics.append(HaversineDistance(centroids, "distance_km"))
        model.compile(optimizer=optimizer, loss=loss, metrics=metrics, jit_compile=xla)
    model.optimizer.build(network.trainable_variables)
    _build_metrics(model)


def _build_metrics(model: keras.Model) -> None:
    """Gives loss and metrics their variables; an evaluation would do the same, and take as long as a stage's start."""
    labels, logits = tf.zeros((1,), tf.int64), tf.zeros((1, model.output_shape[-1]), model.outputs[0].dtype)

    @tf.function
    def use() -> None:
        model.compute_loss(y=labels, y_pred=logits)
        model.compute_metrics(None, labels, logits)

    tf.distribute.get_strategy().run(use)
    model.reset_metrics()


@contextlib.contextmanager
def _at_least(dtype: str) -> Iterator[None]:
    """Lets losses, metrics and their means have the precision of float64 logits: Keras takes `floatx` for them."""
    before = keras.config.floatx()
    keras.config.set_floatx(keras.backend.result_type(dtype, before))
    try:
        yield
    finally:
        keras.config.set_floatx(before)


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


def _set_up_stage(model, stage, own, strategy, stored) -> None:
    freeze_stage(model, stage, own)
    if strategy is not None:
        # Else the replicas' statistics would drift apart; `build_network` has seen to it already.
        for layer in norm_layers(model):
            layer.synchronized = True
    if stored is not None:
        restore_network(model, stored)


@contextlib.contextmanager
def _explained(network, train, recipe, recorder) -> Iterator[None]:
    try:
        yield
    except DivergedError as error:
        raise explained(error, network, recorder.last_step, train, recipe, recorder.folder, recorder.workers) from None


def _begin_stage(model, stage, first_epoch, stored, recorder) -> None:
    if stored is not None and recorder.place != Place(first_epoch):
        # A stage begins with an optimizer of its own.
        restore({"optimizer": model.optimizer.variables}, stored)
    recorder.begin_stage(model, stage, first_epoch)


def _fit_stage(model, recipe, stage_end, train, validation, recorder) -> None:
    steps = train.steps(recipe.batch_size)
    callbacks, verbose = [recorder], 0
    if recorder.workers.is_chief:
        callbacks.insert(0, keras.callbacks.TensorBoard(recorder.folder / "logs", write_graph=False))
        verbose = 1 if sys.stdout.isatty() else 2
    while recorder.place.epoch < stage_end and not recorder.finished:
        place: Place = recorder.place
        held_out = validation and distribute(lambda part: validation.evaluation(recipe.batch_size, part))
        if place.step == steps:
            _end_epoch(model, place.epoch, held_out, callbacks)
            continue
        # An epoch that was broken off is a `fit` of its own: Keras starts every epoch of one with the same step.
        last = place.epoch + 1 if place.step else stage_end
        model.fit(
            distribute(lambda part, to=last, at=place: training_batches(train, recipe, to, at.epoch, at.step, part)),
            validation_data=held_out,
            initial_epoch=place.epoch,
            epochs=last,
            steps_per_epoch=steps - place.step,
            callbacks=callbacks,
            shuffle=False,
            verbose=verbose,
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
