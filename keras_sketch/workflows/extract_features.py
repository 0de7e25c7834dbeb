"""`extract`: the local features of a dataset's images, into a store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from keras_sketch.errors import BadDataError, InvalidArgumentError, RunFolderError, UnknownNameError
from keras_sketch.models.table import backbone, check_side, list_models
from keras_sketch.workflows.arguments import check_known, split_names
from keras_sketch.workflows.classification import open_classifier
from keras_sketch.workflows.damaged_data import damaged_data_named
from keras_sketch.workflows.feature_folder import FeatureFolder
from keras_sketch.workflows.run_folder import RunFolder
from keras_sketch.workflows.split_predictions import DISTRACTORS
from keras_sketch.workflows.tensorflow_start import start_tensorflow

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from keras_sketch.data.loading import OpenDataset
    from keras_sketch.data.pipeline import ImageSplit
    from keras_sketch.local_features import Extractor, FeatureStoreWriter

_SAMPLE = 2000
"""Images whose features the PCA is of: about 300,000 features at 128 pixels."""

_BATCH_PIXELS = 32 * 224**2
_LARGEST_BATCH = 64


class ExtractionOptions(TypedDict, total=False):
    """What to extract features of, and with what. None: not given.

    Attributes:
        config: The dataset's config: what is in it. Default: the run's, where it was trained on this dataset.
        split: The split scheme; the PCA is of its training split. Default: as config.
        classes: Class names, with commas between them. Default: all.
        per_class: At most so many examples a class.
        data_dir: Where prepared datasets are kept. Default: TensorFlow Datasets' own folder.
        manual_dir: A folder with the dataset as published. Default: it is downloaded.
        max_bad: Largest share of bad examples that is accepted, 0 to 1. Default: the dataset's own, 0.01.
        weights: Of a network that is named: "imagenet", which is the default where there are such, or a file.
        image_size: Side of the images in pixels. Default: the network's own.
        layer: The layer with the features, whose length is then the score. Default: what the network's attention
            scores; without attention the last layer with a cell every 16 pixels.
    """

    config: str | None
    split: str | None
    classes: tuple[str, ...]
    per_class: int | None
    data_dir: str | None
    manual_dir: str | None
    max_bad: float | None
    weights: str | None
    image_size: int | None
    layer: str | None


def extract(
    network: str,
    dataset: str,
    max_features: int = 1000,
    dimensions: int = 40,
    output_dir: str | None = None,
    **options: Unpack[ExtractionOptions],
) -> Path:
    """Stores the local features (DELF) of all images of a dataset; goes on where it was stopped.

    Args:
        network: A run's folder, or the name of a network, such as delf_resnet50 with --weights.
        dataset: What to extract features of; `keras-sketch list` names them.
        max_features: At most so many an image, the strongest ones.
        dimensions: Numbers a descriptor, after a PCA of the training split's features.
        output_dir: The store's folder. Default: features/NETWORK-on-DATASET.
        **options: See `ExtractionOptions`.

    Returns:
        The folder.

    Raises:
        KerasSketchError: What was asked cannot be done, or the folder holds a store that was made otherwise; the
            message says in what it differs.
    """
    check_known(options, ExtractionOptions)
    if dimensions < 1:
        raise InvalidArgumentError("dimensions", "at least 1", dimensions)
    name = os.path.basename(os.path.abspath(network)) if RunFolder(network).begun else network
    folder = FeatureFolder(output_dir or f"features/{name}-on-{dataset}")
    folder.check_free(resume=True)
    classifier, side, resize = choose_classifier(network, options)
    from keras_sketch.data import open_dataset
    from keras_sketch.local_features import make_extractor

    sizes = dict(dimensions=dimensions, max_features=max_features)
    extractor = make_extractor(classifier, options.get("layer"), **sizes)
    data = open_dataset(dataset, **_chosen(network, dataset, options), image_size=side, resize=resize)
    _check_channels(data, extractor)
    settings = _settings(name, extractor, data, side, resize, sizes)
    folder.begin(settings, data.info.class_names, resume=True)
    with damaged_data_named(data.info):
        try:
            _fill(folder.path, extractor, data)
        except OSError as error:
            if isinstance(error, RunFolderError):
                raise
            reason = error.strerror or error
            raise RunFolderError(f"Cannot write {error.filename or folder.path}: {reason}. Free it, go on.") from error
    _say(folder.path)
    return folder.path


def choose_classifier(network: str, options: ExtractionOptions) -> tuple[keras.Model, int, str]:
    """Returns the network, the side of its images and how they become square."""
    wanted, weights = options.get("image_size"), options.get("weights")
    if RunFolder(network).begun or (os.path.isdir(network) and network not in list_models()):
        run = RunFolder(network)
        run.check_finished()
        if weights is not None:
            raise InvalidArgumentError("weights", "left out for a run, which has its own", weights)
        model = open_classifier(run.path)
        _check_attention(model, options, network)
        return model, model.input_shape[1] if wanted is None else wanted, run.recipe().resize
    if network not in list_models():
        raise UnknownNameError("run or model", network, list_models(), "It is no folder either.")
    row = backbone(network)
    if weights in (None, "imagenet") and not row.has_imagenet_weights:
        raise InvalidArgumentError("weights", f"a file: {network} has no ImageNet weights", weights)
    if weights == "none":
        raise InvalidArgumentError("weights", "imagenet or a file: random features say nothing", weights)
    side = row.input_shape[0] if wanted is None else wanted
    check_side(network, side)
    start_tensorflow()
    from keras_sketch.models import build_classifier

    shape = (side, side, row.channels or 3)
    model = build_classifier(network, 2, shape, weights or "imagenet", light_on_dark=False)
    _check_attention(model, options, network)
    return model, side, "pad"


def _check_attention(model: keras.Model, options: ExtractionOptions, network: str) -> None:
    from keras_sketch.models.delf import has_untrained_attention

    if options.get("layer") is None and has_untrained_attention(model):
        allowed = "without attention, or with weights of a trained one: this one's attention is untrained"
        raise InvalidArgumentError("network", allowed, network)


def _chosen(network: str, dataset: str, options: ExtractionOptions) -> dict:
    """Returns what is asked of the data; a run's test images are to be those that it was not trained on."""
    chosen = {key: options.get(key) for key in ("config", "split", "per_class", "data_dir", "manual_dir", "max_bad")}
    if RunFolder(network).begun and (recipe := RunFolder(network).recipe()).dataset == dataset:
        chosen |= {key: getattr(recipe, key) for key in ("config", "split") if chosen[key] is None}
    return {**chosen, "classes": split_names(options.get("classes") or ())}


