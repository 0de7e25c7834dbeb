"""From a model and a test split to predictions, figures, pictures and report, in a run's or evaluation's folder."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_sketch.errors import RunFolderError
from keras_sketch.losses.activation import activation_of
from keras_sketch.workflows.run_folder import RunFolder
from keras_sketch.workflows.run_pictures import measure_heat_maps, write_pictures
from keras_sketch.workflows.split_predictions import (
    DISTRACTORS,
    class_counts,
    predict_distractors,
    predict_split,
    training_scores,
)
from keras_sketch.workflows.vote_run import predict_by_vote

if TYPE_CHECKING:
    import keras

    from keras_sketch.data.loading import DatasetInfo, OpenDataset
    from keras_sketch.data.pipeline import ImageSplit
    from keras_sketch.evaluation.data_section import DataSummary
    from keras_sketch.evaluation.predictions import Predictions, RankedPredictions
    from keras_sketch.recipes import Recipe

# What the report does not break accuracy down by: it identifies examples or classes rather than describing them.
_IDENTIFIERS = ("id", "group", "key_id", "label", "photo", "sketch", "wnid", "class_name")
_PLACES = ("country_code", "latitude", "longitude")


def evaluate_and_report(model: keras.Model, data: OpenDataset, run: RunFolder, history: Sequence[dict] = ()) -> dict:
    """Writes `predictions.csv`, `metrics.json`, the pictures and, last, `report.md`; returns the metrics.

    Of landmarks `submission.csv` too. Images of no class, where the data has a split of them, count in GAP alone.

    Args:
        model: The classifier.
        data: With the split `"test"`, labelled by the model's classes.
        run: The folder; its settings are there.
        history: The training's epochs; none: nothing is said of the training, nor of how faithful heat maps are.
    """
    from keras_sketch.evaluation.gap import add_distractors
    from keras_sketch.evaluation.predictions_csv import write_predictions
    from keras_sketch.evaluation.scores import classification_scores, missing_scores, write_metrics

    test, recipe = data.splits["test"], run.recipe()
    activation = activation_of(recipe.to_dict())
    predictions = predict_split(model, test, data.info.class_names, recipe.batch_size, activation)
    distractors = predict_distractors(model, data, recipe.batch_size, activation)
    groups = test.groups
    metrics = classification_scores(predictions.labels, predictions.probabilities, groups)
    if distractors is not None:
        metrics = add_distractors(metrics, predictions, groups, distractors)
    metrics |= _about_errors(predictions, groups, _ink(test, recipe.batch_size)) | _parameters(model, recipe)
    metrics["intervals"] |= _add_distances(metrics, predictions, groups)
    if data.info.leaked.get("test"):
        metrics["leaked"] = data.info.leaked["test"]
    if history:
        metrics |= _about_split(data, predictions, groups)
        metrics["train"] = training_scores(model, data, recipe.batch_size, activation)
        metrics["faithfulness"] = measure_heat_maps(model, test, predictions.labels, activation)
    earlier = run.metrics() if run.finished else {}
    if not missing_scores(earlier) and earlier["num_examples"] == metrics["num_examples"]:
        metrics |= {key: value for key, value in earlier.items() if key == "votes"}
    write_predictions(run.path / "predictions.csv", predictions)
    _write_submission(data, run, predictions, distractors)
    write_metrics(run.path / "metrics.json", metrics)
    write_pictures(model, data, predictions, history, recipe, run.path)
    _write_report(data, predictions, metrics, run)
    print(f"Test: {_scores_line(metrics, _ranked(data))}, {metrics['num_examples']:,} examples")
    return metrics


def _ranked(data: OpenDataset) -> bool:
    """Whether the data is of a competition that ranks answers by their confidence."""
    return data.info.provenance["dataset"] == "gldv2" or DISTRACTORS in data.splits


def _write_submission(data: OpenDataset, run: RunFolder, *predictions: Predictions | RankedPredictions | None) -> None:
    from keras_sketch.evaluation.submission import are_landmarks, write_submission

    if _ranked(data) and are_landmarks(data.info.class_names):
        write_submission(run.path / "submission.csv", *(part for part in predictions if part is not None))


def _about_errors(predictions: Predictions, groups: Sequence[str], ink: np.ndarray) -> dict:
    from keras_sketch.evaluation.ink import accuracy_by_ink
    from keras_sketch.evaluation.mistakes import same_branch, wrong_answers

    labels, predicted, names = predictions.labels, predictions.predicted, predictions.class_names
    groups = groups if len(set(groups)) < len(groups) else None
    branch = same_branch(labels, predicted, names, groups)
    return {
        "wrong_answers": wrong_answers(labels, predicted, names),
        **({"same_branch": branch} if branch else {}),
        "ink": accuracy_by_ink(ink, labels, predicted, groups),
    }


def _add_distances(metrics: dict, predictions: Predictions, groups: Sequence[str]) -> dict[str, list[float]]:
    """Adds how far off the answers are where the classes are countries; returns the intervals."""
    from keras_sketch.curation.countries import country_centroids
    from keras_sketch.evaluation.geography import continents, distance_scores
    from keras_sketch.evaluation.mistakes import errors_within

    labels, predicted, names = predictions.labels, predictions.predicted, predictions.class_names
    centroids = country_centroids(names)
    if centroids is None:
        return {}
    groups = groups if len(set(groups)) < len(groups) else None
    within = errors_within(labels, predicted, continents(names), groups)
    distances = distance_scores(labels, predicted, centroids, groups)
    intervals = distances.pop("intervals")
    metrics |= distances | ({"same_continent": within} if within else {})
    return intervals


def _about_split(data: OpenDataset, predictions: Predictions, groups: Sequence[str]) -> dict:
    """Returns what siblings in training are worth, and which classes could not be learnt, where there are such."""
    from keras_sketch.evaluation.leak import sibling_scores, untrained_scores

    train, labels, predicted = data.splits["train"], predictions.labels, predictions.predicted
    counts = np.bincount(train.labels, minlength=len(predictions.class_names))
    found = {"untrained": untrained_scores(labels, predicted, predictions.class_names, counts, groups)}
    if data.info.leaked.get("test"):
        found["siblings"] = sibling_scores(labels == predicted, groups, train.groups)
    return {name: scores for name, scores in found.items() if scores}


def _ink(split: ImageSplit, batch_size: int) -> np.ndarray:
    from keras_sketch.evaluation.ink import ink_shares

    return np.concatenate([ink_shares(images.numpy()) for images, _ in split.evaluation(batch_size)])


def vote_and_report(model: keras.Model, data: OpenDataset, run: RunFolder, vote: str) -> dict:
    """Writes `predictions-<vote>.csv`, adds the vote's figures to `metrics.json`, and rewrites `report.md`."""
    from keras_sketch.evaluation.intervals import paired_difference
    from keras_sketch.evaluation.predictions_csv import read_predictions, write_predictions
    from keras_sketch.evaluation.scores import classification_scores, write_metrics

    test, metrics = data.splits["test"], run.metrics()
    single = read_predictions(run.path / "predictions.csv", data.info.class_names)
    if single.ids != list(test.facts(["id"])["id"]):
        raise RunFolderError(f"{run.path / 'predictions.csv'} is of other examples: evaluate once without --vote.")
    recipe = run.recipe()
    how = {"by_heat": vote == "cam", "activation": activation_of(recipe.to_dict())}
    voted = predict_by_vote(model, test, data.info.class_names, recipe.batch_size, **how)
    scores = classification_scores(voted.labels, voted.probabilities, test.groups)
    if "num_distractors" in metrics:  # of which there are no votes
        for each in (scores, scores["intervals"]):
            each["gap_without_distractors"] = each.pop("gap")
    paired = paired_difference(single.predicted == single.labels, voted.predicted == voted.labels)
    difference = {"top1": paired.difference, "interval": paired.interval, "gained": paired.gained, "lost": paired.lost}
    metrics["votes"] = metrics.get("votes", {}) | {vote: {**scores, "difference": difference}}
    metrics |= _parameters(model, recipe)
    write_predictions(run.path / f"predictions-{vote}.csv", voted)
    write_metrics(run.path / "metrics.json", metrics)
    _write_report(data, single, metrics, run)
    low, high = paired.interval
    print(f"Test, one view: {_scores_line(metrics)}, {metrics['num_examples']:,} examples")
    print(f"Test, vote by {vote}: {_scores_line(scores)}; {100 * paired.difference:+.2f} points", end=" ")
    print(f"({100 * low:+.2f} to {100 * high:+.2f})")
    return run.metrics()


