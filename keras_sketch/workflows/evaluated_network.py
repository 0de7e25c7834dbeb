"""What `evaluate` tests on another dataset: a finished run's network, or a pretrained one as it is."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, TypedDict

from keras_sketch.curation.imagenet import imagenet_classes
from keras_sketch.errors import BadDataError, InvalidArgumentError, MissingDataError, UnknownNameError
from keras_sketch.exporting.archive import MODEL_FILE
from keras_sketch.models.table import backbone, check_side, list_models
from keras_sketch.recipes import Recipe
from keras_sketch.workflows.arguments import split_names
from keras_sketch.workflows.class_matching import check_all_known, match_classes, tell_matches
from keras_sketch.workflows.classification import open_classifier
from keras_sketch.workflows.run_folder import RunFolder

if TYPE_CHECKING:
    import keras

    from keras_sketch.data.loading import OpenDataset


class EvaluationOptions(TypedDict, total=False):
    """What to test on, with a dataset. None: not given.

    Attributes:
        config: The dataset's config: what is in it.
        classes: Class names, with commas between them. Default: all.
        per_class: At most so many examples a class.
        split: The split scheme; its test split is what counts.
        data_dir: Where prepared datasets are kept. Default: TensorFlow Datasets' own folder; without a dataset, where
            the run found its data.
        manual_dir: A folder with the dataset as published. Default: it is downloaded.
        max_bad: Largest share of bad examples that is accepted, 0 to 1. Default: the dataset's own, 0.01.
        weights: Of a network that is named: "imagenet", which is the default, or a file with its ImageNet head.
        image_size: Side of the images in pixels, for a network that is named. Default: its own.
    """

    config: str | None
    classes: tuple[str, ...]
    per_class: int | None
    split: str | None
    data_dir: str | None
    manual_dir: str | None
    max_bad: float | None
    weights: str | None
    image_size: int | None


@dataclasses.dataclass(frozen=True)
class EvaluatedNetwork:
    """A network to test, not yet in memory.

    Attributes:
        name: What its evaluation's folder is called after.
        class_names: In the order of its outputs.
        recipe: How it was made; one without stages: nothing was trained.
        image_size: Side of the images that it takes, in pixels.
        load: Makes the model for images of so many channels.
        channels: What it takes, 1 (grey) or 3 (RGB, or grey given as RGB); None: either.
        run: The folder of the run that trained it, absolute; None: nothing was trained.
        trained_on: Provenance of the data that it was trained on; None: nothing was trained.
        weights_sha256: Of the file with its weights; None: published ones, by name.
    """

    name: str
    class_names: tuple[str, ...]
    recipe: Recipe
    image_size: int
    load: Callable[[int], keras.Model]
    channels: int | None = None
    run: str | None = None
    trained_on: dict | None = None
    weights_sha256: str | None = None


def choose_network(run: str, dataset: str, options: EvaluationOptions) -> EvaluatedNetwork:
    """Finds out what is to be tested, and checks the options that are about it.

    Args:
        run: A run's folder, or the name of a network with ImageNet weights.
        dataset: What to test it on.
        options: `weights` and `image_size` count.

    Raises:
        UnknownNameError: Neither a folder nor a network; lists the nearest.
        RunFolderError: The folder holds no finished run.
        InvalidArgumentError: Options that do not go with it.
        MissingDataError: The file of weights is not there, or cannot be read.
    """
    if RunFolder(run).begun or (os.path.isdir(run) and run not in list_models()):
        return _trained(run, options)
    if run not in list_models():
        raise UnknownNameError("run or model", run, list_models(), "It is no folder either.")
    return _pretrained(run, dataset, options)


def _trained(run: str, options: EvaluationOptions) -> EvaluatedNetwork:
    folder = RunFolder(run)
    folder.check_finished()
    if options.get("weights") is not None:
        raise InvalidArgumentError("weights", "left out for a run, whose weights are tested", options["weights"])
    model = open_classifier(folder.path)
    height, _, channels = model.input_shape[1:]
    if options.get("image_size") not in (None, height):
        allowed = f"left out for a run: its network takes {height} x {height} pixels"
        raise InvalidArgumentError("image_size", allowed, options["image_size"])

    def load(wanted: int) -> keras.Model:
        if wanted != channels:
            raise InvalidArgumentError("dataset", "one of grey images, which the run's network takes", "RGB images")
        return model

    path = os.path.abspath(run)
    name, recipe = os.path.basename(path), folder.recipe()
    trained_on, digest = folder.settings()["data"], _digest(folder.path / MODEL_FILE)
    return EvaluatedNetwork(name, model.class_names, recipe, height, load, channels, path, trained_on, digest)


def _pretrained(name: str, dataset: str, options: EvaluationOptions) -> EvaluatedNetwork:
    row, weights = backbone(name), options.get("weights") or "imagenet"
    if not row.has_imagenet_head:
        raise InvalidArgumentError("run", "a run's folder, or a network with ImageNet weights", name)
    if weights == "none":
        raise InvalidArgumentError("weights", "imagenet or a file: without weights there is nothing to test", weights)
    weights, digest = (weights, None) if weights == "imagenet" else (os.path.abspath(weights), _digest(weights))
    side = options.get("image_size") or row.input_shape[0]
    check_side(name, side)
    recipe = Recipe(
        name=name,
        summary=f"{name} as it was trained on ImageNet.",
        dataset=dataset,
        model=name,
        stages=(),
        config=options.get("config"),
        classes=split_names(options.get("classes") or ()),
        per_class=options.get("per_class"),
        split=options.get("split"),
        image_size=side,
        batch_size=32,
        weights=weights,
        head="pretrained",
        light_on_dark=False,
    )

    def load(channels: int) -> keras.Model:
        from keras_sketch.models import build_classifier

        return build_classifier(name, 1000, (side, side, channels), weights, light_on_dark=False, head="pretrained")

    class_names = tuple(each.wnid for each in imagenet_classes())
    return EvaluatedNetwork(name, class_names, recipe, side, load, weights_sha256=digest)


def _digest(path: str | os.PathLike[str]) -> str:
    if not os.path.isfile(path):
        raise MissingDataError(f"There is no weights file {path}. Give --weights imagenet or a file.")
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise MissingDataError(f"Cannot read the weights file {path}: {error.strerror}.") from error


def open_test_data(network: EvaluatedNetwork, dataset: str, options: EvaluationOptions) -> OpenDataset:
    """Prepares a dataset and opens its test split, labelled by the network's classes.

    Where the network was trained on the same dataset, test examples that it was trained on, or that are of a group of
    which it saw others, are counted in `info.leaked`.

    Raises:
        InvalidArgumentError: There are test examples of classes that the network does not know.
        KerasSketchError: As `keras_sketch.data.open_dataset`.
    """
    from keras_sketch.data import open_dataset
    from keras_sketch.data.relabelling import relabelled_test

    names = ("config", "split", "per_class", "data_dir", "manual_dir", "max_bad")
    chosen = {name: options.get(name) for name in names}
    chosen["classes"] = split_names(options.get("classes") or ())
    data = open_dataset(dataset, **chosen, image_size=network.image_size, resize=network.recipe.resize)
    places = match_classes(network.class_names, data.info.class_names)
    check_all_known(places, data.info.class_names, data.splits["test"].labels, dataset)
    tell_matches(network.class_names, data.info.class_names, places)
    relabelled = relabelled_test(data, network.class_names, places, network.channels)
    leaked = _leaked(network, relabelled, options.get("data_dir"))
    return dataclasses.replace(relabelled, info=dataclasses.replace(relabelled.info, leaked=leaked))


def _leaked(network: EvaluatedNetwork, data: OpenDataset, data_dir: str | None) -> dict[str, int]:
    """Counts the test examples that the network was trained on, or siblings of which; nothing for another dataset.

    Ids mean the same in one folder only.
    """
    from keras_sketch.data import reopen_dataset

    source = ("dataset", "manual_dir")
    if network.trained_on is None or any(network.trained_on[key] != data.info.provenance[key] for key in source):
        return {}
    for folder in (None, data_dir):
        with contextlib.suppress(MissingDataError, BadDataError):
            seen = reopen_dataset(network.trained_on, network.image_size, network.recipe.resize, folder)
            break
    else:
        print("The data that the run was trained on is gone or damaged: whether it holds test examples is not known.")
        return {}
    train, test = (split.facts(["id", "group"]) for split in (seen.splits["train"], data.splits["test"]))
    ids, groups = set(train["id"]), set(train["group"])
    both = zip(test["id"], test["group"], strict=True)
    leaked = sum(example in ids or group in groups for example, group in both)
    if leaked:
        itself = sum(example in ids for example in test["id"])
        print(
            f"Of {len(test['id']):,} test examples {itself:,} were trained on themselves, and siblings of "
            f"{leaked - itself:,} others: figures on them will be too good."
        )
    return {"test": leaked}
