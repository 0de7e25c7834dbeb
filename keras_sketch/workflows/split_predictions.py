"""Splits through a network: what it says about test images, images of no class, and images that it was trained on."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_sketch.losses.activation import probabilities

if TYPE_CHECKING:
    import keras

    from keras_sketch.data.loading import OpenDataset
    from keras_sketch.data.pipeline import ImageSplit
    from keras_sketch.evaluation.predictions import Predictions, RankedPredictions

DISTRACTORS = "distractors"
"""The split of images that are of no class, with the label -1."""

_TRAINING_SAMPLE = 1000
_TRAINING_SCORES = ("top1", "top5", "gap", "num_examples", "num_groups")


def predict_split(
    model: keras.Model,
    split: ImageSplit,
    class_names: Sequence[str],
    batch_size: int,
    activation: str = "softmax",
) -> Predictions:
    """Runs the model over every example of a split once, in stored order.

    Args:
        model: The classifier.
        split: What to classify; siblings have `group` among their facts.
        class_names: In the order of the model's outputs.
        batch_size: Images in one pass through the model.
        activation: What makes probabilities of its logits, as `activation_of` says.
    """
    from keras_sketch.evaluation.predictions import Predictions

    found = probabilities(_logits(model, split, batch_size), activation)
    facts, groups = split.facts(), split.groups
    labels, ids = facts.pop("label"), facts.pop("id")
    if len(set(groups)) < len(groups):
        facts["group"] = groups
    return Predictions(ids, labels, found, class_names, facts)


def predict_distractors(
    model: keras.Model, data: OpenDataset, batch_size: int, activation: str
) -> RankedPredictions | None:
    """Returns the best guess for every image of no class, with its `group` among the facts; None where there are none.

    Args:
        model: The classifier.
        data: The dataset.
        batch_size: Images in one pass through the model.
        activation: As `predict_split`.
    """
    from keras_sketch.evaluation.predictions import RankedPredictions
    from keras_sketch.evaluation.ranking import top_k

    split = data.splits.get(DISTRACTORS)
    if split is None or not split.num_examples:
        return None
    ranked, scores = top_k(probabilities(_logits(model, split, batch_size), activation), 1)
    known = split.facts(["id", "group", "label"])
    names = list(data.info.class_names)
    return RankedPredictions(known["id"], known["label"], ranked, scores, names, {"group": known["group"]})


def class_counts(data: OpenDataset) -> dict[str, np.ndarray]:
    """Returns by split how many examples each class has, integers `[K]`; distractors are of no class."""
    splits = {name: split for name, split in data.splits.items() if name != DISTRACTORS}
    return {name: np.bincount(split.labels, minlength=len(data.info.class_names)) for name, split in splits.items()}


def training_scores(
    model: keras.Model, data: OpenDataset, batch_size: int, activation: str
) -> dict[str, float | int | dict]:
    """Scores the network on images that it was trained on, unchanged, so that overfitting shows.

    They are the first of the stored order, which is a hash's: as many as the test has, at least 1,000, or all.

    Args:
        model: The classifier.
        data: With the splits `"train"` and `"test"`.
        batch_size: Images in one pass through the model.
        activation: As `predict_split`.

    Returns:
        `top1`, `top5`, `gap`, `num_examples`, `num_groups` and `intervals`, as `classification_scores`.
    """
    from keras_sketch.evaluation.scores import classification_scores

    train = data.splits["train"]
    count = max(_TRAINING_SAMPLE, data.splits["test"].num_examples)
    if count < train.num_examples:
        train = dataclasses.replace(train, name=f"{train.name}[:{count}]")
    told = predict_split(model, train, data.info.class_names, batch_size, activation)
    scores = classification_scores(told.labels, told.probabilities, train.groups)
    kept = {key: scores[key] for key in _TRAINING_SCORES}
    return {**kept, "intervals": {key: scores["intervals"][key] for key in kept if key in scores["intervals"]}}


def _logits(model: keras.Model, split: ImageSplit, batch_size: int) -> np.ndarray:
    """Returns float `[N, K]`, every example once, in stored order."""
    import keras
    from tqdm import tqdm

    batches, what = split.evaluation(batch_size), f"Predicting {split.name.partition('[')[0]}"
    with tqdm(total=len(batches), desc=what, unit=" batches", delay=2, leave=False, disable=None) as progress:
        ticking = keras.callbacks.LambdaCallback(on_predict_batch_end=lambda batch, logs: progress.update())
        return model.predict(batches, verbose=0, callbacks=[ticking])
