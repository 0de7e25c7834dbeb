"""`evaluate`: predictions over a whole split, figures, pictures, report."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_sketch.errors import RunFolderError, UnknownNameError
from keras_sketch.workflows.classification import open_classifier
from keras_sketch.workflows.damaged_data import damaged_data_named
from keras_sketch.workflows.run_folder import RunFolder
from keras_sketch.workflows.run_pictures import measure_heat_maps, write_pictures
from keras_sketch.workflows.tensorflow_start import start_tensorflow
from keras_sketch.workflows.vote_run import predict_by_vote

if TYPE_CHECKING:
    import keras

    from keras_sketch.data.loading import OpenDataset
    from keras_sketch.data.pipeline import ImageSplit
    from keras_sketch.evaluation.predictions import Predictions, RankedPredictions
    from keras_sketch.recipes import Recipe

# What the report does not break accuracy down by: it identifies examples rather than describing them.
_IDENTIFIERS = ("id", "key_id", "label", "photo", "sketch", "wnid")
_VOTES = ("crops", "cam")


def evaluate(run: str, data_dir: str | None = None, vote: str | None = None) -> dict:
    """Tests a finished run again on its test split and rewrites its figures, pictures and report.

    Args:
        run: The run's folder.
        data_dir: Where prepared datasets are kept now. Default: where the run found its data.
        vote: "crops": each picture and five crops of it vote on the class; "cam": each crop's vote counts as much as
            the Grad-CAM heat in it. The run's own figures stay as they are; the vote's stand beside them.

    Returns:
        What `metrics.json` holds: `top1`, `top5`, `precision`, ... in 0..1; the vote's own under `votes`.

    Raises:
        RunFolderError: No finished run there, one without an epoch in `history.csv`, or, for a vote, one whose
            `metrics.json` or `predictions.csv` must be written anew first.
        UnknownNameError: No such way to vote.
        MissingDataError: The data that it was trained on, as prepared, is gone.
    """
    if vote not in (None, *_VOTES):
        raise UnknownNameError("vote", vote, _VOTES)
    start_tensorflow()
    from keras_sketch.data import reopen_dataset
    from keras_sketch.evaluation.scores import missing_scores
    from keras_sketch.training.history import read_history

    folder = RunFolder(run)
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
            metrics = _vote_and_report(model, data, folder, vote)
    print(folder.path / "report.md")
    return metrics


def evaluate_and_report(model: keras.Model, data: OpenDataset, run: RunFolder, history: list[dict]) -> dict:
    """Writes `predictions.csv`, `metrics.json`, the pictures and, last, `report.md`; returns the metrics."""
    from keras_sketch.evaluation.predictions_csv import write_predictions
    from keras_sketch.evaluation.scores import classification_scores, missing_scores, write_metrics

    test, recipe = data.splits["test"], run.recipe()
    predictions = predict_split(model, test, data.info.class_names, recipe.batch_size)
    metrics = classification_scores(predictions.labels, predictions.probabilities, test.facts(["group"])["group"])
    metrics |= _parameters(model, recipe)
    metrics["faithfulness"] = measure_heat_maps(model, test, predictions.labels)
    earlier = run.metrics() if run.finished else {}
    if not missing_scores(earlier) and earlier["num_examples"] == metrics["num_examples"]:
        metrics |= {key: value for key, value in earlier.items() if key == "votes"}
    write_predictions(run.path / "predictions.csv", predictions)
    write_metrics(run.path / "metrics.json", metrics)
    write_pictures(model, data, predictions, history, recipe, run.path)
    _write_report(data, predictions, metrics, run)
    print(f"Test: {_top1(metrics)}, {metrics['num_examples']:,} examples")
    return metrics


def predict_split(model: keras.Model, split: ImageSplit, class_names: Sequence[str], batch_size: int) -> Predictions:
    """Runs the model over every example of a split once, in stored order."""
    from scipy.special import softmax

    from keras_sketch.evaluation.predictions import Predictions

    logits = model.predict(split.evaluation(batch_size), verbose=0)
    facts = split.facts()
    labels, ids = facts.pop("label"), facts.pop("id")
    return Predictions(ids, labels, softmax(np.asarray(logits, "float32"), axis=-1), class_names, facts)


def _vote_and_report(model: keras.Model, data: OpenDataset, run: RunFolder, vote: str) -> dict:
    """Writes `predictions-<vote>.csv`, adds the vote's figures to `metrics.json`, and rewrites `report.md`."""
    from keras_sketch.evaluation.intervals import paired_difference
    from keras_sketch.evaluation.predictions_csv import read_predictions, write_predictions
    from keras_sketch.evaluation.scores import classification_scores, write_metrics

    test, metrics = data.splits["test"], run.metrics()
    single = read_predictions(run.path / "predictions.csv", data.info.class_names)
    if single.ids != list(test.facts(["id"])["id"]):
        raise RunFolderError(f"{run.path / 'predictions.csv'} is of other examples: evaluate once without --vote.")
    voted = predict_by_vote(model, test, data.info.class_names, run.recipe().batch_size, by_heat=vote == "cam")
    scores = classification_scores(voted.labels, voted.probabilities, test.facts(["group"])["group"])
    paired = paired_difference(single.predicted == single.labels, voted.predicted == voted.labels)
    difference = {"top1": paired.difference, "interval": paired.interval, "gained": paired.gained, "lost": paired.lost}
    metrics["votes"] = metrics.get("votes", {}) | {vote: {**scores, "difference": difference}}
    metrics |= _parameters(model, run.recipe())
    write_predictions(run.path / f"predictions-{vote}.csv", voted)
    write_metrics(run.path / "metrics.json", metrics)
    _write_report(data, single, metrics, run)
    low, high = paired.interval
    print(f"Test, one view: {_top1(metrics)}, {metrics['num_examples']:,} examples")
    print(f"Test, vote by {vote}: {_top1(scores)}; {100 * paired.difference:+.2f} points", end=" ")
    print(f"({100 * low:+.2f} to {100 * high:+.2f})")
    return run.metrics()


