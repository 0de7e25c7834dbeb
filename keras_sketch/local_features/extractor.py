"""Batches of images through a network that finds their local features."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_sketch.errors import BadDataError, InvalidArgumentError
from keras_sketch.files import atomic_write, temporary_sibling
from keras_sketch.local_features.features import LocalFeatures
from keras_sketch.local_features.reduction import PrincipalComponents
from keras_sketch.local_features.store import NETWORK, WEIGHTS
from keras_sketch.models.delf import local_feature_network, without_reduction
from keras_sketch.models.weight_files import load_weight_file

_REDUCTION = "delf_pca"


class Extractor:
    """Finds the local features of images.

    Args:
        network: From `keras_sketch.models.delf.local_feature_network`.
    """

    def __init__(self, network: keras.Model):
        self.network = network
        self._compiled: dict[tuple[int, ...], Callable] = {}

    @property
    def dimensions(self) -> int:
        """Numbers a descriptor."""
        if self._is_reduced:
            return self.network.get_layer(_REDUCTION).dimensions
        return self.network.get_layer("delf_pyramid").depth

    @property
    def _is_reduced(self) -> bool:
        return _REDUCTION in {layer.name for layer in self.network.layers}

    def extract(self, images: np.ndarray | tf.Tensor) -> list[LocalFeatures]:
        """Returns the features of each image, strongest first.

        The first batch of images of a size takes a few seconds more.

        Args:
            images: uint8 or float32 `[N, H, W, C]` in 0..255, of any size.

        Raises:
            InvalidArgumentError: These are no such images, or too small ones.
        """
        return _of_images(self._computed(images))

    def stream(self, batches: Iterable[np.ndarray | tf.Tensor]) -> Iterator[list[LocalFeatures]]:
        """Gives the features of each batch of images; where there is a GPU, it works on the next one meanwhile."""
        before = None
        for images in batches:
            computed = self._computed(images)
            if before is not None:
                yield _of_images(before)
            before = computed
        if before is not None:
            yield _of_images(before)

    def _computed(self, images: np.ndarray | tf.Tensor) -> dict[str, tf.Tensor]:
        shape, channels = tuple(images.shape), self.network.input_shape[-1]
        if len(shape) != 4 or shape[-1] != channels:
            raise InvalidArgumentError("images", f"pixels [N, H, W, {channels}]", shape)
        if shape[1:] not in self._compiled:
            # Keras would hide this error in one of its own.
            self.network.get_layer("delf_pyramid").grids(*shape[1:3])
            # Of batches of any number, so that a last one that is shorter is not traced anew.
            pixels = tf.TensorSpec([None, *shape[1:]], tf.float32)
            run = functools.partial(self.network, training=False)
            self._compiled[shape[1:]] = tf.function(run, input_signature=[pixels], autograph=False)
        return self._compiled[shape[1:]](tf.cast(images, tf.float32))

    def fit_reduction(self, batches: Iterable[np.ndarray | tf.Tensor]) -> int:
        """Finds the principal components of the features of these images, for all that are extracted from now on.

        Returns:
            How many features there were.

        Raises:
            BadDataError: Too few for so many dimensions.
            InvalidArgumentError: The network has no reduction.
        """
        if not self._is_reduced:
            raise InvalidArgumentError("dimensions", "given where the network was made", None)
        reduction = self.network.get_layer(_REDUCTION)
        before = Extractor(without_reduction(self.network))
        sums = PrincipalComponents(before.dimensions)
        for features in before.stream(batches):
            sums.update(np.concatenate([each.descriptors for each in features]))
        reduction.set_components(*sums.solve(self.dimensions))
        return sums.count

    @functools.cached_property
    def weights_digest(self) -> str:
        """A digest of the weights as they are when it is first asked for, without those of the reduction."""
        digest = hashlib.blake2b(digest_size=16)
        for weight in self.network.get_layer("delf_pyramid").weights:
            digest.update(keras.ops.convert_to_numpy(weight).tobytes())
        return digest.hexdigest()

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Writes the network, `network.json` and `delf.weights.h5`, into a folder; the weights last.

        Raises:
            OSError: They cannot be written.
        """
        folder = Path(folder)
        with atomic_write(folder / NETWORK) as file:
            json.dump(keras.saving.serialize_keras_object(self.network), file, indent=1)
        with temporary_sibling(folder / WEIGHTS) as temporary:
            self.network.save_weights(temporary)
            os.replace(temporary, folder / WEIGHTS)


def make_extractor(
    classifier: keras.Model, layer: str | None = None, dimensions: int | None = None, **options
) -> Extractor:
    """Makes an extractor of a classifier's convolutions, without PCA unless dimensions are given.

    Args:
        classifier: From `build_classifier`, with attention or without.
        layer: Of the features; see `local_feature_network`.
        dimensions: Of the descriptors; `fit_reduction` is then to be called.
        **options: `scales`, `max_features` and `threshold` of `local_feature_network`.
    """
    return Extractor(local_feature_network(classifier, layer, dimensions=dimensions, **options))


def load_extractor(folder: str | os.PathLike[str]) -> Extractor:
    """Loads the extractor of a store.

    Raises:
        MissingDataError: The weights are not there.
        BadDataError: Its files are damaged or do not fit each other.
    """
    path = Path(folder) / NETWORK
    try:
        network = keras.saving.deserialize_keras_object(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, KeyError, zipfile.BadZipFile) as error:
        reason = str(error).strip().splitlines()[0][:200]
        raise BadDataError(f"{path} cannot be read ({reason}). Remove the folder and extract again.") from error
    load_weight_file(network, "the extractor in network.json", Path(folder) / WEIGHTS)
    return Extractor(network)


def _of_images(found: dict[str, tf.Tensor]) -> list[LocalFeatures]:
    counts = found["counts"].numpy()
    most = int(counts.max(initial=0))
    fields = [found[name][:, :most].numpy() for name in ("locations", "scales", "scores", "descriptors")]
    return [LocalFeatures(*(field[place, :count] for field in fields)) for place, count in enumerate(counts)]
