"""ImageNet-Sketch: 50,889 sketches found on the web, about 50 for each of ImageNet's 1000 classes."""

from __future__ import annotations

import collections
import dataclasses
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import requests
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError
from tensorflow_datasets.core.download.util import DownloadError
from tensorflow_datasets.core.utils.tqdm_utils import tqdm

from keras_sketch.curation.decode import check_image
from keras_sketch.curation.imagenet import find_class
from keras_sketch.curation.manifest import Manifest
from keras_sketch.curation.near_duplicates import group_near_duplicates, signature
from keras_sketch.curation.splits import SplitScheme
from keras_sketch.errors import BadDataError, MissingDataError
from tfds_builders.config import GroupSplitConfig
from tfds_builders.decoding import decoding_pool, in_order
from tfds_builders.image_files import stored_bytes, stored_image
from tfds_builders.imagenet_labels import WNIDS, ImageNetLabelsBuilder, check_present
from tfds_builders.imagenet_sketch import HOMEPAGE, INSTRUCTIONS, URL
from tfds_builders.imagenet_sketch.images import Images, find_images, packed_images
from tfds_builders.imagenet_sketch.listing import check_list, find_list
from tfds_builders.writing import Example

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Source:
    """What a config reads: the images, and the authors' list with its name in messages, where there is one."""

    images: Images
    listing: tuple[Path, str] | None


@dataclasses.dataclass(frozen=True)
class Usable:
    """An image that can be decoded.

    Attributes:
        name: `<WordNet id>/<file>`, which is its id.
        as_it_is: Whether the file itself can be stored.
        signature: From `near_duplicates`.
    """

    name: str
    as_it_is: bool
    signature: np.ndarray


