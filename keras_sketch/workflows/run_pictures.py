"""The pictures in a run's folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keras_sketch.curation.countries import country_centroids
from keras_sketch.curation.imagenet import display_names
from keras_sketch.workflows.split_predictions import class_counts

if TYPE_CHECKING:
    import keras

    from keras_sketch.data.loading import OpenDataset
    from keras_sketch.data.pipeline import ImageSplit
    from keras_sketch.evaluation.predictions import Predictions
    from keras_sketch.recipes import Recipe

_SAMPLES_A_CLASS = 8
_SAMPLED_CLASSES = 40
_MISTAKES = 24
_HEAT_MAPS = 8
_AUGMENTED_IMAGES = 6
_AUGMENTED_EPOCHS = 4
# 40 forward passes for each of 24 images: about half a minute for ResNet50 on two cores.
_MEASURED_IMAGES = 24
_STEPS = 10


def write_pictures(
    model: keras.Model,
    data: OpenDataset,
    predictions: Predictions,
    history: Sequence[dict],
    recipe: Recipe,
    folder: Path,
) -> None:
    """Writes confusion matrix, class sizes, samples, mistakes and heat maps as PNG files.

    Of a training curves and augmentation too.
    """
    from keras_sketch.evaluation.class_counts_picture import draw_class_counts
    from keras_sketch.evaluation.confusion import confusion_counts
    from keras_sketch.evaluation.confusion_picture import draw_confusion
    from keras_sketch.evaluation.curves import draw_curves
    from keras_sketch.evaluation.geography import continents
    from keras_sketch.evaluation.samples import draw_mistakes, draw_samples, surest_mistakes
    from keras_sketch.evaluation.world_map import draw_world_map
    from keras_sketch.training.history import best_epoch

    names, labels, test = display_names(predictions.class_names), predictions.labels, data.splits["test"]
    predicted, scores = predictions.predicted, predictions.probabilities.max(axis=-1)
    if history:
        draw_curves(folder / "curves.png", history, best_epoch=history[best_epoch(history)]["epoch"])
        _write_augmentation(model, data.splits["train"], recipe, names, folder / "augmentation.png")
    draw_confusion(folder / "confusion.png", confusion_counts(labels, predicted, len(names)), names, continents(names))
    centroids = country_centroids(names)
    if centroids is not None:
        draw_world_map(folder / "world_map.png", labels, predicted, names, centroids)
    draw_class_counts(folder / "classes.png", class_counts(data), names)
    sampled = _spread(np.unique(labels), _SAMPLED_CLASSES)
    chosen = _first_of_each_class(labels, _SAMPLES_A_CLASS, sampled)
    draw_samples(folder / "samples.png", test.images(chosen), labels[chosen], names)
    wrong = surest_mistakes(labels, predicted, scores, _MISTAKES)
    if len(wrong):
        total = int((labels != predicted).sum())
        pictures = test.images(wrong)
        draw_mistakes(
            folder / "mistakes.png", pictures, labels[wrong], predicted[wrong], scores[wrong], names, num_mistakes=total
        )
    else:
        (folder / "mistakes.png").unlink(missing_ok=True)
    _write_heat_maps(model, test, predictions, chosen, folder / "gradcam.png")


def _write_augmentation(model, train: ImageSplit, recipe: Recipe, names: Sequence[str], path: Path) -> None:
    """Draws training images as stored, as the network inverts them, and changed as in the first epochs."""
    from keras_sketch.evaluation.augmentation_picture import draw_augmentation
    from keras_sketch.recipes import Augmentation

    labels = train.labels
    a_class = -(-_AUGMENTED_IMAGES // len(np.unique(labels)))
    chosen = _spread(_first_of_each_class(labels, a_class), _AUGMENTED_IMAGES)
    inversion = next((layer for layer in model.layers if layer.name == "light_on_dark"), lambda pixels: pixels)
    columns = {"stored": train.images(chosen)}
    inverted = np.asarray(inversion(columns["stored"].astype("float32")))
    if (inverted != columns["stored"]).any():
        columns["inverted"] = inverted
    if recipe.augmentation != Augmentation():
        for epoch in range(min(_AUGMENTED_EPOCHS, recipe.epochs)):
            augmented = train.augmented(chosen, recipe.augmentation, recipe.seed, epoch)
            columns[f"epoch {epoch + 1}"] = np.asarray(inversion(augmented))
    draw_augmentation(path, columns, [names[label] for label in labels[chosen]])


def _write_heat_maps(model, test: ImageSplit, predictions: Predictions, chosen: np.ndarray, path: Path) -> None:
    from keras_sketch.explain import gradcam
    from keras_sketch.explain.overlay import write_gradcam_grid

    names = display_names(predictions.class_names)
    spread = _spread(chosen, _HEAT_MAPS)
    images = test.images(spread)
    rows = zip(predictions.labels[spread], predictions.probabilities[spread], strict=True)
    titles = [f"{names[label]} -> {names[row.argmax()]} ({row.max():.0%})" for label, row in rows]
    write_gradcam_grid(path, images, gradcam(model, images), titles)


def measure_heat_maps(model: keras.Model, test: ImageSplit, labels: np.ndarray, activation: str) -> dict:
    """Measures how faithful Grad-CAM's heat maps are on some test images, beside a map that knows nothing.

    Args:
        model: The classifier.
        test: The images.
        labels: Their classes.
        activation: What makes probabilities of the logits.

    Returns:
        The figures of `keras_sketch.explain.faithfulness` under `gradcam` and `random`, and `num_images`.
    """
    from keras_sketch.explain import control_maps, faithfulness, gradcam

    a_class = -(-_MEASURED_IMAGES // len(np.unique(labels)))
    images = test.images(_spread(_first_of_each_class(labels, a_class), _MEASURED_IMAGES))
    maps = {"gradcam": gradcam(model, images), "random": control_maps(images)["random"]}
    how = {"steps": _STEPS, "activation": activation}
    figures = {name: faithfulness(model, images, heat, **how).figures() for name, heat in maps.items()}
    return {**figures, "num_images": len(images)}


def _spread(places: np.ndarray, count: int) -> np.ndarray:
    """Returns at most `count` of the places, evenly spread over them."""
    return places[np.linspace(0, len(places) - 1, min(count, len(places))).astype(int)]


def _first_of_each_class(labels: np.ndarray, count: int, classes: np.ndarray | None = None) -> np.ndarray:
    """Returns the places of the first `count` examples of each class, or of each of these, class by class."""
    classes = np.unique(labels) if classes is None else classes
    return np.concatenate([np.flatnonzero(labels == label)[:count] for label in classes])
