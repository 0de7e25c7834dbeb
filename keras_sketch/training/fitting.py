"""From a recipe and data to a trained model: the stages, one after another, from wherever the run stands."""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import tensorflow as tf

from keras_sketch.data.pipeline import ImageSplit
from keras_sketch.losses import CrossEntropy
from keras_sketch.metrics import TopK
from keras_sketch.models import norm_layers, train_from
from keras_sketch.recipes import Recipe, Stage
from keras_sketch.training.checkpoint import Place, restore
from keras_sketch.training.distribution import scope
from keras_sketch.training.history import Row
from keras_sketch.training.optimizers import make_optimizer
from keras_sketch.training.recorder import Recorder
from keras_sketch.training.stopping import StopRequest


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
        TrainingError: The loss is not finite.
        RunFolderError: The checkpoints are damaged or of another network.
    """
    with StopRequest() as stop, scope(strategy):
        recorder = Recorder(folder, train.steps(recipe.batch_size), recipe.patience, labels, stop)
        stored = recorder.resume()
        if stored is not None:
            print(f"Continuing in epoch {recorder.place.epoch + 1} after step {recorder.place.step}.", flush=True)
        elif (folder / "history.csv").exists():
            print("The run was stopped before its first checkpoint: starting again.", flush=True)
        norms, stage_end = [(layer, layer.momentum) for layer in norm_layers(model)], 0
        for stage in recipe.stages:
            stage_start, stage_end = stage_end, stage_end + stage.epochs
            if recorder.finished or recorder.place.epoch >= stage_end:
                continue
            train_from(model, stage.train_from, stage.train_norm)
            for layer, own in norms:
                layer.momentum = own if stage.norm_momentum is None else stage.norm_momentum
            compile_stage(model, recipe, stage, train)
            if stored is not None:
                # A stage begins with an optimizer of its own.
                begun = recorder.place != Place(stage_start)
                restore(model, stored, kinds=("model", "optimizer") if begun else ("model",))
                stored = None
            _fit_stage(model, recipe, stage, stage_end, train, validation, recorder)
        for layer, own in norms:
            layer.momentum = own
        recorder.stop_if_asked()
        if recorder.best is not None:
            model.set_weights(recorder.best)
    return recorder.rows


def compile_stage(model: keras.Model, recipe: Recipe, stage: Stage, train: ImageSplit) -> None:
    """Compiles, and builds the optimizer and metrics, so that a checkpoint's variables have a place."""
    model.compile(
        optimizer=make_optimizer(stage, train.steps(recipe.batch_size), model),
        loss=CrossEntropy(recipe.label_smoothing),
        metrics=[TopK(1, "top1"), TopK(min(5, model.output_shape[-1]), "top5")],
        jit_compile=False,
    )
    model.optimizer.build(model.trainable_variables)
    model.evaluate(train.evaluation(recipe.batch_size).take(1), verbose=0)
    model.reset_metrics()


def _fit_stage(model, recipe, stage, stage_end, train, validation, recorder) -> None:
    steps = train.steps(recipe.batch_size)
    recorder.stage = stage
    board = keras.callbacks.TensorBoard(recorder.folder / "logs", write_graph=False)
    while recorder.place.epoch < stage_end and not recorder.finished:
        place: Place = recorder.place
        # An epoch that was broken off is a `fit` of its own: Keras starts every epoch of one with the same step.
        last = place.epoch + 1 if place.step else stage_end
        stream = train.training(
            recipe.batch_size, last, recipe.seed, recipe.augmentation, first_epoch=place.epoch, first_step=place.step
        )
        model.fit(
            stream,
            validation_data=validation and validation.evaluation(recipe.batch_size),
            initial_epoch=place.epoch,
            epochs=last,
            steps_per_epoch=steps - place.step,
            callbacks=[board, recorder],
            shuffle=False,
            verbose=1 if sys.stdout.isatty() else 2,
        )
    recorder.save()
