"""The Sketchy Database: 75,471 sketches of 12,500 photos in 125 classes, each drawn from a photo seen before."""

from __future__ import annotations

import collections
import dataclasses
import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from keras_sketch.curation.manifest import Manifest
from keras_sketch.curation.splits import CHOICE_SEED, SplitScheme, unit_hash
from keras_sketch.errors import BadDataError, InvalidArgumentError, KerasSketchError, MissingDataError
from tfds_builders.base import GroupSplitBuilder
from tfds_builders.config import GroupSplitConfig
from tfds_builders.decoding import decoding_pool, in_order
from tfds_builders.image_files import read_file, stored_image
from tfds_builders.sketchy import HOMEPAGE
from tfds_builders.sketchy.lists import (
    INVALID,
    TEST_LIST,
    InvalidSketches,
    NameList,
    invalid_list,
    list_files,
    read_list,
    require_list,
)
from tfds_builders.sketchy.renderings import INSTRUCTIONS, Rendering, SketchName, find_rendering, parse_name
from tfds_builders.writing import Example

# The student paper's 20,000 sketches of 125 classes.
_PAPER_PER_CLASS = 160
_VALID = "-valid"

RENDERINGS = {
    "tx_000000000000": "The canvas is scaled as the photo is, so a sketch lies where the object lies in its photo.",
    "tx_000100000000": "Centred, and scaled evenly until the longer side fills 78 % of the picture.",
    "tx_000000000010": "Moved, so that it is centred on the object's bounding box.",
    "tx_000000000110": "Centred on the bounding box, and scaled evenly until the side that needs less scaling fits it.",
    "tx_000000001010": "Centred on the bounding box, and scaled evenly until the side that needs more scaling fits it.",
    "tx_000000001110": "Centred on the bounding box, and stretched to fill it.",
}
"""The six ways in which the authors draw each sketch on a square of 256 pixels (their README), by folder name."""


@dataclasses.dataclass(eq=False, kw_only=True, repr=False)
class SketchyConfig(GroupSplitConfig):
    """A rendering, and which of its sketches.

    Attributes:
        split: `"photo"`, `"official"` or `"paper"`.
        per_class: So many sketches of each class, those with the lowest hash of their id under another seed than the
            split's: the same sketches for every split. None for all; for the split `paper` for 160.
        without: Reasons of `lists.INVALID`; the sketches on these lists are left out. Configs whose base name ends in
            `-valid` leave out those on any of the four.
    """

    split: str = "photo"
    without: tuple[str, ...] = ()

    def __post_init__(self):
        for reason in self.without:
            if reason not in INVALID:
                raise InvalidArgumentError("without", f"reasons among {', '.join(INVALID)}", self.without)
        self.without = tuple(sorted(set(self.without)))
        super().__post_init__()

    @property
    def rendering(self) -> str:
        """The rendering's folder."""
        return self.base.removesuffix(_VALID)

    @property
    def left_out(self) -> tuple[str, ...]:
        """The reasons of `lists.INVALID` for which sketches are left out."""
        return INVALID if self.base.endswith(_VALID) else self.without

    @property
    def limit(self) -> int | None:
        """How many sketches of each class; None for all."""
        return self.per_class or (_PAPER_PER_CLASS if self.split == "paper" else None)


@dataclasses.dataclass(frozen=True)
class Source:
    """What a config reads.

    Attributes:
        rendering: The sketches.
        classes: The classes that are wanted, sorted.
        test_photos: The authors' list of photos for the test, None where the split does not use it.
        invalid: What the lists of invalid sketches say.
    """

    rendering: Rendering
    classes: tuple[str, ...]
    test_photos: NameList | None
    invalid: InvalidSketches


