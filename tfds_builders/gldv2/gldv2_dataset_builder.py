"""Google Landmarks v2: 4,132,914 photos of 203,094 landmarks, those of the larger ones, and photos of none."""

from __future__ import annotations

import dataclasses
import itertools
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core import constants
from tensorflow_datasets.core.utils.tqdm_utils import tqdm

from keras_sketch.curation.folders import existing_folder, reading
from keras_sketch.curation.manifest import Manifest
from keras_sketch.curation.splits import SplitScheme
from keras_sketch.errors import InvalidArgumentError, MissingDataError
from tfds_builders.base import GroupSplitBuilder
from tfds_builders.gldv2 import HOMEPAGE, INSTRUCTIONS
from tfds_builders.gldv2.beam import is_asked_for, local_root, prepare_with_beam
from tfds_builders.gldv2.config import Gldv2Config, parse_name
from tfds_builders.gldv2.downloads import Downloads
from tfds_builders.gldv2.index import Bad, Wanted, make_index
from tfds_builders.gldv2.layout import Source, find_source, published
from tfds_builders.gldv2.lists import read_train
from tfds_builders.gldv2.parts import Part, list_parts, read_part
from tfds_builders.gldv2.unfinished import Unfinished, alone
from tfds_builders.writing import Example

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Reading:
    """What a preparation works on: the source, what is wanted of it, its parts, and those that are read already."""

    source: Source
    wanted: Wanted
    parts: tuple[Part, ...]
    unfinished: Unfinished


