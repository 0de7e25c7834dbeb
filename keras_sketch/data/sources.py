"""From a dataset's name to a prepared TFDS builder."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from keras_sketch.errors import InvalidArgumentError, KerasSketchError, MissingDataError, UnknownNameError
from keras_sketch.files import locked

if TYPE_CHECKING:
    import tensorflow_datasets as tfds
    from apache_beam.options.pipeline_options import PipelineOptions


def list_datasets() -> list[str]:
    """Returns the names that `load_dataset` takes, sorted."""
    # Looked up, not imported: importing the builders loads TFDS.
    [folder] = importlib.util.find_spec("tfds_builders").submodule_search_locations
    return sorted(file.parent.name for file in Path(folder).glob("*/*_dataset_builder.py"))


def dataset_named(text: str) -> str:
    """Finds a dataset by its name, in which `-` may stand for `_`.

    Raises:
        UnknownNameError: There is none.
    """
    name = text.replace("-", "_")
    if name not in list_datasets():
        raise UnknownNameError("dataset", text, list_datasets())
    return name


def prepare(
    name: str,
    config: str | None = None,
    split: str | None = None,
    classes: tuple[str, ...] = (),
    per_class: int | None = None,
    max_bad: float | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    manual_dir: str | os.PathLike[str] | None = None,
    beam: str | None = None,
) -> tfds.core.DatasetBuilder:
    """Returns the builder of a dataset that is ready to be read, preparing it when it is not.

    Args:
        name: A name from `list_datasets()`; `-` may stand for `_`.
        config: A config of that dataset; None: its default.
        split: A split scheme of that dataset; None: its default.
        classes: Class names; empty: all there are.
        per_class: At most so many examples a class; None: all.
        max_bad: Largest share of bad examples that is accepted, 0 to 1; None: the dataset's own, 0.01.
        data_dir: Where prepared datasets are kept; None: TFDS's own default.
        manual_dir: A folder with the dataset as published; None: it is downloaded. A changed folder is prepared anew.
        beam: Options of Apache Beam with commas between them, to prepare with it; None: in this process.

    Raises:
        UnknownNameError: No such dataset, config, class, split scheme or option of Beam.
        InvalidArgumentError: `per_class` is not positive, `max_bad` no share, or the dataset does not run on Beam.
        MissingDataError: Files are not there, cannot be downloaded, or cannot be written; Beam is not installed.
        BadDataError: Too many bad examples.
    """
    name = dataset_named(name)
    if max_bad is not None and not 0 <= max_bad <= 1:
        raise InvalidArgumentError("max_bad", "a share between 0 and 1", max_bad)
    import tensorflow_datasets as tfds

    import tfds_builders

    builder_class = tfds_builders.BUILDERS[name]
    beam_options = None if beam is None else _beam_options(beam, name, tfds_builders.BUILDERS)
    manual = None if manual_dir is None else Path(manual_dir).expanduser()
    changes = {"classes": tuple(classes) or None, "per_class": per_class, "split": split, "max_bad": max_bad}
    chosen = builder_class.make_config(
        config, **{field: value for field, value in changes.items() if value is not None}
    )
    chosen = builder_class.resolve_config(chosen, manual)
    settings = tfds.download.DownloadConfig(manual_dir=manual, beam_options=beam_options)
    try:
        return _prepared(builder_class, chosen, data_dir and os.fspath(data_dir), manual, settings)
    except OSError as error:
        if isinstance(error, KerasSketchError):
            raise
        reason = error.strerror or type(error).__name__
        raise MissingDataError(f"Cannot prepare {name}: {error.filename or data_dir}: {reason}.") from error


def _prepared(builder_class, config, data_dir, manual, settings) -> tfds.core.DatasetBuilder:
    """Returns the builder when its data is there: prepared by this process, while no other does the same."""
    builder = builder_class(config=config, data_dir=data_dir)
    if builder.is_prepared():
        builder.download_and_prepare(download_config=settings)
        return builder
    if problem := builder_class.source_problem(config, manual):
        raise problem
    folder = Path(builder.data_dir)
    folder.parent.mkdir(parents=True, exist_ok=True)
    waiting = f"Another process is preparing {builder.name}: waiting for it."
    with locked(folder.with_name(f".{folder.name}.lock"), lambda: None, waiting):
        # What another process prepared meanwhile is seen by a new builder alone.
        builder = builder_class(config=config, data_dir=data_dir)
        builder.download_and_prepare(download_config=settings)
    return builder


def _beam_options(text: str, name: str, builders: Mapping[str, type]) -> PipelineOptions:
    """Makes Beam's options for a dataset that can be prepared with it."""
    from tfds_builders.beam_options import parse_beam_options

    if not builders[name].RUNS_ON_BEAM:
        able = ", ".join(each for each, builder in builders.items() if builder.RUNS_ON_BEAM)
        raise InvalidArgumentError("beam", f"left out for {name}: of the datasets, Apache Beam prepares {able}", text)
    return parse_beam_options(text)