class Builder(GroupSplitBuilder):
    """Prepares Sketchy from the published archive or its extracted folder."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    BUILDER_CONFIGS = [
        *(SketchyConfig(name=name, description=text) for name, text in RENDERINGS.items()),
        *(
            SketchyConfig(
                name=f"{name}{_VALID}", description=f"{text} Without the sketches that are on a list of invalid ones."
            )
            for name, text in RENDERINGS.items()
        ),
    ]
    SPLIT_SCHEMES = {
        "photo": SplitScheme(train=0.9, validation=0.05, test=0.05),
        # The test is testset.txt: 10 of the 100 photos of each class. 5 % of the other photos are for validation.
        "official": SplitScheme(train=0.855, validation=0.045, test=0.1, test_groups=frozenset()),
        # 18,001, 999 and 1,000 of 20,000 sketches in the student paper, whatever photo they are of.
        "paper": SplitScheme(train=0.9, validation=0.05, test=0.05, by="id"),
    }
    MANUAL_DOWNLOAD_INSTRUCTIONS = INSTRUCTIONS

    @classmethod
    def available_classes(cls, config, manual_dir):
        """Lists the folders of the rendering."""
        if manual_dir is None:
            raise MissingDataError(f"The dataset 'sketchy' needs a manual folder. {INSTRUCTIONS}")
        return tuple(find_rendering(manual_dir, config.rendering).files)

    @classmethod
    def source_files(cls, config, manual_dir):
        """Lists the sketches' files, or their archive, and the lists."""
        rendering = find_rendering(manual_dir, config.rendering)
        if rendering.is_archive:
            return sorted({rendering.container, *list_files(manual_dir)})
        names = config.classes or rendering.files
        folder = rendering.container / rendering.root
        return [*(folder / name / file for name in names for file in rendering.files[name]), *list_files(manual_dir)]

    @classmethod
    def source_problem(cls, config, manual_dir):
        """Looks for the lists that the config needs."""
        try:
            _open_source(config, manual_dir, config.classes or ())
        except KerasSketchError as error:
            return error
        return None

    def _info(self) -> tfds.core.DatasetInfo:
        return self._dataset_info(
            tfds.features.Image(shape=(None, None, 3), encoding_format="png"),
            self.builder_config.classes,
            homepage=HOMEPAGE,
            photo=tfds.features.Text(),
            wnid=tfds.features.Text(),
            sketch=np.int64,
            invalid=tfds.features.Text(),
        )

    def _fetch(self, dl_manager, manual_dir) -> Source:
        """Finds the sketches and lists, and the classes, which `tfds.load` alone cannot know before."""
        classes = self._classes_of(self.builder_config, manual_dir)
        self.info.features["label"].names = list(classes)
        return _open_source(self.builder_config, manual_dir, classes)

    def _scheme_for(self, source) -> SplitScheme:
        if source.test_photos is None:
            return self.scheme
        photos = frozenset(name.split("/")[1] for name in source.test_photos.lines)
        return dataclasses.replace(self.scheme, test_groups=photos)

    def _examples(self, source, manifest) -> Iterator[Example]:
        left_out = collections.Counter()
        with (
            source.rendering.opened(source.classes, Path(self.data_dir)) as folder,
            decoding_pool() as pool,
        ):
            for label, name in enumerate(source.classes):
                sketches = _parsed(source, name, manifest)
                kept = []
                for sketch in sketches:
                    if set(source.invalid.reasons(sketch.id)) & set(self.builder_config.left_out):
                        left_out[source.invalid.described(sketch.id)] += 1
                    else:
                        kept.append(sketch)
                images = _images(folder / name, self._ordered(kept), pool)
                usable = _usable(images, source, name, label, manifest)
                count = 0
                for example in itertools.islice(usable, self.builder_config.limit):
                    count += 1
                    yield example
                if not count:
                    manifest.check()
                    raise BadDataError(_why_empty(source, name, len(sketches), len(kept)))
        source.invalid.warn()
        self.info.metadata["left_out"] = dict(sorted(left_out.items()))

    def _ordered(self, sketches: list[SketchName]) -> list[SketchName]:
        """Puts the sketches first that a limit keeps."""
        if self.builder_config.limit is None:
            return sketches
        return sorted(sketches, key=lambda sketch: unit_hash(sketch.id, CHOICE_SEED))


def _open_source(config: SketchyConfig, manual_dir: Path, classes: tuple[str, ...]) -> Source:
    """Finds what a config reads; raises MissingDataError for a list that it needs and that is not there."""
    test_photos = None
    if Builder.SPLIT_SCHEMES[config.split].test_groups is not None:
        test_photos = require_list(manual_dir, TEST_LIST, f"The split {config.split!r}")
    for reason in config.left_out:
        require_list(manual_dir, invalid_list(reason), f"Leaving out {reason!r} sketches")
    lists = {reason: read_list(manual_dir, invalid_list(reason)) for reason in INVALID}
    invalid = InvalidSketches({reason: names for reason, names in lists.items() if names is not None})
    return Source(find_rendering(manual_dir, config.rendering), classes, test_photos, invalid)


def _parsed(source: Source, name: str, manifest: Manifest) -> list[SketchName]:
    """Reads the names of a class's sketches, and names what is amiss: other names, test photos without a sketch."""
    sketches = []
    for file in source.rendering.files[name]:
        try:
            sketches.append(parse_name(file))
        except BadDataError as error:
            manifest.add_bad(source.rendering.place(name, file), "", str(error))
    source.invalid.note_missing((sketch.id, sketch.photo) for sketch in sketches)
    photos = {f"{name}/{sketch.photo}" for sketch in sketches}
    if source.test_photos is not None:
        for photo, line in source.test_photos.lines.items():
            if photo.split("/")[0] == name and photo not in photos:
                manifest.add_bad(source.test_photos.label, f"line {line}", f"there is no sketch of the photo {photo}")
    return sketches


def _images(
    folder: Path, sketches: list[SketchName], pool: ThreadPoolExecutor
) -> Iterator[tuple[SketchName, bytes | BadDataError]]:
    """Reads and checks the files of a class a few at a time, in order; gives bytes to store, or why there are none."""
    images = in_order(pool, lambda sketch: stored_image(read_file(folder / f"{sketch.id}.png")), sketches)
    yield from zip(sketches, images, strict=True)


def _usable(
    images: Iterator[tuple[SketchName, bytes | BadDataError]], source: Source, name: str, label: int, manifest: Manifest
) -> Iterator[Example]:
    for sketch, image in images:
        file = source.rendering.place(name, f"{sketch.id}.png")
        if isinstance(image, BadDataError):
            manifest.add_bad(file, "", str(image))
            continue
        features = {
            "image": image,
            "label": label,
            "photo": sketch.photo,
            "wnid": sketch.wnid,
            "sketch": sketch.number,
            "invalid": source.invalid.described(sketch.id),
        }
        yield Example(sketch.id, sketch.photo, features, file)


def _why_empty(source: Source, name: str, sketches: int, kept: int) -> str:
    place = source.rendering.place(name)
    if sketches and not kept:
        return f"The class {name!r} would be empty: all its {sketches} sketches are on the lists that are left out."
    return (
        f"The class {name!r} would be empty: {place} holds no usable <wnid>_<photo>-<number>.png. Extract the archive "
        "anew, or ask only for the other classes (`--classes`)."
    )