class Builder(GroupSplitBuilder):
    """Prepares Google Landmarks v2 from the published lists and tars, or the tree that the tars hold."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    BUILDER_CONFIGS = [
        Gldv2Config(),
        Gldv2Config(clean=True),
        Gldv2Config(min_samples=1),
    ]
    SPLIT_SCHEMES = {
        "series": SplitScheme(train=0.9, validation=0.05, test=0.05),
        # The student project's: 10,241 of 478,577 images for validation and test, whatever series they are of.
        "image": SplitScheme(train=0.9786, validation=0.0107, test=0.0107, by="id"),
        "series-60-20-20": SplitScheme(train=0.6, validation=0.2, test=0.2),
        "image-60-20-20": SplitScheme(train=0.6, validation=0.2, test=0.2, by="id"),
    }
    RUNS_ON_BEAM = True
    MANUAL_DOWNLOAD_INSTRUCTIONS = f"Optional: without it the tars are downloaded. {INSTRUCTIONS}"

    @classmethod
    def make_config(cls, name=None, **fields):
        """Makes a config from a name of parts joined by `-`, as `gldv2.CONFIGS` says, and fields."""
        said = parse_name(name) if name else {}
        for field, value in said.items():
            if fields.get(field, value) != value:
                raise InvalidArgumentError(field, f"{value}, as the config {name!r} says, or not given", fields[field])
        return cls._replace(cls.BUILDER_CONFIGS[0], **{**said, **fields})

    @classmethod
    def resolve_config(cls, config, manual_dir):
        """Fills in the fingerprint; the lists are not read, so classes that are not asked for stay None."""
        if manual_dir is None:
            return config
        folder = existing_folder(manual_dir)
        with reading(folder):
            return cls._replace(config, source=cls.source_fingerprint(config, folder))

    @classmethod
    def available_classes(cls, config, manual_dir):
        """Lists all landmarks of the list, whatever their size."""
        if manual_dir is None:
            raise MissingDataError(f"The landmarks are in train.csv, in a manual folder. {INSTRUCTIONS}")
        rows = read_train(find_source(manual_dir).train)
        return tuple(sorted({str(row[2]) for row in rows if len(row) == 4}))

    @classmethod
    def source_files(cls, config, manual_dir):
        """Lists the lists, and the tars with their md5 files or the tree's top folders."""
        return find_source(manual_dir, config.clean, config.distractors).files()

    def download_and_prepare(self, **options) -> None:
        """Prepares the dataset, one process at a time; goes on with what a stopped preparation left."""
        folder = self._unfinished_folder
        if self.is_prepared() and not folder.exists():
            super().download_and_prepare(**options)
            return
        with alone(folder.with_name(f"{folder.name}.lock")) as waited:
            for left in self.data_path.parent.glob(f"{constants.INCOMPLETE_PREFIX}*_{self.data_path.name}"):
                shutil.rmtree(left, ignore_errors=True)
            if waited and self.is_prepared():
                self.info.read_from_directory(self.data_dir)
            super().download_and_prepare(**options)
            shutil.rmtree(folder, ignore_errors=True)

    def _download_and_prepare(self, dl_manager, download_config) -> None:
        """Reads the parts here, one after the other, or on Beam, if the download config has options for it."""
        if not is_asked_for(download_config):
            super()._download_and_prepare(dl_manager, download_config)
            return
        source = self._fetch(dl_manager, self._manual_dir(dl_manager, download_config))
        prepare_with_beam(self, source, download_config)

    @property
    def _unfinished_folder(self) -> Path:
        """Where the parts wait; the share of bad examples that is accepted has nothing to do with them."""
        accepted = type(self.builder_config).max_bad
        config = dataclasses.replace(self.builder_config, max_bad=accepted)
        return local_root(self) / self.name / f"unfinished-{config.name}"

    def _info(self) -> tfds.core.DatasetInfo:
        return self._dataset_info(
            tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg"),
            self.builder_config.classes,
            homepage=HOMEPAGE,
            landmark_id=np.int64,
        )

    def _fetch(self, dl_manager, manual_dir) -> Reading:
        """Finds the lists and images, and writes the index of what is wanted, which says the classes."""
        config = self.builder_config
        if manual_dir is None:
            source = self._published(Downloads(Path(dl_manager.download_dir) / self.name))
        else:
            source = find_source(manual_dir, config.clean, config.distractors)
        state = "downloaded" if manual_dir is None else self.source_fingerprint(config, manual_dir)
        unfinished = Unfinished(self._unfinished_folder, f"{self.version} {state}")
        wanted = make_index(source, config, unfinished.index)
        self.info.features["label"].names = wanted.class_names
        parts = (part for part in list_parts(source) if part.kind == "tar" or wanted.has(part.prefix, part.subset))
        return Reading(source, wanted, tuple(parts), unfinished)

    def _published(self, downloads: Downloads) -> Source:
        """Gets the lists; asks first, once, whether anything can be got."""
        if not (downloads.folder / "train.csv").is_file() and (problem := downloads.problem()):
            raise problem
        return published(downloads, self.builder_config.clean, self.builder_config.distractors)

    def _examples(self, source: Reading, manifest: Manifest) -> Iterator[Example]:
        self._read_parts(source)
        items = itertools.chain(
            source.wanted.bad(),
            itertools.chain.from_iterable(map(source.unfinished.read, source.parts)),
            self._unseen(source),
        )
        for item in items:
            if isinstance(item, Example):
                yield item
            elif item.counts:
                manifest.add_bad(item.file, item.where, item.reason)
            else:
                manifest.add_note(item.file, item.where, item.reason)

    def _read_parts(self, source: Reading) -> None:
        """Reads the parts that are missing; each is kept once it is whole."""
        missing = [part for part in source.parts if not source.unfinished.has(part)]
        if len(missing) < len(source.parts):
            log.warning(
                "Going on with a preparation that was stopped: %d of %d parts are read.",
                *(len(source.parts) - len(missing), len(source.parts)),
            )
        total = source.wanted.total * len(missing) // max(1, len(source.parts))
        with tqdm(total=total, desc="Reading", unit=" images", mininterval=0.5, leave=False) as progress:
            for part in missing:
                there = part
                if not part.path:
                    there = dataclasses.replace(part, path=str(source.source.downloads.tar(part.number, part.subset)))
                for _ in source.unfinished.write(part, read_part(there, source.wanted)):
                    progress.update()

    def _unseen(self, source: Reading) -> Iterator[Bad]:
        """Yields the wanted images that are in no tar; of a tree its parts say it."""
        for images in source.source.images:
            if images.tars:
                parts = [part for part in source.parts if part.subset == images.subset]
                found = source.unfinished.ids(parts)
                yield from source.wanted.unseen(found, images.subset, source.unfinished.folder)
