"""A split classified from several views of each picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

    from keras_sketch.data.pipeline import ImageSplit
    from keras_sketch.evaluation.predictions import Predictions


def predict_by_vote(
    model: keras.Model,
    split: ImageSplit,
    class_names: Sequence[str],
    batch_size: int,
    by_heat: bool,
    activation: str = "softmax",
) -> Predictions:
    """Classifies six views of every example of a split, a batch at a time, and lets them vote.

    Args:
        model: The classifier.
        split: What to classify, in stored order.
        class_names: In the order of the model's outputs.
        batch_size: Images in one pass through the model.
        by_heat: Whether a vote counts as much as the share of the Grad-CAM heat that lies in its view.
        activation: What makes probabilities of its logits, as `activation_of` says.

    Returns:
        The votes, as probabilities; see `majority_vote`.
    """
    from tqdm import tqdm

    from keras_sketch.data.crops import several_views, view_boxes
    from keras_sketch.evaluation.predictions import Predictions
    from keras_sketch.evaluation.voting import heat_shares, majority_vote, shows_something
    from keras_sketch.explain import gradcam
    from keras_sketch.losses.activation import probabilities

    boxes = view_boxes(split.side)
    votes = []
    with tqdm(
        total=split.num_examples, desc="Voting", unit=" examples", delay=2, leave=False, disable=None
    ) as progress:
        for batch in several_views(split, max(1, batch_size // len(boxes))):
            views = batch.numpy()
            examples, count = views.shape[:2]
            logits = model.predict_on_batch(views.reshape(-1, *views.shape[2:]))
            found = probabilities(logits, activation).reshape(examples, count, -1)
            weights = shows_something(views).astype("float64")
            if by_heat:
                heat = gradcam(model, views[:, 0], found[:, 0].argmax(axis=-1))
                weights *= heat_shares(heat, boxes)
            votes.append(majority_vote(found, weights))
            progress.update(examples)
    facts = split.facts()
    labels, ids = facts.pop("label"), facts.pop("id")
    return Predictions(ids, labels, np.concatenate(votes), class_names, facts)
