"""What the tests of several builders do: prepare a manual folder, and read back what came of it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from tfds_builders.base import GroupSplitBuilder


def prepare(
    builder_class: type[GroupSplitBuilder], manual_dir: Path, data_dir: Path, name: str | None = None, **fields: Any
) -> GroupSplitBuilder:
    """Prepares a config, made from a base name and fields, as the package does."""
    config = builder_class.resolve_config(builder_class.make_config(name, **fields), manual_dir)
    builder = builder_class(data_dir=data_dir, config=config)
    if not builder.is_prepared() and (problem := builder_class.source_problem(config, manual_dir)):
        raise problem
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=manual_dir))
    return builder


def by_id(builder: GroupSplitBuilder, **read: Any) -> dict[str, dict[str, Any]]:
    """Gives all examples by id, each with its `split`; `read` goes to `as_dataset`."""
    return {
        example["id"].decode(): {**example, "split": split}
        for split, dataset in builder.as_dataset(**read).items()
        for example in tfds.as_numpy(dataset)
    }


def sizes(builder: GroupSplitBuilder) -> dict[str, int]:
    """Counts the examples of each split."""
    return {split: info.num_examples for split, info in builder.info.splits.items()}


def listed(builder: GroupSplitBuilder) -> list[list[str]]:
    """Gives the rows of the list of bad examples: file, place and reason."""
    with (Path(builder.data_dir) / "bad_examples.csv").open(newline="") as file:
        return list(csv.reader(file))[1:]
