"""Local features on a disk: a folder with the network that made them, and a number of files a split.

`extractor.json` says what was stored, `network.json` and `delf.weights.h5` hold the network, and
`SPLIT-00000-of-00020.npz` the features of so many images each: `offsets` `[n + 1]` says which rows of `locations`,
`scales`, `scores` and `descriptors` belong to which image, `labels` and `ids` whose they are. Each file appears whole.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from keras_sketch.errors import BadDataError, MissingDataError
from keras_sketch.files import atomic_write
from keras_sketch.local_features.features import LocalFeatures

SETTINGS, NETWORK, WEIGHTS = "extractor.json", "network.json", "delf.weights.h5"
CHUNK_IMAGES = 512
_FIELDS = ("locations", "scales", "scores", "descriptors")


@dataclasses.dataclass(frozen=True)
class _Chunk:
    """One file: the images `images` of a split."""

    path: Path
    images: range


class FeatureStoreWriter:
    """Writes the features of splits; what is there and whole already stays.

    Args:
        folder: Of the store; it exists.
        splits: By name, how many images.
    """

    def __init__(self, folder: str | os.PathLike[str], splits: Mapping[str, int]):
        self.folder, self.splits = Path(folder), dict(splits)

    def missing(self, split: str) -> list[range]:
        """Returns which images of a split are still to be written, those of a file each; damaged files count."""
        return [chunk.images for chunk in _chunks(self.folder, split, self.splits[split]) if not _is_whole(chunk)]

    def write(
        self,
        split: str,
        images: range,
        ids: Sequence[str],
        labels: Sequence[int],
        features: Sequence[LocalFeatures],
    ) -> None:
        """Writes the features of the images of a file.

        Descriptors are stored as float16: their numbers, at most 1, change by less than 0.0003, and they are most of
        what is stored. Locations reach beyond what float16 counts exactly.

        Args:
            split: Its name.
            images: One of `missing`.
            ids: Each image's.
            labels: Each image's class; -1: none.
            features: Each image's.

        Raises:
            OSError: The file cannot be written.
        """
        [path] = [each.path for each in _chunks(self.folder, split, self.splits[split]) if each.images == images]
        counts = [len(each) for each in features]
        arrays = {name: np.concatenate([getattr(each, name) for each in features]) for name in _FIELDS}
        with atomic_write(path, "wb") as file:
            np.savez(
                file,
                offsets=np.concatenate([[0], np.cumsum(counts)]).astype("int64"),
                labels=np.asarray(labels, "int64"),
                ids=np.asarray(ids, "str"),
                **{**arrays, "descriptors": arrays["descriptors"].astype("float16")},
            )


class LocalFeatureStore:
    """Reads a store.

    Attributes:
        folder: Where it is.
        settings: What `extractor.json` holds.
        class_names: Of the dataset, in the order of the labels.
        dimensions: Numbers a descriptor.

    Args:
        folder: As `keras-sketch extract` wrote it.

    Raises:
        MissingDataError: There is no store.
        BadDataError: It was damaged.
    """

    def __init__(self, folder: str | os.PathLike[str]):
        self.folder = Path(folder)
        path = self.folder / SETTINGS
        if not path.is_file():
            raise MissingDataError(
                f"{folder} holds no local features (no {SETTINGS}). Make some: keras-sketch extract."
            )
        try:
            self.settings = json.loads(path.read_text(encoding="utf-8"))
            self._images = {name: int(count) for name, count in self.settings["splits"].items()}
            self.class_names = tuple(self.settings["class_names"])
            self.dimensions = int(self.settings["dimensions"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadDataError(f"{path} cannot be read ({error}). Remove the folder and extract again.") from error

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits."""
        return tuple(self._images)

    def num_images(self, split: str) -> int:
        """Returns how many images of a split there are."""
        return self._images[self._known(split)]

    def num_features(self, split: str) -> int:
        """Returns how many features all images of a split have together; reads little of each file."""
        return sum(int(_arrays(chunk, "offsets")["offsets"][-1]) for chunk in self._chunks(split))

    def read(self, split: str) -> Iterator[tuple[str, int, LocalFeatures]]:
        """Gives each image's id, label (-1: no class) and features, in stored order; holds one file at a time.

        Raises:
            MissingDataError: There is no such split, or extraction has not reached its end.
            BadDataError: A file is damaged.
        """
        for chunk in self._chunks(split):
            yield from _images_of(chunk)

    def _known(self, split: str) -> str:
        if split not in self._images:
            known = ", ".join(self._images)
            raise MissingDataError(f"{self.folder} holds no features of a split {split!r}; it holds those of {known}.")
        return split

    def _chunks(self, split: str) -> list[_Chunk]:
        chunks = _chunks(self.folder, split, self.num_images(split))
        missing = [chunk for chunk in chunks if not chunk.path.is_file()]
        if missing:
            raise MissingDataError(
                f"{len(missing)} of {len(chunks)} files of the split {split} are not in {self.folder}: extraction was "
                "stopped. Give the same keras-sketch extract again; it goes on where it was."
            )
        return chunks


def _chunks(folder: Path, split: str, images: int) -> list[_Chunk]:
    count = -(-images // CHUNK_IMAGES)
    ranges = [range(first, min(first + CHUNK_IMAGES, images)) for first in range(0, images, CHUNK_IMAGES)]
    name = re.sub(r"[^\w.-]", "_", split)
    return [_Chunk(folder / f"{name}-{n:05d}-of-{count:05d}.npz", each) for n, each in enumerate(ranges)]


def _is_whole(chunk: _Chunk) -> bool:
    """Says whether a file is there with its last byte (where zip's table of contents is) and the right images."""
    try:
        return chunk.path.is_file() and len(_arrays(chunk, "labels")["labels"]) == len(chunk.images)
    except BadDataError:
        print(f"{chunk.path} is damaged: computing it again.", flush=True)
        return False


def _arrays(chunk: _Chunk, *names: str) -> dict[str, np.ndarray]:
    """Reads arrays of a file; each is checked against the sum that zip keeps of it."""
    try:
        with np.load(chunk.path, allow_pickle=False) as stored:
            return {name: stored[name] for name in names}
    except (OSError, ValueError, KeyError, TypeError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise _damaged(chunk, error) from error


def _images_of(chunk: _Chunk) -> list[tuple[str, int, LocalFeatures]]:
    arrays = _arrays(chunk, "offsets", "ids", "labels", *_FIELDS)
    if len(arrays["labels"]) != len(chunk.images):
        raise _damaged(chunk, f"{len(arrays['labels'])} images for {len(chunk.images)}")
    descriptors = arrays["descriptors"].astype("float32")
    # Of length 1 again, which float16 is only nearly.
    arrays["descriptors"] = descriptors / np.maximum(np.linalg.norm(descriptors, axis=1, keepdims=True), 1e-12)
    rows = [slice(*pair) for pair in itertools.pairwise(arrays["offsets"])]
    features = [LocalFeatures(*(arrays[name][each] for name in _FIELDS)) for each in rows]
    return list(zip(map(str, arrays["ids"]), map(int, arrays["labels"]), features, strict=True))


def _damaged(chunk: _Chunk, error: object) -> BadDataError:
    return BadDataError(
        f"{chunk.path} is damaged ({error}). Give the same keras-sketch extract again: it makes this file anew."
    )
