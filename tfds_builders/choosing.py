"""From what a user asks for, a config's name, some fields and a folder, to the config that a builder is made with."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
from pathlib import Path
from typing import Any, ClassVar

from tensorflow_datasets.core.dataset_builder import FileReaderBuilder

from keras_sketch.curation.folders import existing_folder, reading
from keras_sketch.curation.splits import SplitScheme
from keras_sketch.errors import InvalidArgumentError, KerasSketchError, UnknownNameError
from tfds_builders.config import GroupSplitConfig


class ChoosingBuilder(FileReaderBuilder, skip_registration=True):
    """The half of a builder that works before one exists: choosing, checking and completing its config."""

    SPLIT_SCHEMES: ClassVar[dict[str, SplitScheme]]
    """The ways to split, by name; the config's default is the first."""

    RUNS_ON_BEAM: ClassVar[bool] = False
    """Whether it prepares on Apache Beam where the `DownloadConfig` has Beam's options."""

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
    def class_named(cls, text: str) -> str:
        """Gives the class that a user means; by default the one of that very name, whether it exists or not.

        Args:
            text: What was asked for.

        Returns:
            The name as it is among the labels.

        Raises:
            UnknownNameError: A builder that knows all its classes beforehand has none that is called so.
        """
        return text

    @classmethod
    def make_config(cls, name: str | None = None, **fields: Any) -> GroupSplitConfig:
        """Makes a config from the base name of one and the fields to change.

        Args:
            name: One of `BUILDER_CONFIGS`; None for the first.
            **fields: Fields of the config.

        Returns:
            The config; the one in `BUILDER_CONFIGS` if nothing differs from it.

        Raises:
            UnknownNameError: For a config, a field, a split scheme or a class (`class_named`) that does not exist.
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
        if asked := fields.get("classes"):
            fields["classes"] = tuple(map(cls.class_named, asked))
            if len(asked) > 1 and len(set(fields["classes"])) == 1:
                raise InvalidArgumentError("classes", "at least two different classes", ", ".join(asked))
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
    def source_problem(cls, config: GroupSplitConfig, manual_dir: Path | None) -> KerasSketchError | None:
        """Looks, before anything is written, whether the source can be read at all; by default there is no doubt.

        Args:
            config: From `resolve_config`.
            manual_dir: The folder that the user gave, or None.

        Returns:
            The error to raise, which says what to do; None if nothing is known to be wrong.
        """
        return None

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