def _parameters(model: keras.Model, recipe: Recipe) -> dict[str, int]:
    """Counts the network's parameters, and those that the recipe's last stage trained."""
    from keras_sketch.models import train_from

    train_from(model, recipe.stages[-1].train_from)
    trained = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    return {"parameters": model.count_params(), "parameters_trained": trained}


def _top1(scores: dict) -> str:
    low, high = scores["intervals"]["top1"]
    return f"top-1 {scores['top1']:.2%} ({low:.2%} to {high:.2%})"


def _write_report(
    data: OpenDataset, predictions: Predictions | RankedPredictions, metrics: dict, run: RunFolder
) -> None:
    from keras_sketch.evaluation.data_section import DataSummary
    from keras_sketch.evaluation.report import write_report

    recipe, info = run.recipe(), data.info
    counts = {
        name: np.bincount(split.facts(["label"])["label"], minlength=len(info.class_names))
        for name, split in data.splits.items()
    }
    write_report(
        run.path,
        title=f"{recipe.model} on {recipe.dataset}",
        scores=metrics,
        labels=predictions.labels,
        predicted=predictions.predicted,
        class_names=info.class_names,
        data=DataSummary(
            dataset=f"{info.provenance['dataset']}/{info.provenance['config']}",
            splits=info.num_examples,
            provenance=f"Version {info.provenance['version']}, prepared in {info.provenance['prepared_in']}.",
            split_scheme=info.provenance["split"],
            class_counts=counts,
            bad_examples=info.bad_examples,
            manifest=os.path.join(info.provenance["prepared_in"], "bad_examples.csv"),
            leaked=info.leaked,
            left_out=info.left_out,
        ),
        recipe=recipe.to_dict(),
        published=(recipe.published,) if recipe.published else (),
        facts={name: values for name, values in predictions.facts.items() if name not in _IDENTIFIERS},
    )
