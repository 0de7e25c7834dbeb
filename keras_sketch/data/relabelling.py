"""A test split for a network that was trained on other data: its labels and channels become that network's."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import tensorflow as tf

from keras_sketch.data.loading import OpenDataset
from keras_sketch.data.pipeline import ImageSplit


@dataclasses.dataclass(frozen=True)
class RelabelledSplit(ImageSplit):
    """A split whose labels are those of another list of classes.

    Attributes:
        places: By the stored label, the label to give instead.
        as_rgb: Whether grey images are given as RGB.
    """

    places: tuple[int, ...] = ()
    as_rgb: bool = False

    @property
    def channels(self) -> int:
        """1 (grey) or 3 (RGB), as the images are given."""
        return 3 if self.as_rgb else super().channels

    def _image(self, contents: tf.Tensor) -> tf.Tensor:
        image = super()._image(contents)
        return tf.image.grayscale_to_rgb(image) if self.channels > super().channels else image

    @functools.cached_property
    def _records(self) -> tf.data.Dataset:
        places = tf.constant(self.places, tf.int64)

        def place(label):
            # Images of no class stay so.
            return tf.where(label < 0, label, tf.gather(places, tf.maximum(label, 0)))

        return super()._records.map(lambda example: {**example, "label": place(example["label"])})


def relabelled_test(
    data: OpenDataset, class_names: Sequence[str], places: Sequence[int], channels: int | None = None
) -> OpenDataset:
    """Returns the test split, and images of no class where there are such, labelled by a network's classes.

    Args:
        data: The dataset as it is.
        class_names: The network's, in the order of its outputs.
        places: For each of the dataset's classes its place among them; one without a test example may have any.
        channels: What the network takes; 3: grey images are given as RGB. None: as they are.
    """
    places, as_rgb = tuple(map(int, places)), channels == 3
    splits = {
        name: RelabelledSplit(stored.builder, stored.name, stored.side, stored.resize, places, as_rgb)
        for name, stored in data.splits.items()
        if name in ("test", "distractors")
    }
    info = dataclasses.replace(
        data.info,
        class_names=tuple(class_names),
        num_examples={name: split.num_examples for name, split in splits.items()},
        image_shape=(*data.info.image_shape[:2], splits["test"].channels),
        leaked={},
    )
    return OpenDataset(splits, info)