def _parameters(model: keras.Model, recipe: Recipe) -> dict[str, int]:
    """Counts the network's parameters, and those that the recipe's last stage trained."""
    from keras_sketch.models import train_from

    if not recipe.stages:
        return {"parameters": model.count_params()}
    last = recipe.stages[-1]
    train_from(model, last.train_from, last.train_norm, last.frozen)
    trained = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    return {"parameters": model.count_params(), "parameters_trained": trained}


def _scores_line(scores: dict, ranked: bool = False) -> str:
    parts = []
    for key, name in (("top1", "top-1"), ("top5", "top-5"), *([("gap", "GAP")] if ranked else [])):
        low, high = scores["intervals"][key]
        parts.append(f"{name} {scores[key]:.2%} ({low:.2%} to {high:.2%})")
    return ", ".join(parts)


def _write_report(
    data: OpenDataset, predictions: Predictions | RankedPredictions, metrics: dict, run: RunFolder
) -> None:
    from keras_sketch.evaluation.report import write_report
    from keras_sketch.training.history import read_history

    recipe, info, history = run.recipe(), data.info, run.path / "history.csv"
    write_report(
        run.path,
        title=_title(run, info.provenance["dataset"]),
        scores=metrics,
        labels=predictions.labels,
        predicted=predictions.predicted,
        class_names=info.class_names,
        data=_summary(info, class_counts(data)),
        recipe=recipe.to_dict() if recipe.stages else _as_pretrained(recipe),
        published=(recipe.published,) if recipe.published else (),
        facts={name: values for name, values in predictions.facts.items() if name not in (*_IDENTIFIERS, *_PLACES)},
        history=read_history(history) if history.is_file() else (),
    )


