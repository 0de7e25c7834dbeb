"""`predict`: the most probable classes of a user's images."""

from __future__ import annotations

from keras_sketch.curation.imagenet import display_names
from keras_sketch.errors import InvalidArgumentError
from keras_sketch.workflows.classification import classify


def predict(run: str, images: tuple[str, ...], k: int = 3) -> list[list[tuple[str, float]]]:
    """Says what a trained classifier sees in image files.

    Args:
        run: The run's folder, or a .keras file of this package.
        images: PNG, JPEG, GIF or BMP files.
        k: How many classes to name for each image.

    Returns:
        For each image its k most probable classes and their probabilities, best first. Where the classes are WordNet
        ids, readable names are printed.

    Raises:
        KerasSketchError: No finished run there, or a file that is no image.
    """
    if k < 1:
        raise InvalidArgumentError("k", "at least 1", k)
    model, _, probabilities = classify(run, images)
    best = (-probabilities).argsort(axis=-1, kind="stable")[:, :k]
    answers = [
        [(model.class_names[place], float(row[place])) for place in order]
        for row, order in zip(probabilities, best, strict=True)
    ]
    shown = dict(zip(model.class_names, display_names(model.class_names), strict=True))
    for path, answer in zip(images, answers, strict=True):
        print(f"{path}: " + ", ".join(f"{shown[name]} {score:.1%}" for name, score in answer))
    return answers
