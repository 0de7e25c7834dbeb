"""Doodles: drawings that a program makes up, in Quick, Draw!'s form, for a first run without any data."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import tensorflow_datasets as tfds

from keras_sketch.curation.splits import SplitScheme
from keras_sketch.drawing.doodles import doodle_classes, draw_doodle
from tfds_builders.base import GroupSplitBuilder
from tfds_builders.config import GroupSplitConfig
from tfds_builders.drawings import Drawing, laid_on_streets, rasterized
from tfds_builders.writing import Example


@dataclasses.dataclass(eq=False, kw_only=True, repr=False)
class DoodlesConfig(GroupSplitConfig):
    """How many doodles, and which.

    Attributes:
        per_class: How many of each class.
        side: Side of the pictures in pixels.
        seed: Another seed gives other doodles of the same classes.
    """

    per_class: int = 400
    side: int = 28
    seed: int = 0


@dataclasses.dataclass(eq=False, kw_only=True, repr=False)
class StreetsConfig(DoodlesConfig):
    """Doodles as routes through made-up towns.

    Attributes:
        side: Side of the pictures in pixels.
    """

    side: int = 128


class Builder(GroupSplitBuilder):
    """Draws doodles and prepares them like Quick, Draw!; needs no file and no network."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    BUILDER_CONFIGS = [
        DoodlesConfig(name="doodles", description="Drawn by a program, 28 x 28."),
        StreetsConfig(name="streets", description="Each doodle as a route along made-up streets, black on white."),
    ]
    SPLIT_SCHEMES = {
        "hash": SplitScheme(train=0.8, validation=0.1, test=0.1),
        "holdout": SplitScheme(train=0.8, test=0.2),
    }

    @classmethod
    def available_classes(cls, config, manual_dir):
        """Lists the classes that the program can draw."""
        return tuple(sorted(doodle_classes()))

    @classmethod
    def source_files(cls, config, manual_dir):
        """Lists nothing: doodles come from no file."""
        return []

    def _info(self) -> tfds.core.DatasetInfo:
        side = self.builder_config.side
        image = tfds.features.Image(shape=(side, side, 1), encoding_format="png")
        return self._dataset_info(image, self._classes_of(self.builder_config, None), key_id=tfds.features.Text())

    def _examples(self, source, manifest) -> Iterator[Example]:
        config = self.builder_config
        if config.base == "streets":
            return laid_on_streets(self._drawings(), config.side, config.seed)
        return rasterized(self._drawings(), config.side)

    def _drawings(self) -> Iterator[Drawing]:
        config = self.builder_config
        for label, name in enumerate(self._classes_of(config, None)):
            for index in range(config.per_class):
                yield Drawing(draw_doodle(name, index, config.seed), label, name, f"doodle {index}")
