"""`evaluate`: predictions over a whole split, figures, pictures, report."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keras_sketch.workflows.classification import open_classifier
from keras_sketch.workflows.damaged_data import damaged_data_named
from keras_sketch.workflows.run_folder import RunFolder
from keras_sketch.workflows.tensorflow_start import start_tensorflow

if TYPE_CHECKING:
    import keras

    from keras_sketch.data.loading import OpenDataset
    from keras_sketch.data.pipeline import ImageSplit
    from keras_sketch.evaluation.predictions import Predictions

# What the report does not break accuracy down by: it identifies examples rather than describing them.
_IDENTIFIERS = ("id", "key_id", "label")
_SAMPLES_A_CLASS = 8
_MISTAKES = 24
_HEAT_MAPS = 8


def evaluate(run: str, data_dir: str | None = None) -> dict:
    """Tests a finished run again on its test split and rewrites its figures, pictures and report.

    Args:
        run: The run's folder.
        data_dir: Where prepared datasets are kept now. Default: where the run found its data.

    Returns:
        What `metrics.json` holds: `top1`, `top5`, `precision`, ... in 0..1.

    Raises:
        RunFolderError: No finished run there.
        MissingDataError: The data that it was trained on, as prepared, is gone.
    """
    start_tensorflow()
    from keras_sketch.data import reopen_dataset
    from keras_sketch.training.history import read_history

    folder = RunFolder(run)
    folder.check_finished()
    recipe = folder.recipe()
    model = open_classifier(folder.path)
    data = reopen_dataset(folder.settings()["data"], recipe.image_size, recipe.resize, data_dir)
    with damaged_data_named(data.info):
        metrics = evaluate_and_report(model, data, folder, read_history(folder.path / "history.csv"))
    print(folder.path / "report.md")
    return metrics


def evaluate_and_report(model: keras.Model, data: OpenDataset, run: RunFolder, history: list[dict]) -> dict:
    """Writes `predictions.csv`, `metrics.json`, the pictures and, last, `report.md`; returns the metrics."""
    from keras_sketch.evaluation.predictions_csv import write_predictions
    from keras_sketch.evaluation.scores import classification_scores, write_metrics

    test = data.splits["test"]
    predictions = predict_split(model, test, data.info.class_names, run.recipe().batch_size)
    metrics = classification_scores(predictions.labels, predictions.probabilities)
    write_predictions(run.path / "predictions.csv", predictions)
    write_metrics(run.path / "metrics.json", metrics)
    _write_pictures(model, data, predictions, history, run.path)
    _write_report(data, predictions, metrics, run)
    low, high = metrics["intervals"]["top1"]
    print(f"Test: top-1 {metrics['top1']:.2%} ({low:.2%} to {high:.2%}), {metrics['num_examples']:,} examples")
    return metrics


def predict_split(model: keras.Model, split: ImageSplit, class_names: Sequence[str], batch_size: int) -> Predictions:
    """Runs the model over every example of a split once, in stored order."""
    from scipy.special import softmax

    from keras_sketch.evaluation.predictions import Predictions

    logits = model.predict(split.evaluation(batch_size), verbose=0)
    facts = split.facts()
    labels, ids = facts.pop("label"), facts.pop("id")
    return Predictions(ids, labels, softmax(np.asarray(logits, "float32"), axis=-1), class_names, facts)


def _write_pictures(model, data: OpenDataset, predictions: Predictions, history: list[dict], folder: Path) -> None:
    from keras_sketch.evaluation.confusion import confusion_counts
    from keras_sketch.evaluation.confusion_picture import draw_confusion
    from keras_sketch.evaluation.curves import draw_curves
    from keras_sketch.evaluation.samples import draw_mistakes, draw_samples, surest_mistakes
    from keras_sketch.training.history import best_epoch

    names, labels, test = predictions.class_names, predictions.labels, data.splits["test"]
    predicted, scores = predictions.probabilities.argmax(axis=-1), predictions.probabilities.max(axis=-1)
    draw_curves(folder / "curves.png", history, best_epoch=history[best_epoch(history)]["epoch"])
    draw_confusion(folder / "confusion.png", confusion_counts(labels, predicted, len(names)), names)
    chosen = _first_of_each_class(labels, _SAMPLES_A_CLASS)
    draw_samples(folder / "samples.png", test.images(chosen), labels[chosen], names)
    wrong = surest_mistakes(labels, predicted, scores, _MISTAKES)
    if len(wrong):
        total = int((labels != predicted).sum())
        pictures = test.images(wrong)
        draw_mistakes(
            folder / "mistakes.png", pictures, labels[wrong], predicted[wrong], scores[wrong], names, num_mistakes=total
        )
    _write_heat_maps(model, test, predictions, chosen, folder / "gradcam.png")


def _write_heat_maps(model, test: ImageSplit, predictions: Predictions, chosen: np.ndarray, path: Path) -> None:
    from keras_sketch.explain import gradcam
    from keras_sketch.explain.overlay import write_gradcam_grid

    names = predictions.class_names
    spread = chosen[np.linspace(0, len(chosen) - 1, min(_HEAT_MAPS, len(chosen))).astype(int)]
    images = test.images(spread)
    rows = zip(predictions.labels[spread], predictions.probabilities[spread], strict=True)
    titles = [f"{names[label]} -> {names[row.argmax()]} ({row.max():.0%})" for label, row in rows]
    write_gradcam_grid(path, images, gradcam(model, images), titles)


def _write_report(data: OpenDataset, predictions: Predictions, metrics: dict, run: RunFolder) -> None:
    from keras_sketch.evaluation.report import DataSummary, write_report

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
        predicted=predictions.probabilities.argmax(axis=-1),
        class_names=info.class_names,
        data=DataSummary(
            dataset=f"{info.provenance['dataset']}/{info.provenance['config']}",
            splits=info.num_examples,
            provenance=f"Version {info.provenance['version']}, prepared in {info.provenance['prepared_in']}.",
            split_scheme=info.provenance["split"],
            class_counts=counts,
            bad_examples=info.bad_examples,
            manifest=os.path.join(info.provenance["prepared_in"], "bad_examples.csv"),
        ),
        recipe=recipe.to_dict(),
        published=(recipe.published,) if recipe.published else (),
        facts={name: values for name, values in predictions.facts.items() if name not in _IDENTIFIERS},
    )


def _first_of_each_class(labels: np.ndarray, count: int) -> np.ndarray:
    """Returns the places of the first `count` examples of each class, class by class."""
    return np.concatenate([np.flatnonzero(labels == label)[:count] for label in np.unique(labels)])