def _check_channels(data: OpenDataset, extractor: Extractor) -> None:
    given, taken = data.info.image_shape[2], extractor.network.input_shape[-1]
    if given != taken:
        raise InvalidArgumentError("dataset", f"one of images with {taken} channels, which the network takes", given)


def _settings(name: str, extractor: Extractor, data: OpenDataset, side: int, resize: str, sizes: dict) -> dict:
    """Returns all that the features depend on."""
    import keras
    import tensorflow as tf

    from keras_sketch import __version__

    pyramid = extractor.network.get_layer("delf_pyramid")
    keypoints = extractor.network.get_layer("delf_keypoints")
    return {
        "network": name,
        "weights": extractor.weights_digest,
        "layers": list(pyramid.layers_read),
        "scales": list(pyramid.scales),
        "rim": pyramid.rim,
        "threshold": keypoints.threshold,
        **sizes,
        "reduction": _reduction(data),
        "data": dict(data.info.provenance),
        "preprocessing": {"image_size": side, "resize": resize, "channels": data.info.image_shape[2]},
        "splits": dict(data.info.num_examples),
        "class_names": list(data.info.class_names),
        "versions": {"keras_sketch": __version__, "keras": keras.__version__, "tensorflow": tf.__version__},
    }


def _reduction(data: OpenDataset) -> dict:
    """Returns whose features the PCA is of: `split`, and `every` how many of its images one is taken."""
    split = "train" if "train" in data.splits else next(iter(data.splits))
    return {"split": split, "every": -(-data.splits[split].num_examples // _SAMPLE)}


def _fill(folder: Path, extractor: Extractor, data: OpenDataset) -> None:
    """Finds the PCA and computes the features, each where it is not there yet."""
    from keras_sketch.local_features import FeatureStoreWriter, load_extractor
    from keras_sketch.local_features.store import WEIGHTS

    if (folder / WEIGHTS).is_file():
        extractor = load_extractor(folder)
    else:
        _fit_reduction(extractor, data)
        extractor.save(folder)
    writer = FeatureStoreWriter(folder, data.info.num_examples)
    for name, split in data.splits.items():
        _fill_split(writer, name, split, extractor)


def _fill_split(writer: FeatureStoreWriter, name: str, split: ImageSplit, extractor: Extractor) -> None:
    """Computes the features of the files of a split that are not there yet, those in a row in one pass."""
    from tqdm import tqdm

    missing = writer.missing(name)
    count = dict(total=split.num_examples, initial=split.num_examples - sum(map(len, missing)))
    with tqdm(**count, desc=f"Features of {name}", unit="image", disable=None) as bar:
        while missing:
            ids, labels, features, before = [], [], [], len(missing)
            for found in extractor.stream(_noted(_batches(split, missing), ids, labels)):
                features += found
                bar.update(len(found))
                if len(features) < len(missing[0]):
                    continue
                images = missing.pop(0)
                end = len(images)
                known = labels[:end] if name != DISTRACTORS else [-1] * end
                writer.write(name, images, ids[:end], known, features)
                # The stream is a batch ahead.
                del ids[:end], labels[:end], features[:]
            if features or len(missing) == before:
                raise BadDataError(f"The {name} split has fewer examples than it says: prepare the data again.")


def _fit_reduction(extractor: Extractor, data: OpenDataset) -> None:
    from tqdm import tqdm

    name, every = _reduction(data).values()
    split = data.splits[name]
    if name != "train":
        print(f"There is no training split: the PCA is of the {name} split's features.", flush=True)
    size = _batch_size(split)
    batches = split.examples(["id"], every=every).map(lambda image, _: image).batch(size).prefetch(1)
    total = -(-split.num_examples // every)
    with tqdm(total=-(-total // size), desc="Features for the PCA", unit="batch", disable=None, leave=False) as bar:

        def counted() -> Iterator[tf.Tensor]:
            for images in batches:
                yield images
                bar.update()

        count = extractor.fit_reduction(counted())
    print(f"PCA: {extractor.dimensions} dimensions of {count:,} features of {total:,} images.", flush=True)


def _batches(split: ImageSplit, missing: list[range]) -> tf.data.Dataset:
    """Returns (images, ids, labels) of the first files in a row; batches end where files do."""
    first, end = missing[0].start, missing[0].stop
    for images in missing[1:]:
        end = images.stop if images.start == end else end
    return split.examples(["id", "label"], first).take(end - first).batch(_batch_size(split)).prefetch(2)


def _noted(batches: tf.data.Dataset, ids: list[str], labels: list[int]) -> Iterator[tf.Tensor]:
    """Gives the images, and adds what stands beside them to lists."""
    for images, names, classes in batches:
        ids += [name.decode() for name in names.numpy()]
        labels += classes.numpy().tolist()
        yield images


def _batch_size(split: ImageSplit) -> int:
    """Returns how many images, a power of two, have no more pixels together than 32 of 224 x 224."""
    from keras_sketch.local_features.store import CHUNK_IMAGES

    size = 1
    while size < min(_LARGEST_BATCH, CHUNK_IMAGES) and 2 * size * split.side**2 <= _BATCH_PIXELS:
        size *= 2
    return size


def _say(folder: Path) -> None:
    """Says what was stored and what it is for."""
    from keras_sketch.local_features import LocalFeatureStore
    from keras_sketch.local_features.store import WEIGHTS

    store = LocalFeatureStore(folder)
    for split in store.splits:
        images, features = store.num_images(split), store.num_features(split)
        print(f"  {split}: {features:,} features of {images:,} images, {features / max(images, 1):.0f} an image")
    size = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
    print(f"{folder}: {size:,.1f} MB")
    print(f"Recognize by retrieval: keras-sketch retrieve {folder}")
    if store.settings["layers"] == ["conv4_block6_out", "attention_score"]:
        weights = folder / WEIGHTS
        print(f"Train on the strongest: keras-sketch train --recipe gldv2-delf-bottleneck --weights {weights}")
