"""`match`: what two images have in common."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keras_sketch.errors import BadDataError, InvalidArgumentError
from keras_sketch.workflows.arguments import picture_path
from keras_sketch.workflows.extract_features import choose_classifier
from keras_sketch.workflows.feature_folder import FeatureFolder
from keras_sketch.workflows.tensorflow_start import start_tensorflow

if TYPE_CHECKING:
    from keras_sketch.local_features import Extractor, LocalFeatures, Matches


def match(
    network: str,
    first: str,
    second: str,
    weights: str | None = None,
    image_size: int = 512,
    output: str = "matches.png",
) -> dict:
    """Finds what is the same in two images, and draws lines between it.

    Args:
        network: A run's folder, the folder of a store of local features, or the name of a network, such as resnet50.
        first: A PNG, JPEG, GIF or BMP file.
        second: Another one.
        weights: Of a network that is named: "imagenet", which is the default where there are such, or a file.
        image_size: The longer side of the images in pixels; smaller ones stay as they are.
        output: The picture to write.

    Returns:
        `num_matches`, `num_inliers`, `transform` (two rows of three numbers, from pixels of the first image as it was
        looked at to the second's; None: no transform is agreed upon) and `picture`.

    Raises:
        KerasSketchError: No such network, a file that is no image, or an image without local features.
    """
    picture = picture_path(output)
    if image_size < 1:
        raise InvalidArgumentError("image_size", "at least 1", image_size)
    extractor = open_extractor(network, weights)
    from keras_sketch.data.image_files import read_image
    from keras_sketch.local_features import draw_matches
    from keras_sketch.local_features import match as match_features

    channels = extractor.network.input_shape[-1]
    images = [read_image(path, channels, image_size) for path in (first, second)]
    features = [_features(extractor, image, path) for image, path in zip(images, (first, second), strict=True)]
    found = match_features(*features)
    draw_matches(picture, images, features, found, [Path(path).name for path in (first, second)])
    for path, image, each in zip((first, second), images, features, strict=True):
        print(f"{path}: {len(each):,} local features, {image.shape[1]} x {image.shape[0]} pixels")
    print(describe_matches(found))
    print(picture)
    transform = None if found.transform is None else found.transform.tolist()
    counts = {"num_matches": len(found.pairs), "num_inliers": found.num_inliers}
    return {**counts, "transform": transform, "picture": str(picture)}


def open_extractor(network: str, weights: str | None) -> Extractor:
    """Loads what finds local features.

    Args:
        network: A run's folder, a store's folder, or the name of a network.
        weights: Of a network that is named.

    Raises:
        KerasSketchError: There is none of these, or `weights` does not go with it.
    """
    start_tensorflow()
    from keras_sketch.local_features import load_extractor, make_extractor

    if FeatureFolder(network).begun:
        if weights is not None:
            raise InvalidArgumentError("weights", "left out for a store, which has its own", weights)
        return load_extractor(network)
    return make_extractor(choose_classifier(network, {"weights": weights})[0])


def describe_matches(matches: Matches) -> str:
    """Says how many there are, and in words what the transform does to the first image."""
    count = f"{len(matches.pairs)} matches"
    if matches.transform is None:
        return f"{count}, which agree on no transform: nothing says that the images show the same."
    across, stretches, along = np.linalg.svd(matches.transform[:, :2])
    turn = across @ along
    degrees = np.degrees(np.arctan2(turn[1, 0], turn[0, 0]))
    scale = np.sqrt(stretches.prod())
    # The y axis points down, so that a positive angle is clockwise.
    way = "clockwise" if degrees > 0 else "counterclockwise"
    words = [f"{scale:.2f} times the size", f"turned by {abs(degrees):.1f} degrees {way}"]
    if stretches[0] > 1.05 * stretches[1]:
        words.append(f"stretched {stretches[0] / stretches[1]:.2f} times along one direction")
    return f"{count}, of which {matches.num_inliers} agree on one transform: {', '.join(words)}."


def _features(extractor: Extractor, image: np.ndarray, path: str | os.PathLike[str]) -> LocalFeatures:
    [features] = extractor.extract(image[None])
    if not len(features):
        raise BadDataError(f"{path} has no local features: it is of one colour, or too small. Give another image.")
    return features
