"""What the builders share: splits by group, bad examples by name, one pass over the source.

A dataset's own builder says where its files are, which classes there are, what its features are, and yields examples:

    class Builder(GroupSplitBuilder):
        VERSION = tfds.core.Version("1.0.0")
        RELEASE_NOTES = {"1.0.0": "First release."}
        BUILDER_CONFIGS = [GroupSplitConfig(name="default")]
        SPLIT_SCHEMES = {"hash": SplitScheme(train=0.8, validation=0.1, test=0.1)}

        def _info(self):
            image = tfds.features.Image(shape=(None, None, 3))
            return self._dataset_info(image, class_names, homepage="https://...", latitude=np.float32)

        def _examples(self, source, manifest): ...
"""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import hashlib
import logging
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import tensorflow_datasets as tfds
from tensorflow_datasets.core.dataset_builder import FileReaderBuilder
from tensorflow_datasets.core.utils.tqdm_utils import tqdm

from keras_sketch.curation.folders import existing_folder, reading
from keras_sketch.curation.manifest import Manifest
from keras_sketch.curation.splits import SplitScheme
from keras_sketch.errors import BadDataError, UnknownNameError
from tfds_builders.config import GroupSplitConfig
from tfds_builders.writing import Example, SplitWriter, make_serializer

log = logging.getLogger(__name__)

_PROGRESS_STEP = 500  # A call for every example would cost as much as serializing it.


