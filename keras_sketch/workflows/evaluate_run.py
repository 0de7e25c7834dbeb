"""`evaluate`: a run tested again, or a run or a pretrained network tested on any dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from keras_sketch.errors import InvalidArgumentError, RunFolderError, UnknownNameError
from keras_sketch.models.table import list_models
from keras_sketch.workflows.arguments import check_known
from keras_sketch.workflows.classification import open_classifier
from keras_sketch.workflows.damaged_data import damaged_data_named
from keras_sketch.workflows.evaluated_network import (
    EvaluatedNetwork,
    EvaluationOptions,
    choose_network,
    open_test_data,
)
from keras_sketch.workflows.evaluation_folder import EvaluationFolder
from keras_sketch.workflows.evaluation_steps import evaluate_and_report, vote_and_report
from keras_sketch.workflows.run_folder import RunFolder
from keras_sketch.workflows.tensorflow_start import start_tensorflow

if TYPE_CHECKING:
    from keras_sketch.data.loading import OpenDataset

_VOTES = ("crops", "cam")


def evaluate(
    run: str,
    dataset: str | None = None,
    vote: str | None = None,
    output_dir: str | None = None,
    **options: Unpack[EvaluationOptions],
) -> dict:
    """Tests a run again and rewrites its report, or tests a run or a pretrained network on any dataset.

    Args:
        run: A run's folder; with a dataset also the name of a network, which is tested as it was trained on ImageNet.
        dataset: What to test on; `keras-sketch list` names them. Default: the run's own test split.
        vote: "crops": each picture and five crops of it vote on the class; "cam": each crop's vote counts as much as
            the Grad-CAM heat in it. The figures of one view stay as they are; the vote's stand beside them.
        output_dir: With a dataset, the evaluation's folder; the same evaluation in it is replaced. Default:
            evaluations/RUN-on-DATASET.
        **options: See `EvaluationOptions`.

    Returns:
        What `metrics.json` holds: `top1`, `top5`, `precision`, ... in 0..1; the vote's own under `votes`.

    Raises:
        RunFolderError: No finished run there, one without an epoch in `history.csv`, or, for a vote, one whose
            `metrics.json` or `predictions.csv` must be written anew first; or the evaluation's folder holds another.
        UnknownNameError: No such network, dataset, or way to vote.
        InvalidArgumentError: Options that do not go together, or test examples of classes that the network does not
            know.
        MissingDataError: The data is not there, or gone; or the weights file cannot be read.
    """
    if vote not in (None, *_VOTES):
        raise UnknownNameError("vote", vote, _VOTES)
    check_known(options, EvaluationOptions)
    if dataset is not None:
        return _evaluate_elsewhere(run, dataset, vote, output_dir, options)
    for name, value in {"output_dir": output_dir, **options}.items():
        if name != "data_dir" and value not in (None, (), []):
            raise InvalidArgumentError(name, "left out without a dataset: a run's own test split is fixed", value)
    return _evaluate_again(run, options.get("data_dir"), vote)


def _evaluate_again(run: str, data_dir: str | None, vote: str | None) -> dict:
    """Tests a run on its own test split."""
    start_tensorflow()
    from keras_sketch.data import reopen_dataset
    from keras_sketch.evaluation.scores import missing_scores
    from keras_sketch.training.history import read_history

    folder = RunFolder(run)
    if EvaluationFolder(run).begun and not folder.begun:
        raise RunFolderError(f"{run} holds an evaluation. Give the run or network, and --dataset, to evaluate again.")
    if not folder.begun and run in list_models():
        raise InvalidArgumentError("dataset", f"given, to test {run} as it was trained on ImageNet", None)
    folder.check_finished()
    recipe, history = folder.recipe(), read_history(folder.path / "history.csv")
    if not history:
        raise RunFolderError(f"{folder.path / 'history.csv'} has no epoch. Put the file of the training back.")
    if vote is not None and missing_scores(folder.metrics()):
        raise RunFolderError(
            f"{folder.path / 'metrics.json'} was written by another version: evaluate once without --vote."
        )
    model = open_classifier(folder.path)
    data = reopen_dataset(folder.settings()["data"], recipe.image_size, recipe.resize, data_dir)
    with damaged_data_named(data.info):
        if vote is None:
            metrics = evaluate_and_report(model, data, folder, history)
        else:
            metrics = vote_and_report(model, data, folder, vote)
    print(folder.path / "report.md")
    return metrics


def _evaluate_elsewhere(
    run: str, dataset: str, vote: str | None, output_dir: str | None, options: EvaluationOptions
) -> dict:
    """Tests a run's network, or a pretrained one, on the test split of any dataset."""
    start_tensorflow()
    from keras_sketch.data.sources import dataset_named
    from keras_sketch.evaluation.scores import missing_scores

    dataset = dataset_named(dataset)
    network = choose_network(run, dataset, options)
    folder = EvaluationFolder(output_dir or Path("evaluations") / f"{network.name}-on-{dataset}")
    folder.check_free(resume=True)
    data = open_test_data(network, dataset, options)
    settings = _settings(network, data)
    folder.check_same(settings)
    model = network.load(data.info.image_shape[2])
    with damaged_data_named(data.info):
        if vote is None or not folder.finished or missing_scores(folder.metrics()) or _of_others(folder, network):
            folder.replace(settings, data.info.class_names)
            metrics = evaluate_and_report(model, data, folder)
        if vote is not None:
            metrics = vote_and_report(model, data, folder, vote)
    print(folder.path / "report.md")
    return metrics


def _of_others(folder: EvaluationFolder, network: EvaluatedNetwork) -> bool:
    return folder.settings().get("weights_sha256") != network.weights_sha256


def _settings(network: EvaluatedNetwork, data: OpenDataset) -> dict:
    import keras
    import tensorflow as tf

    from keras_sketch import __version__

    return {
        "run": network.run,
        "recipe": network.recipe.to_dict(),
        "data": dict(data.info.provenance),
        "preprocessing": {
            "image_size": network.image_size,
            "channels": data.info.image_shape[2],
            "resize": network.recipe.resize,
            "pixels": "0..255",
        },
        "weights_sha256": network.weights_sha256,
        "versions": {"keras_sketch": __version__, "keras": keras.__version__, "tensorflow": tf.__version__},
    }
