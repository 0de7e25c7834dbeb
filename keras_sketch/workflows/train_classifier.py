"""`train`: data, model, fit, evaluation, pictures, exports, report."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

from keras_sketch.errors import InvalidArgumentError, TrainingError
from keras_sketch.recipes import Recipe
from keras_sketch.training.cluster import read_cluster
from keras_sketch.training.precision import Precision, check_precision, check_xla, choose_arithmetic
from keras_sketch.workflows.damaged_data import damaged_data_named
from keras_sketch.workflows.from_recipe import (
    build_network,
    check_blocks,
    check_stages,
    check_weights,
    open_data,
    share_batches,
)
from keras_sketch.workflows.recipe_choice import RecipeOptions, choose_recipe
from keras_sketch.workflows.run_folder import RunFolder
from keras_sketch.workflows.several_machines import as_worker, begin_run, leave_rest_to_chief
from keras_sketch.workflows.tensorflow_start import start_tensorflow
from keras_sketch.workflows.training_plan import print_plan


def train(
    dataset: str | None = None,
    model: str | None = None,
    recipe: str | None = None,
    *,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    policy: str | None = None,
    devices: str = "auto",
    precision: Precision = "float32",
    xla: bool = False,
    output_dir: str | None = None,
    resume: bool = False,
    deterministic: bool = False,
    **options: Unpack[RecipeOptions],
) -> Path:
    """Trains a classifier, tests it and exports it.

    Args:
        dataset: What to train on; `keras-sketch list` names them. Default: doodles, which need no data.
        model: The network. Default: the recipe's.
        recipe: The recipe, by name, or a .json file that holds one. Default: the dataset's own.
        epochs: Epochs of the last stage.
        batch_size: Examples a step, over all devices together. Default: the recipe's, fewer when there are fewer.
        learning_rate: Rate of the last stage; those before it change by the same factor.
        policy: A KerasCV augmentation policy, such as grid_mask, after the recipe's changes; its draws do not repeat.
        devices: A number or "auto": all GPUs, one CPU where there is none; without GPUs a number divides the CPU.
        precision: Of the arithmetic; weights are float32. mixed_float16 needs a GPU.
        xla: Compile the training steps with XLA, on one device; each run compiles anew, and a CPU gets slower.
        output_dir: The run's folder. Default: runs/RECIPE.
        resume: Go on with the run in the folder; a finished one is left as it is.
        deterministic: Bit-equal results from equal runs on the same devices, at some cost in speed on a GPU.
        **options: See `RecipeOptions`.

    Returns:
        The run's folder.

    Raises:
        KerasSketchError: What was asked cannot be done; the message says what to do.
    """
    changes = dict(model=model, epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, policy=policy)
    chosen = choose_recipe(recipe, dataset, options, **changes)
    check_precision(precision)
    run = RunFolder(output_dir or Path("runs") / chosen.name)
    run.check_free(resume)
    any_batch = batch_size is None
    if run.finished:
        _say_finished(run, chosen, any_batch)
        return run.path
    start_tensorflow()
    if model is not None and read_cluster() is None:
        # It builds a network: on several machines they would have to be joined before.
        check_blocks(chosen)
    wanted = dict(precision=precision, xla=xla, deterministic=deterministic)
    _train(chosen, run, options, devices, wanted, resume, any_batch, learning_rate)
    print(f"Report: {run.path / 'report.md'}")
    return run.path


def _say_finished(run: RunFolder, recipe: Recipe, any_batch: bool) -> None:
    print(f"{run.path} holds a finished run: nothing to do. Its report: {run.path / 'report.md'}")
    other = run.other_settings(recipe, any_batch)
    if other:
        print(f"It was made with other settings: {'; '.join(other)}. For these give another --output-dir.")


def _train(recipe, run, options, devices, wanted, resume, any_batch, learning_rate) -> None:
    from keras_sketch.data.augmentation import check_augmentation, repeats
    from keras_sketch.training.checkpoint import Checkpoints
    from keras_sketch.training.distribution import make_strategy
    from keras_sketch.training.lost_workers import lost_workers_named

    check_augmentation(recipe.augmentation)
    if wanted["deterministic"]:
        if not repeats(recipe.augmentation):
            received = recipe.augmentation.policy
            raise InvalidArgumentError("policy", "none with --deterministic: its draws do not repeat", received)
        _make_deterministic()
    if not (resume and Checkpoints(run.path / "checkpoints").exist):
        check_weights(recipe)
    with as_worker(run) as cluster:
        strategy = make_strategy(devices)
        arithmetic = choose_arithmetic(replicas=strategy.num_replicas_in_sync if strategy else 1, **wanted)
        with lost_workers_named(cluster, run.path):
            fitted = _fit(recipe, run, options, arithmetic, resume, any_batch, learning_rate, strategy)
        _finish(*fitted, run, strategy, cluster)


def _fit(recipe, run, options, arithmetic, resume, any_batch, learning_rate, strategy):
    """Returns the trained network, the data, the history, and what travels with an export."""
    import keras

    from keras_sketch.training.agreement import Workers
    from keras_sketch.training.checkpoint import Checkpoints
    from keras_sketch.training.distribution import scope
    from keras_sketch.training.fitting import fit_recipe
    from keras_sketch.training.optimizers import make_optimizer
    from keras_sketch.workflows.export_run import describe

    data, workers = open_data(recipe, options), Workers(strategy)
    train_split, replicas = data.splits["train"], strategy.num_replicas_in_sync if strategy else 1
    recipe = share_batches(recipe, data, replicas, any_batch, learning_rate)
    for stage in recipe.stages:
        make_optimizer(stage, train_split.steps(recipe.batch_size))
    keras.utils.set_random_seed(recipe.seed)
    begun = any(workers.any(resume and workers.is_chief and Checkpoints(run.path / "checkpoints").exist))
    with scope(strategy if workers.is_alone else None):
        network = build_network(recipe, data.info, arithmetic.precision, strategy, begun)
    check_stages(network, recipe)
    if arithmetic.xla:
        check_xla(network)

    settings = _settings(recipe, data.info, arithmetic)
    begin_run(run, settings, data.info.class_names, resume, workers)
    print_plan(recipe, data.info, network, strategy, str(arithmetic), run)
    for warning in arithmetic.warnings:
        print(f"Warning: {warning}", flush=True)
    metadata = describe(network, settings, data.info)
    with damaged_data_named(data.info), scope(strategy if workers.is_alone else None):
        splits = train_split, data.splits.get("validation")
        history = fit_recipe(network, recipe, *splits, run.path, metadata, strategy, arithmetic.xla)
    return network, data, history, metadata


def _finish(network, data, history, metadata, run, strategy, cluster) -> None:
    from keras_sketch.training.distribution import on_one_device, scope
    from keras_sketch.workflows.evaluation_steps import evaluate_and_report
    from keras_sketch.workflows.export_run import save_model

    if cluster is not None and not cluster.is_chief:
        leave_rest_to_chief(cluster, run)
        return
    network = on_one_device(network, strategy)
    with damaged_data_named(data.info), scope(strategy if cluster is None else None):
        save_model(network, run, metadata)
        evaluate_and_report(network, data, run, history)


def _settings(recipe, info, arithmetic) -> dict:
    import keras
    import tensorflow as tf

    from keras_sketch import __version__

    return {
        "recipe": recipe.to_dict(),
        "data": dict(info.provenance),
        "precision": arithmetic.precision,
        "xla": arithmetic.xla,
        "deterministic": arithmetic.deterministic,
        "versions": {"keras_sketch": __version__, "keras": keras.__version__, "tensorflow": tf.__version__},
    }


def _make_deterministic() -> None:
    import tensorflow as tf

    try:
        # Op determinism alone does not make the CPU's kernels repeat; one inter-op thread does.
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError as error:
        raise TrainingError(
            "--deterministic must be set before TensorFlow starts; use a new process for this run."
        ) from error
    tf.config.experimental.enable_op_determinism()
