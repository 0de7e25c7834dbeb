"""`load_dataset`: three `tf.data` pipelines and what is known about them."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence

import tensorflow as tf

from keras_sketch.data.pipeline import ImageSplit
from keras_sketch.data.resizing import RESIZE_MODES
from keras_sketch.data.sources import prepare
from keras_sketch.errors import BadDataError, InvalidArgumentError, MissingDataError


@dataclasses.dataclass(frozen=True)
class DatasetInfo:
    """What is known about a loaded dataset.

    Attributes:
        class_names: In the order of the labels.
        num_examples: By split name.
        image_shape: Height, width and channels of what is read.
        bad_examples: How many examples of the source could not be used; `bad_examples.csv` beside the data names them.
        provenance: Dataset, config, version, split scheme, source, and where it is stored.
        leaked: By split name, how many validation and test examples have a sibling, an example of the same group, in
            training. 0 for splits by group.
        left_out: How many examples of the source the config leaves out by choice, by reason.
    """

    class_names: tuple[str, ...]
    num_examples: Mapping[str, int]
    image_shape: tuple[int, int, int]
    bad_examples: int
    provenance: Mapping[str, object]
    leaked: Mapping[str, int] = dataclasses.field(default_factory=dict)
    left_out: Mapping[str, int] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class OpenDataset:
    """A prepared dataset: its split `"test"`, perhaps `"train"` and `"validation"`, and its info."""

    splits: Mapping[str, ImageSplit]
    info: DatasetInfo


def load_dataset(
    name: str,
    config: str | None = None,
    split: str | None = None,
    image_size: int | None = None,
    batch_size: int = 32,
    data_dir: str | os.PathLike[str] | None = None,
    manual_dir: str | os.PathLike[str] | None = None,
    classes: Sequence[str] = (),
    per_class: int | None = None,
    max_bad: float | None = None,
    resize: str = "pad",
    seed: int = 0,
) -> tuple[tf.data.Dataset | None, tf.data.Dataset | None, tf.data.Dataset, DatasetInfo]:
    """Returns the training, validation and test pipelines of a dataset, preparing it when needed.

    Args:
        name: A name from `list_datasets()`.
        config: A config of that dataset; None: its default.
        split: A split scheme of that dataset; None: its default.
        image_size: Side of the images in pixels; None: as stored.
        batch_size: Examples a batch.
        data_dir: Where prepared datasets are kept; None: TFDS's own default.
        manual_dir: A folder with the dataset as published; None: it is downloaded.
        classes: Class names; empty: all.
        per_class: At most so many examples a class; None: all.
        max_bad: Largest share of bad examples that is accepted, 0 to 1; None: the dataset's own, 0.01.
        resize: How an image becomes square: `"pad"`, `"stretch"` or `"crop"`.
        seed: Of the training order.

    Returns:
        `(train, validation, test, info)`. Each pipeline yields (pixels `[B, S, S, C]` in 0..255, int64 labels `[B]`).
        Training holds whole batches, in another order on each pass. Validation and test hold every example once.
        Training and validation are None where the split scheme has none.

    Raises:
        KerasSketchError: As `keras_sketch.data.sources.prepare`; or a size that the data cannot have.
    """
    dataset = open_dataset(name, config, split, image_size, data_dir, manual_dir, classes, per_class, max_bad, resize)
    train, validation = dataset.splits.get("train"), dataset.splits.get("validation")
    return (
        train and train.one_epoch_a_pass(batch_size, seed),
        validation and validation.evaluation(batch_size),
        dataset.splits["test"].evaluation(batch_size),
        dataset.info,
    )


def open_dataset(
    name: str,
    config: str | None = None,
    split: str | None = None,
    image_size: int | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    manual_dir: str | os.PathLike[str] | None = None,
    classes: Sequence[str] = (),
    per_class: int | None = None,
    max_bad: float | None = None,
    resize: str = "pad",
) -> OpenDataset:
    """Prepares a dataset and opens its splits; the arguments are `load_dataset`'s."""
    if resize not in RESIZE_MODES:
        raise InvalidArgumentError("resize", f"one of {', '.join(RESIZE_MODES)}", resize)
    builder = prepare(name, config, split, tuple(classes), per_class, max_bad, data_dir, manual_dir)
    provenance = {
        "dataset": builder.name,
        "config": builder.builder_config.name,
        "version": str(builder.version),
        "split": builder.builder_config.split,
        "manual_dir": None if manual_dir is None else os.path.abspath(manual_dir),
        "prepared_in": os.path.abspath(builder.data_dir),
    }
    return _open(builder, provenance, image_size, resize)


def reopen_dataset(
    provenance: Mapping, image_size: int | None, resize: str, data_dir: str | os.PathLike[str] | None = None
) -> OpenDataset:
    """Opens the prepared files that a run was trained on, whatever has become of their source.

    Args:
        provenance: From `DatasetInfo`.
        image_size: Side of the images in pixels; None: as stored.
        resize: How an image becomes square.
        data_dir: Where prepared datasets are kept now; None: where they were.

    Raises:
        MissingDataError: The prepared files are gone.
        BadDataError: They are damaged.
    """
    import tensorflow_datasets as tfds

    folder = provenance["prepared_in"]
    if data_dir is not None:
        folder = os.path.join(data_dir, provenance["dataset"], provenance["config"], provenance["version"])
    if not os.path.isdir(folder):
        raise MissingDataError(f"The prepared data of this run is not in {folder}. Say where it is with --data-dir.")
    try:
        builder = tfds.builder_from_directory(folder)
    except (ValueError, OSError) as error:
        raise BadDataError(f"The prepared data in {folder} is damaged; remove it and prepare it again.") from error
    return _open(builder, provenance, image_size, resize)


def _open(builder, provenance: Mapping, image_size: int | None, resize: str) -> OpenDataset:
    if "test" not in builder.info.splits:
        raise BadDataError(f"The prepared data in {builder.data_dir} is incomplete: remove that folder, run again.")
    side = _side(builder, image_size)
    splits = {each: ImageSplit(builder, each, side, resize) for each in builder.info.splits}
    # Folders prepared before leaks were counted hold splits by group only.
    leaked = builder.info.metadata.get("leaked", {})
    info = DatasetInfo(
        class_names=tuple(builder.info.features["label"].names),
        num_examples={each: split.num_examples for each, split in splits.items()},
        image_shape=(side, side, splits["test"].channels),
        bad_examples=int(builder.info.metadata["examples_bad"]),
        provenance=provenance,
        leaked={each: int(leaked.get(each, 0)) for each in splits if each != "train"},
        left_out=dict(builder.info.metadata.get("left_out", {})),
    )
    return OpenDataset(splits, info)


def _side(builder, image_size: int | None) -> int:
    height, width, _ = builder.info.features["image"].shape
    if image_size is not None:
        if image_size < 1:
            raise InvalidArgumentError("image_size", "a positive number of pixels", image_size)
        return image_size
    if height is None or height != width:
        raise InvalidArgumentError(
            "image_size", f"given, since the images of {builder.name} differ in size", image_size
        )
    return height
