"""Quick, Draw!: 50 million drawings of 345 things, from strokes or from the official bitmaps."""

from __future__ import annotations

import dataclasses
import itertools
import logging
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import requests
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError
from tensorflow_datasets.core.download.util import DownloadError

from keras_sketch.curation.manifest import Manifest
from keras_sketch.curation.splits import SplitScheme
from keras_sketch.errors import BadDataError, MissingDataError
from tfds_builders.base import GroupSplitBuilder
from tfds_builders.config import GroupSplitConfig
from tfds_builders.drawings import Drawing, drawing_features, encode_png, laid_on_streets, rasterized
from tfds_builders.quickdraw import sources
from tfds_builders.writing import Example

log = logging.getLogger(__name__)

CATEGORIES = tuple(sorted((Path(__file__).parent / "categories.txt").read_text(encoding="utf-8").split("\n")[:-1]))
"""The 345 classes, sorted."""


@dataclasses.dataclass(eq=False, kw_only=True, repr=False)
class QuickdrawConfig(GroupSplitConfig):
    """A subset of Quick, Draw!.

    Attributes:
        side: Side of the rasterized pictures in pixels; the official bitmaps have 28.
    """

    side: int = 28

    @property
    def kind(self) -> tuple[str, str]:
        """Which files it reads: `sources.STROKES` or `sources.BITMAPS`."""
        return sources.BITMAPS if self.base == "bitmap" else sources.STROKES


@dataclasses.dataclass(eq=False, kw_only=True, repr=False)
class StreetsConfig(QuickdrawConfig):
    """Drawings as routes through made-up towns.

    Attributes:
        side: Side of the pictures in pixels.
        seed: Of the towns.
    """

    side: int = 128
    seed: int = 0