def _summary(info: DatasetInfo, counts: dict[str, np.ndarray]) -> DataSummary:
    from keras_sketch.evaluation.data_section import DataSummary

    source = info.provenance
    return DataSummary(
        dataset=f"{source['dataset']}/{source['config']}",
        splits=info.num_examples,
        provenance=f"Version {source['version']}, prepared in {source['prepared_in']}.",
        split_scheme=source["split"],
        class_counts=counts,
        bad_examples=info.bad_examples,
        manifest=os.path.join(source["prepared_in"], "bad_examples.csv"),
        leaked={split: count for split, count in info.leaked.items() if split != DISTRACTORS},
        left_out=info.left_out,
    )


def _title(run: RunFolder, dataset: str) -> str:
    recipe, settings = run.recipe(), run.settings()
    if "run" not in settings:
        return f"{recipe.model} on {dataset}"
    trained = f"trained on {recipe.dataset}" if recipe.stages else "as pretrained"
    return f"{recipe.model}, {trained}, on {dataset}"


def _as_pretrained(recipe: Recipe) -> dict:
    """Returns what a recipe says of a network that is not trained."""
    kept = ("model", "weights", "head", "image_size", "resize", "light_on_dark")
    return {name: value for name, value in recipe.to_dict().items() if name in kept}