class GroupSplitBuilder(FileReaderBuilder, skip_registration=True):
    """Prepares a dataset in one pass: each example goes to the split that the hash of its group says.

    Every example has the features `image`, `label`, `id` and `group`; the last two are filled in from the `Example`.
    """

    SPLIT_SCHEMES: ClassVar[dict[str, SplitScheme]]
    """The ways to split, by name; the config's default is the first."""

    @abc.abstractmethod
    def _examples(self, source: Path | None, manifest: Manifest) -> Iterator[Example]:
        """Yields the usable examples, and names the others in the manifest.

        Args:
            source: What `_fetch` returned.
            manifest: Where each example that cannot be used goes (`add_bad`); those yielded are counted already.
        """

    @classmethod
    def available_classes(cls, config: GroupSplitConfig, manual_dir: Path | None) -> tuple[str, ...]:
        """Lists the classes that a config can be made of.

        Args:
            config: Its base name may matter; its `classes` does not.
            manual_dir: The folder that the user gave, or None.

        Returns:
            The classes' names, sorted.
        """
        raise NotImplementedError

    @classmethod
    def source_files(cls, config: GroupSplitConfig, manual_dir: Path) -> list[Path]:
        """Lists the files of a manual folder that a config would read.

        Args:
            config: The config, its classes filled in.
            manual_dir: The folder that the user gave.

        Returns:
            Existing files.
        """
        raise NotImplementedError

    @classmethod
    def make_config(cls, name: str | None = None, **fields: Any) -> GroupSplitConfig:
        """Makes a config from the base name of one and the fields to change.

        Args:
            name: One of `BUILDER_CONFIGS`; None for the first.
            **fields: Fields of the config.

        Returns:
            The config; the one in `BUILDER_CONFIGS` if nothing differs from it.

        Raises:
            UnknownNameError: For a config, a field or a split scheme that does not exist.
            InvalidArgumentError: For a value that a field cannot have.
        """
        configs = {config.name: config for config in cls.BUILDER_CONFIGS}
        if name is None:
            name = next(iter(configs))
        if name not in configs:
            raise UnknownNameError(f"config of {cls.name}", name, configs)
        return cls._replace(configs[name], **fields)

    @classmethod
    def _replace(cls, config: GroupSplitConfig, **fields: Any) -> GroupSplitConfig:
        """Changes fields; gives the very config of `BUILDER_CONFIGS` if that is what comes out, as TFDS wants it."""
        for field in fields:
            known = [f.name for f in dataclasses.fields(config)]
            if field not in known:
                raise UnknownNameError(f"field of {cls.name}'s configs", field, known)
        config = dataclasses.replace(config, **fields)
        cls._scheme_of(config)
        return next((known for known in cls.BUILDER_CONFIGS if known.name == config.name), config)

    @classmethod
    def resolve_config(cls, config: GroupSplitConfig, manual_dir: Path | str | None) -> GroupSplitConfig:
        """Fills in what depends on the user's folder: the classes, if none are asked for, and the fingerprint.

        Args:
            config: From `make_config`.
            manual_dir: The folder that the user gave, or None for what can be downloaded or is made up.

        Returns:
            The config to construct the builder with.

        Raises:
            UnknownNameError: For a class that does not exist.
            MissingDataError: For a class that is not in the folder, or a folder that is missing, empty or unreadable.
        """
        folder = None if manual_dir is None else existing_folder(manual_dir)
        with reading(folder or ""):
            classes = cls._classes_of(config, folder)
            if folder is None:
                return config
            config = cls._replace(config, classes=classes)
            return cls._replace(config, source=cls.source_fingerprint(config, folder))

    @classmethod
    def _classes_of(cls, config: GroupSplitConfig, manual_dir: Path | None) -> tuple[str, ...]:
        """The classes that a config asks for, or all; raises UnknownNameError for one that does not exist."""
        available = cls.available_classes(config, manual_dir)
        for name in config.classes or ():
            if name not in available:
                raise UnknownNameError("class", name, available)
        return config.classes or available

    @classmethod
    def check_source(cls, config: GroupSplitConfig, manual_dir: Path | None) -> None:
        """Looks, before anything is written, whether the source can be reached at all; by default there is no doubt.

        Args:
            config: From `resolve_config`.
            manual_dir: The folder that the user gave, or None.

        Raises:
            MissingDataError: It cannot; says what to do.
        """

    @classmethod
    def source_fingerprint(cls, config: GroupSplitConfig, manual_dir: Path | str) -> str:
        """Digests relative path, size and time of change (a link to nothing has none) of the files it would read.

        Args:
            config: The config, its classes filled in.
            manual_dir: The folder that the user gave.

        Returns:
            16 hexadecimal digits.
        """
        manual_dir = Path(manual_dir)
        digest = hashlib.blake2b(digest_size=8)
        for path in sorted(cls.source_files(config, manual_dir)):
            digest.update(os.fsencode(path.relative_to(manual_dir).as_posix()) + b"\0")
            with contextlib.suppress(OSError):
                stat = path.stat()
                digest.update(f"{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
        return digest.hexdigest()

    @property
    def scheme(self) -> SplitScheme:
        """The split scheme that the config names.

        Raises:
            UnknownNameError: If there is none of that name.
        """
        return self._scheme_of(self.builder_config)

    @classmethod
    def _scheme_of(cls, config: GroupSplitConfig) -> SplitScheme:
        if config.split not in cls.SPLIT_SCHEMES:
            raise UnknownNameError(f"split scheme of {cls.name}", config.split, cls.SPLIT_SCHEMES)
        return cls.SPLIT_SCHEMES[config.split]

    def _dataset_info(
        self, image: tfds.features.Image, class_names: Sequence[str] | None, homepage: str = "", **own_features: Any
    ) -> tfds.core.DatasetInfo:
        """Describes the dataset; its folder's README, citation and tags are included.

        Args:
            image: The feature `image`.
            class_names: Sorted; None if they are known only once the source is read, then `_fetch` sets them.
            homepage: Where the dataset is published.
            **own_features: The dataset's own facts by feature name.

        Returns:
            The info. Once prepared, its metadata has `examples_seen` and `examples_bad`.
        """
        label = tfds.features.ClassLabel(names=list(class_names) if class_names else None)
        text = tfds.features.Text()
        features = {"image": image, "label": label, "id": text, "group": text, **own_features}
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("image", "label"),
            homepage=homepage,
            metadata=tfds.core.MetadataDict(),
        )

    def _fetch(self, dl_manager: tfds.download.DownloadManager, manual_dir: Path | None) -> Any:
        """Finds or downloads the files; what it returns goes to `_examples`."""
        return manual_dir

    def _download_and_prepare(self, dl_manager, download_config) -> None:
        """Reads the source once and writes all splits; TFDS calls this with `data_dir` set to a temporary folder."""
        source = self._fetch(dl_manager, self._manual_dir(dl_manager, download_config))
        listing = Path(self.data_dir_root) / self.name / f"bad_examples-{self.builder_config.name}.csv"
        with (
            Manifest(listing, self.builder_config.max_bad) as manifest,
            tempfile.TemporaryDirectory(prefix="unsorted-", dir=self.data_dir) as unsorted,
        ):
            writers = self._collect(source, manifest, Path(unsorted), download_config.max_examples_per_split)
            self._check_sizes(writers, manifest)
            infos = [
                writer.write(
                    self._get_filename_template(split),
                    tfds.core.ExampleWriter(self.info.file_format),
                    download_config.get_shard_config().get_number_shards,
                    lambda file, where: manifest.recall(file, where, "repeats the id of an earlier example"),
                )
                for split, writer in writers.items()
                if writer.count
            ]
            manifest.check()
            manifest.move_to(self.data_dir)
        if manifest.bad:
            log.warning(
                "Left out %d of %d examples as bad; %s in the prepared folder lists them.",
                *(manifest.bad, manifest.seen, manifest.path.name),
            )
        self.info.metadata.update(examples_seen=manifest.seen, examples_bad=manifest.bad)
        self.info.set_splits(tfds.core.SplitDict(infos))

    def _manual_dir(self, dl_manager, download_config) -> Path | None:
        """The folder that the user gave, or TFDS's own if there is something in it."""
        if not self.MANUAL_DOWNLOAD_INSTRUCTIONS:
            return None
        if download_config.manual_dir is not None:
            return existing_folder(download_config.manual_dir)
        try:
            return Path(dl_manager.manual_dir)
        except AssertionError:  # TFDS's word for a folder that is missing or empty.
            return None

    def _collect(self, source: Any, manifest: Manifest, folder: Path, limit: int | None) -> dict[str, SplitWriter]:
        """Goes through the source once and hands every example to its split's writer."""
        scheme, serialize = self.scheme, make_serializer(self.info.features)
        writers = {}
        for split in scheme.names:
            (folder / split).mkdir()
            writers[split] = SplitWriter(folder / split)
        with tqdm(desc=f"Preparing {self.name}", unit=" examples", mininterval=0.5, leave=False) as progress:
            for number, example in enumerate(self._examples(source, manifest), start=1):
                manifest.add_good()
                writer = writers[scheme.assign(example.group)]
                if limit is None or writer.count < limit:
                    writer.add(example, serialize({**example.features, "id": example.id, "group": example.group}))
                if number % _PROGRESS_STEP == 0:
                    progress.set_postfix(bad=manifest.bad, refresh=False)
                    progress.update(_PROGRESS_STEP)
        return writers

    def _check_sizes(self, writers: dict[str, SplitWriter], manifest: Manifest) -> None:
        for split in ("train", "test"):
            if not writers[split].count:
                manifest.check()
                total = sum(writer.count for writer in writers.values())
                share = getattr(self.scheme, split)
                raise BadDataError(
                    f"The {split} split of {self.name} is empty: {total} usable examples are too few for the split "
                    f"{self.builder_config.split!r}, which gives it {share:.0%}. Bring at least {round(10 / share)}."
                )