class Builder(GroupSplitBuilder):
    """Prepares Quick, Draw! from a manual folder or from the public bucket."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    BUILDER_CONFIGS = [
        QuickdrawConfig(name="simplified", description="All drawings, rasterized from the simplified strokes."),
        QuickdrawConfig(name="recognized", description="Only the drawings that Google's network recognized."),
        QuickdrawConfig(name="bitmap", description="The official 28 x 28 bitmaps, without country or key."),
        StreetsConfig(name="streets", description="All drawings as routes along made-up streets, black on white."),
    ]
    SPLIT_SCHEMES = {
        "hash": SplitScheme(train=0.8, validation=0.1, test=0.1),
        "holdout": SplitScheme(train=0.8, test=0.2),
        # The shares of the notebook amelie-vogel/image-classification-quickdraw.
        "published": SplitScheme(train=0.67, test=0.33),
    }
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Optional: without it the files are downloaded. Put `<class>.ndjson` files from "
        f"{sources.BUCKET}/simplified/ into `simplified/`, or `<class>.npy` files from {sources.BUCKET}/numpy_bitmap/ "
        "into `numpy_bitmap/`."
    )

    @classmethod
    def available_classes(cls, config, manual_dir):
        """Lists the 345, or those of them whose file is in the folder; classes that are asked for need not be there."""
        if manual_dir is None or config.classes:
            return CATEGORIES
        present = tuple(name for name in CATEGORIES if sources.find(manual_dir, name, config.kind))
        if not present:
            example = sources.candidates("cat", config.kind)[0]
            raise MissingDataError(
                f"There is no file of a Quick, Draw! class in {manual_dir}, such as {example}. "
                f"{cls.MANUAL_DOWNLOAD_INSTRUCTIONS}"
            )
        if len(present) < len(CATEGORIES):
            log.warning("%d of the %d classes are in %s; these are used.", len(present), len(CATEGORIES), manual_dir)
        return present

    @classmethod
    def source_files(cls, config, manual_dir):
        """Lists the files of the config's classes; raises MissingDataError for one that is not there."""
        return [_find(manual_dir, name, config.kind) for name in config.classes or CATEGORIES]

    @classmethod
    def source_problem(cls, config, manual_dir):
        """Asks the bucket for one file's header: without a network TFDS tries again for minutes before it says so."""
        if manual_dir is not None:
            return None
        addresses = {name: sources.url(name, config.kind) for name in config.classes or CATEGORIES}
        try:
            requests.head(next(iter(addresses.values())), timeout=10, allow_redirects=True).raise_for_status()
        except OSError as error:
            return MissingDataError(_by_hand(addresses, config.kind, error))
        return None

    @property
    def _class_names(self) -> tuple[str, ...]:
        return self._classes_of(self.builder_config, None)

    def _info(self) -> tfds.core.DatasetInfo:
        config = self.builder_config
        return self._dataset_info(
            tfds.features.Image(shape=(config.side, config.side, 1), encoding_format="png"),
            self._class_names,
            homepage="https://github.com/googlecreativelab/quickdraw-dataset",
            **({} if config.kind == sources.BITMAPS else drawing_features()),
        )

    def _fetch(self, dl_manager, manual_dir) -> dict[str, tuple[Path, str]]:
        """Gives file and its name in messages by class."""
        kind = self.builder_config.kind
        if manual_dir is not None:
            paths = {name: _find(manual_dir, name, kind) for name in self._class_names}
            return {name: (path, path.relative_to(manual_dir).as_posix()) for name, path in paths.items()}
        addresses = {name: sources.url(name, kind) for name in self._class_names}
        try:
            paths = dl_manager.download(addresses)
        except (OSError, RuntimeError, DownloadError, NonMatchingChecksumError) as error:
            raise MissingDataError(_by_hand(addresses, kind, error)) from error
        return {name: (Path(path), addresses[name].removeprefix(f"{sources.BUCKET}/")) for name, path in paths.items()}

    def _examples(self, source, manifest) -> Iterator[Example]:
        if self.builder_config.kind == sources.BITMAPS:
            return self._bitmap_examples(source, manifest)
        drawings = self._drawings(source, manifest)
        if self.builder_config.base == "streets":
            return laid_on_streets(drawings, self.builder_config.side, self.builder_config.seed)
        return rasterized(drawings, self.builder_config.side)

    def _drawings(self, source: dict[str, tuple[Path, str]], manifest: Manifest) -> Iterator[Drawing]:
        for label, name in enumerate(self._class_names):
            path, file = source[name]
            drawings = sources.read_drawings(path, name, label, file, manifest)
            if self.builder_config.base == "recognized":
                drawings = (drawing for drawing in drawings if drawing.record.recognized)
            yield from self._first(drawings, name, file, manifest)

    def _bitmap_examples(self, source: dict[str, tuple[Path, str]], manifest: Manifest) -> Iterator[Example]:
        for label, name in enumerate(self._class_names):
            path, file = source[name]
            blocks = map(encode_png, sources.read_bitmaps(path, file, manifest))
            rows = enumerate(itertools.chain.from_iterable(blocks))
            for row, image in self._first(rows, name, file, manifest):
                identity = f"{name}/{row}"
                yield Example(identity, identity, {"image": image, "label": label}, file, f"row {row}")

    def _first(self, items: Iterator, name: str, file: str, manifest: Manifest) -> Iterator:
        """Cuts a class off at `per_class`, and refuses one that has nothing."""
        count = 0
        for item in itertools.islice(items, self.builder_config.per_class):
            count += 1
            yield item
        if not count:
            manifest.check()
            raise BadDataError(f"{file} has no usable drawing, so the class {name!r} would be empty.")


def _find(manual_dir: Path, name: str, kind: tuple[str, str]) -> Path:
    path = sources.find(manual_dir, name, kind)
    if path is None:
        expected = manual_dir / sources.candidates(name, kind)[0]
        raise MissingDataError(
            f"There is no file for the class {name!r}: expected {expected}. Get it from "
            f"{_quoted(sources.url(name, kind))}, or ask only for classes that are there."
        )
    return path


def _quoted(address: str) -> str:
    return urllib.parse.quote(address, safe=":/")


def _by_hand(addresses: dict[str, str], kind: tuple[str, str], error: Exception) -> str:
    """Says what could not be downloaded and where to put it."""
    quoted = [_quoted(address) for address in addresses.values()]
    text = f"{error} {getattr(getattr(error, 'request', None), 'url', '')}"
    failed = next((address for address in quoted if urllib.parse.urlsplit(address).path in text), quoted[0])
    more = f" and {len(quoted) - 1} more" if len(quoted) > 1 else ""
    return (
        f"Cannot download {failed}{more} ({type(error).__name__}). Check the network and try again, or put the files "
        f"into DIR/{kind[0]}/ by hand and give DIR as the manual folder (`--manual-dir DIR`)."
    )
