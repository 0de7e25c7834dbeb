"""What the tests of pictures and of comparisons share."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from keras_sketch.curation.imagenet import imagenet_classes
from keras_sketch.evaluation.comparison import ComparedRun
from keras_sketch.evaluation.ink import accuracy_by_ink
from keras_sketch.evaluation.mistakes import same_branch, wrong_answers
from keras_sketch.evaluation.predictions import RankedPredictions
from keras_sketch.evaluation.ranking import top_k
from keras_sketch.evaluation.scores import classification_scores
from keras_sketch.recipes import Recipe, Stage


@pytest.fixture
def picture():
    """Reads a PNG and checks that something is drawn on it; what it looks like is for eyes."""

    def read(path):
        pixels = cv2.imread(str(path))
        assert pixels is not None and pixels.std() > 1
        return pixels

    return read


@pytest.fixture
def count_of():
    """Counts the pixels of a colour in what `picture` reads, give or take one level."""

    def count(pixels, colour):
        wanted = 255 * np.array(to_rgb(colour)[::-1])  # OpenCV reads blue first
        return int((np.abs(pixels - wanted).max(axis=-1) <= 1).sum())

    return count


@pytest.fixture
def evaluated():
    """Makes evaluations of networks on 40 examples of three ImageNet classes, with 1000 or fewer outputs."""
    wnids = [each.wnid for each in imagenet_classes()]
    true = np.random.default_rng(0).choice([1, 207, 611], 40)

    def make(name, model="cnn", after=False, skill=0.3, seed=1, class_names=wnids, first=0, **changes):
        rng = np.random.default_rng(seed)
        places = {name: place for place, name in enumerate(class_names)}
        labels = np.array([places[wnids[label]] for label in true])
        probabilities = rng.random((40, len(class_names))) ** 8
        probabilities[np.arange(40), labels] += rng.random(40) < skill
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        ranked, values = top_k(probabilities, 5)
        scores = classification_scores(labels, probabilities, resamples=20) | {"parameters": 10}
        scores["wrong_answers"] = wrong_answers(labels, ranked[:, 0], class_names)
        scores["same_branch"] = same_branch(labels, ranked[:, 0], class_names)
        scores["ink"] = accuracy_by_ink(np.linspace(0, 0.3, 40), labels, ranked[:, 0])
        stages = (Stage(epochs=2, learning_rate=0.1),) if after else ()
        told = {"published": changes.pop("p", None), "weights": changes.pop("weights", "imagenet")}
        order = rng.permutation(40)
        ids = [f"id {first + i}" for i in order]
        return ComparedRun(
            name=name,
            folder=Path(name),
            recipe=Recipe(
                name="r", summary="", dataset=changes.pop("dataset", "own"), model=model, stages=stages, **told
            ),
            scores=scores,
            history=[],
            predictions=RankedPredictions(ids, labels[order], ranked[order], values[order], list(class_names), {}),
            tested_on="own/config",
            **changes,
        )

    return make
