"""From a model and a test split to predictions, figures, pictures and report, in a run's or evaluation's folder."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_sketch.errors import RunFolderError
from keras_sketch.workflows.run_folder import RunFolder
from keras_sketch.workflows.run_pictures import measure_heat_maps, write_pictures
from keras_sketch.workflows.vote_run import predict_by_vote

if TYPE_CHECKING:
    import keras

    from keras_sketch.data.loading import OpenDataset
    from keras_sketch.data.pipeline import ImageSplit
    from keras_sketch.evaluation.predictions import Predictions, RankedPredictions
    from keras_sketch.recipes import Recipe

# What the report does not break accuracy down by: it identifies examples or classes rather than describing them.
_IDENTIFIERS = ("id", "group", "key_id", "label", "photo", "sketch", "wnid", "class_name")
_PLACES = ("country_code", "latitude", "longitude")


def evaluate_and_report(model: keras.Model, data: OpenDataset, run: RunFolder, history: Sequence[dict] = ()) -> dict:
    """Writes `predictions.csv`, `metrics.json`, the pictures and, last, `report.md`; returns the metrics.

    Args:
        model: The classifier.
        data: With the split `"test"`, labelled by the model's classes.
        run: The folder; its settings are there.
        history: The training's epochs; none: nothing is said of the training, nor of how faithful heat maps are.
    """
    from keras_sketch.evaluation.predictions_csv import write_predictions
    from keras_sketch.evaluation.scores import classification_scores, missing_scores, write_metrics

    test, recipe = data.splits["test"], run.recipe()
    predictions = predict_split(model, test, data.info.class_names, recipe.batch_size)
    groups = test.groups
    metrics = classification_scores(predictions.labels, predictions.probabilities, groups)
    metrics |= _about_errors(predictions, groups, _ink(test, recipe.batch_size)) | _parameters(model, recipe)
    metrics["intervals"] |= _add_distances(metrics, predictions, groups)
    if data.info.leaked.get("test"):
        metrics["leaked"] = data.info.leaked["test"]
    if history:
        metrics |= _about_split(data, predictions, groups)
        metrics["faithfulness"] = measure_heat_maps(model, test, predictions.labels)
    earlier = run.metrics() if run.finished else {}
    if not missing_scores(earlier) and earlier["num_examples"] == metrics["num_examples"]:
        metrics |= {key: value for key, value in earlier.items() if key == "votes"}
    write_predictions(run.path / "predictions.csv", predictions)
    write_metrics(run.path / "metrics.json", metrics)
    write_pictures(model, data, predictions, history, recipe, run.path)
    _write_report(data, predictions, metrics, run)
    print(f"Test: {_scores_line(metrics)}, {metrics['num_examples']:,} examples")
    return metrics


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


def predict_split(model: keras.Model, split: ImageSplit, class_names: Sequence[str], batch_size: int) -> Predictions:
    """Runs the model over every example of a split once, in stored order; siblings have `group` among their facts."""
    from scipy.special import softmax

    from keras_sketch.evaluation.predictions import Predictions

    logits = model.predict(split.evaluation(batch_size), verbose=0)
    facts, groups = split.facts(), split.groups
    labels, ids = facts.pop("label"), facts.pop("id")
    if len(set(groups)) < len(groups):
        facts["group"] = groups
    return Predictions(ids, labels, softmax(np.asarray(logits, "float32"), axis=-1), class_names, facts)


def vote_and_report(model: keras.Model, data: OpenDataset, run: RunFolder, vote: str) -> dict:
    """Writes `predictions-<vote>.csv`, adds the vote's figures to `metrics.json`, and rewrites `report.md`."""
    from keras_sketch.evaluation.intervals import paired_difference
    from keras_sketch.evaluation.predictions_csv import read_predictions, write_predictions
    from keras_sketch.evaluation.scores import classification_scores, write_metrics

    test, metrics = data.splits["test"], run.metrics()
    single = read_predictions(run.path / "predictions.csv", data.info.class_names)
    if single.ids != list(test.facts(["id"])["id"]):
        raise RunFolderError(f"{run.path / 'predictions.csv'} is of other examples: evaluate once without --vote.")
    voted = predict_by_vote(model, test, data.info.class_names, run.recipe().batch_size, by_heat=vote == "cam")
    scores = classification_scores(voted.labels, voted.probabilities, test.groups)
    paired = paired_difference(single.predicted == single.labels, voted.predicted == voted.labels)
    difference = {"top1": paired.difference, "interval": paired.interval, "gained": paired.gained, "lost": paired.lost}
    metrics["votes"] = metrics.get("votes", {}) | {vote: {**scores, "difference": difference}}
    metrics |= _parameters(model, run.recipe())
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
    train_from(model, recipe.stages[-1].train_from, recipe.stages[-1].train_norm)
    trained = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    return {"parameters": model.count_params(), "parameters_trained": trained}


def _scores_line(scores: dict) -> str:
    parts = []
    for key, name in (("top1", "top-1"), ("top5", "top-5")):
        low, high = scores["intervals"][key]
        parts.append(f"{name} {scores[key]:.2%} ({low:.2%} to {high:.2%})")
    return ", ".join(parts)


def _write_report(
    data: OpenDataset, predictions: Predictions | RankedPredictions, metrics: dict, run: RunFolder
) -> None:
    from keras_sketch.evaluation.data_section import DataSummary
    from keras_sketch.evaluation.report import write_report
    from keras_sketch.training.history import read_history

    recipe, info, history = run.recipe(), data.info, run.path / "history.csv"
    counts = {name: np.bincount(split.labels, minlength=len(info.class_names)) for name, split in data.splits.items()}
    write_report(
        run.path,
        title=_title(run, info.provenance["dataset"]),
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
        recipe=recipe.to_dict() if recipe.stages else _as_pretrained(recipe),
        published=(recipe.published,) if recipe.published else (),
        facts={name: values for name, values in predictions.facts.items() if name not in (*_IDENTIFIERS, *_PLACES)},
        history=read_history(history) if history.is_file() else (),
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