class Builder(ImageNetLabelsBuilder, skip_registration=True):
    """Prepares ImageNet-Sketch from the published archive or its extracted folder."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    BUILDER_CONFIGS = [GroupSplitConfig(name="imagenet_sketch", description="All sketches, at their own size.")]
    SPLIT_SCHEMES = {
        "hash": SplitScheme(train=0.8, validation=0.1, test=0.1),
        "holdout": SplitScheme(train=0.8, test=0.2),
        "all": SplitScheme(train=0, test=1),
    }
    MANUAL_DOWNLOAD_INSTRUCTIONS = f"Optional: without it the archive is downloaded. {INSTRUCTIONS}"

    @classmethod
    def available_classes(cls, config, manual_dir):
        """Lists all 1000; if some are asked for, those of them that have a folder."""
        if manual_dir is None:
            return WNIDS
        present = find_images(manual_dir).files
        check_present(config, present, manual_dir)
        if len(present) < len(WNIDS) and not config.classes:
            log.warning(
                "%d of the %d classes have no folder in %s; they stay among the labels, without examples.",
                *(len(WNIDS) - len(present), len(WNIDS), manual_dir),
            )
        return WNIDS

    @classmethod
    def source_files(cls, config, manual_dir):
        """Lists the image files, or their archive, and the authors' list."""
        images, listing = find_images(manual_dir), find_list(manual_dir)
        lists = [listing] if listing else []
        if images.is_archive:
            return [images.container, *lists]
        root = images.container / images.root
        wanted = config.classes or WNIDS
        return [*(root / wnid / file for wnid in wanted for file in images.files.get(wnid, ())), *lists]

    @classmethod
    def source_problem(cls, config, manual_dir):
        """Asks for the archive's header: without a network TFDS tries again for minutes before it says so."""
        if manual_dir is not None:
            return None
        try:
            requests.head(URL, timeout=10, allow_redirects=True).raise_for_status()
        except OSError as error:
            return MissingDataError(_by_hand(error))
        return None

    def _info(self) -> tfds.core.DatasetInfo:
        return self._dataset_info(
            tfds.features.Image(shape=(None, None, 3)),
            self._wnids,
            homepage=HOMEPAGE,
            wnid=tfds.features.Text(),
            class_name=tfds.features.Text(),
        )

    def _fetch(self, dl_manager, manual_dir) -> Source:
        if manual_dir is not None:
            path = find_list(manual_dir)
            return Source(find_images(manual_dir), path and (path, path.relative_to(manual_dir).as_posix()))
        try:
            archive = dl_manager.download(URL)
        except (OSError, RuntimeError, DownloadError, NonMatchingChecksumError) as error:
            raise MissingDataError(_by_hand(error)) from error
        return Source(packed_images(Path(archive)), None)

    def _examples(self, source, manifest) -> Iterator[Example]:
        images = source.images
        if source.listing is not None:
            wanted = {wnid: files for wnid, files in images.files.items() if wnid in self._wnids}
            check_list(*source.listing, dataclasses.replace(images, files=wanted), manifest)
        with (
            images.opened() as read,
            decoding_pool() as pool,
        ):
            usable = self._usable(images, read, pool, manifest)
            groups = _grouped(usable)
            sizes = collections.Counter(groups)
            self.info.metadata["near_duplicates"] = sum(size for size in sizes.values() if size > 1)
            stored = in_order(pool, lambda each: _stored(each, read), usable)
            labels = {wnid: label for label, wnid in enumerate(self._wnids)}
            for each, group, image in zip(usable, groups, stored, strict=True):
                if isinstance(image, BadDataError):
                    manifest.add_bad(images.place(each.name), "", str(image))
                    continue
                wnid = each.name.split("/")[0]
                features = {"image": image, "label": labels[wnid], "wnid": wnid, "class_name": find_class(wnid).name}
                yield Example(each.name, group, features, images.place(each.name))

    def _usable(
        self, images: Images, read: Callable[[str], bytes], pool: ThreadPoolExecutor, manifest: Manifest
    ) -> list[Usable]:
        """Decodes every image once; those that cannot be go to the manifest, and a class without any stops it."""
        usable: list[Usable] = []
        total = sum(len(images.files.get(wnid, ())) for wnid in self._wnids)
        with tqdm(total=total, desc="Decoding", unit=" images", mininterval=0.5, leave=False) as progress:
            for wnid in self._wnids:
                names = [f"{wnid}/{file}" for file in images.files.get(wnid, ())]
                looked_at = in_order(pool, lambda name: _looked_at(name, read), names)
                found = self._first(looked_at, names, images, manifest)
                if wnid in images.files and not found:
                    manifest.check()
                    raise BadDataError(
                        f"The class {wnid} ({find_class(wnid).name}) would be empty: {images.place(wnid)} holds no "
                        "image that can be decoded. Extract the archive anew, or ask for other classes (`--classes`)."
                    )
                usable += found
                progress.update(len(names))
        return usable

    def _first(self, looked_at: Iterator, names: Sequence[str], images: Images, manifest: Manifest) -> list[Usable]:
        """Takes the first usable ones of a class, as many as the config wants."""
        found = []
        for name, result in zip(names, looked_at, strict=True):
            if isinstance(result, BadDataError):
                manifest.add_bad(images.place(name), "", str(result))
                continue
            found.append(result)
            if len(found) == self.builder_config.per_class:
                break
        return found


def _looked_at(name: str, read: Callable[[str], bytes]) -> Usable:
    if not name.isprintable():
        raise BadDataError("the name has characters that cannot be printed")
    contents = read(name)
    pixels = check_image(contents)
    return Usable(name, stored_bytes(contents, pixels) is contents, signature(pixels))


def _stored(image: Usable, read: Callable[[str], bytes]) -> bytes:
    contents = read(image.name)
    return contents if image.as_it_is else stored_image(contents)


def _grouped(usable: Sequence[Usable]) -> list[str]:
    """Gives each image's group of near copies."""
    signatures = np.array([each.signature for each in usable])
    names = [each.name for each in usable]
    with tqdm(total=len(names), desc="Comparing", unit=" images", mininterval=0.5, leave=False) as progress:
        return group_near_duplicates(signatures, names, progress=progress.update)


def _by_hand(error: Exception) -> str:
    return f"Cannot download ImageNet-Sketch from {URL} ({type(error).__name__}). Check the network, or: {INSTRUCTIONS}"
