"""Geoguessr: 49,997 street views in 124 countries, from Kaggle's "Geolocation - Geoguessr Images (50K)"."""

from __future__ import annotations

import dataclasses
import logging
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core.utils.tqdm_utils import tqdm

from keras_sketch.curation.countries import find_country
from keras_sketch.curation.decode import check_image
from keras_sketch.curation.manifest import Manifest
from keras_sketch.curation.near_duplicates import signature
from keras_sketch.curation.splits import CHOICE_SEED, SplitScheme, unit_hash
from keras_sketch.errors import BadDataError, InvalidArgumentError, MissingDataError, UnknownNameError
from tfds_builders.base import GroupSplitBuilder
from tfds_builders.class_folders import as_text
from tfds_builders.config import GroupSplitConfig
from tfds_builders.decoding import decoding_pool, in_order
from tfds_builders.geoguessr import HOMEPAGE, INSTRUCTIONS
from tfds_builders.geoguessr.coordinates import Point, Table, find_table, named_point
from tfds_builders.geoguessr.places import group_views
from tfds_builders.geoguessr.views import Views, find_views
from tfds_builders.image_files import stored_jpeg
from tfds_builders.spool import Spool
from tfds_builders.writing import Example

log = logging.getLogger(__name__)

_TOP = re.compile(r"top([1-9]\d{0,5})")
_NOWHERE = (np.nan, np.nan)
_LARGE_PLACE = 0.1


@dataclasses.dataclass(eq=False, kw_only=True, repr=False)
class GeoguessrConfig(GroupSplitConfig):
    """Which countries, and how their views are stored.

    Attributes:
        name: `all`, or `top<k>` for the k countries with most views; of equally many, the first by name.
        split: `"place"`, `"view"`, or one of them with `-60-20-20`.
        per_class: So many usable views of each country, those with the lowest hash of their id under another seed than
            the split's; None for all.
        side: In pixels; views whose shorter side is longer are stored smaller.
        quality: Of the JPEGs that are encoded anew, 1 to 100.
    """

    split: str = "place"
    side: int = 256
    quality: int = 95

    def __post_init__(self):
        if self.side < 1:
            raise InvalidArgumentError("side", "at least 1 pixel", self.side)
        if not 1 <= self.quality <= 100:
            raise InvalidArgumentError("quality", "1 to 100", self.quality)
        super().__post_init__()

    @property
    def top(self) -> int | None:
        """How many countries; None for all."""
        match = _TOP.fullmatch(self.base)
        return match and int(match[1])


@dataclasses.dataclass(frozen=True)
class Source:
    """What a config reads: the views, the countries that are wanted, sorted, and the table of coordinates if any."""

    views: Views
    countries: tuple[str, ...]
    table: Table | None

    def points(self, manifest: Manifest) -> dict[str, Point]:
        """Reads the coordinates that the table has; odd rows go to the manifest."""
        names = [name for each in self.views.names.values() for name in each]
        return self.table.points(names, manifest) if self.table else {}


@dataclasses.dataclass(frozen=True)
class Usable:
    """A view that can be decoded: name, country, coordinates (NaN if unknown), and what `near_duplicates` sees."""

    name: str
    country: str
    point: Point
    signature: np.ndarray


class Builder(GroupSplitBuilder):
    """Prepares street views from Kaggle's zip, its extracted folder, or one of the same kind."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    BUILDER_CONFIGS = [
        GeoguessrConfig(name="top20", description="The 20 countries with most views."),
        GeoguessrConfig(name="all", description="All countries that have a view."),
    ]
    SPLIT_SCHEMES = {
        "place": SplitScheme(train=0.9, validation=0.05, test=0.05),
        # The student project's, whatever place a view is of.
        "view": SplitScheme(train=0.9, validation=0.05, test=0.05, by="id"),
        "place-60-20-20": SplitScheme(train=0.6, validation=0.2, test=0.2),
        "view-60-20-20": SplitScheme(train=0.6, validation=0.2, test=0.2, by="id"),
    }
    MANUAL_DOWNLOAD_INSTRUCTIONS = INSTRUCTIONS

    @classmethod
    def class_named(cls, text):
        """Finds a country by name, ISO code or alias."""
        return find_country(text).name

    @classmethod
    def make_config(cls, name=None, **fields):
        """Makes a config; `name` may be `top` and any number from 2 on."""
        known = [config.name for config in cls.BUILDER_CONFIGS]
        if name is None or name in known:
            return super().make_config(name, **fields)
        match = _TOP.fullmatch(name)
        if match is None or int(match[1]) < 2:
            hint = "`top<k>` takes the k countries with most views, at least 2."
            raise UnknownNameError(f"config of {cls.name}", name, known, hint)
        return cls._replace(
            GeoguessrConfig(name=name, description=f"The {match[1]} countries with most views."), **fields
        )

    @classmethod
    def available_classes(cls, config, manual_dir):
        """Lists the countries that the config's name stands for; all, if some are asked for."""
        if manual_dir is None:
            raise MissingDataError(f"The dataset 'geoguessr' needs a manual folder. {INSTRUCTIONS}")
        largest = find_views(manual_dir).largest
        if len(largest) < 2:
            found = f"of one country alone, {largest[0]}" if largest else "of no country"
            raise MissingDataError(f"{manual_dir} has views {found}; at least two countries are needed. {INSTRUCTIONS}")
        for name in config.classes or ():
            if name not in largest:
                raise MissingDataError(
                    f"There are no views of {name} in {manual_dir}. There are some of {_some(largest)}."
                )
        if config.classes is None and config.top is not None and config.top > len(largest):
            allowed = f"'all' or at most 'top{len(largest)}', since {manual_dir} has views of {len(largest)} countries"
            raise InvalidArgumentError("config", allowed, config.base)
        return tuple(sorted(largest if config.classes else largest[: config.top]))

    @classmethod
    def source_files(cls, config, manual_dir):
        """Lists the views' files, or their archive, and the table of coordinates."""
        source = _open_source(manual_dir, config.classes or cls.available_classes(config, manual_dir))
        tables = [source.table.path] if source.table else []
        if source.views.is_archive:
            return [source.views.container, *tables]
        root = manual_dir / source.views.root
        return [*(root / name for country in source.countries for name in source.views.names[country]), *tables]

    def _info(self) -> tfds.core.DatasetInfo:
        return self._dataset_info(
            tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg"),
            self.builder_config.classes,
            homepage=HOMEPAGE,
            country_code=tfds.features.Text(),
            latitude=np.float32,
            longitude=np.float32,
        )

    def _fetch(self, dl_manager, manual_dir) -> Source:
        """Finds the views, and the countries, which `tfds.load` alone cannot know before."""
        names = self._classes_of(self.builder_config, manual_dir)
        self.info.features["label"].names = list(names)
        return _open_source(manual_dir, names)

    def _examples(self, source, manifest) -> Iterator[Example]:
        views = source.views
        if views.empty:
            log.warning("No views in the folders %s; they are left out.", ", ".join(views.empty))
            for folder in views.empty:
                manifest.add_note(views.place(folder), "", "the folder has no view")
        for folder in views.nested:
            manifest.add_note(views.place(folder), "", "the folder lies in a country's folder; its files are not used")
        with views.opened() as read, decoding_pool() as pool, Spool(Path(self.data_dir)) as spool:
            usable = self._usable(source, read, pool, spool, manifest)
            points = np.array([each.point for each in usable])
            groups = group_views(
                [as_text(each.name) for each in usable], points, np.array([each.signature for each in usable])
            )
            located = int(np.isfinite(points).all(axis=1).sum())
            if 0 < located < len(usable):
                log.warning(
                    "%d of the %d views have no coordinates: their near copies alone say what is of one place.",
                    *(len(usable) - located, len(usable)),
                )
            self._describe_places(groups, located)
            self._note_single(usable, groups, views, manifest)
            labels = {country: label for label, country in enumerate(source.countries)}
            for each, group, image in zip(usable, groups, spool, strict=True):
                features = {
                    "image": image,
                    "label": labels[each.country],
                    "country_code": find_country(each.country).code,
                    "latitude": each.point[0],
                    "longitude": each.point[1],
                }
                yield Example(as_text(each.name), group, features, views.place(each.name))

    def _usable(
        self, source: Source, read: Callable[[str], bytes], pool: ThreadPoolExecutor, spool: Spool, manifest: Manifest
    ) -> list[Usable]:
        """Decodes every view once and spools what is stored of it; a country without a usable view stops it."""
        points = source.points(manifest)
        usable: list[Usable] = []

        def look(name: str) -> tuple[Usable, bytes]:
            point = points.get(name) or named_point(name.split("/")[-1]) or _NOWHERE
            contents = read(name)
            pixels = check_image(contents)
            stored = stored_jpeg(contents, pixels, self.builder_config.side, self.builder_config.quality)
            return Usable(name, country, point, signature(pixels)), stored

        total = sum(len(source.views.names[country]) for country in source.countries)
        with tqdm(total=total, desc="Decoding", unit=" views", mininterval=0.5, leave=False) as progress:
            for country in source.countries:
                names = self._ordered(source.views.names[country])
                before = len(usable)
                for name, result in zip(names, in_order(pool, look, names), strict=True):
                    progress.update()
                    if isinstance(result, BadDataError):
                        manifest.add_bad(source.views.place(name), "", str(result))
                        continue
                    usable.append(result[0])
                    spool.add(result[1])
                    if len(usable) - before == self.builder_config.per_class:
                        break
                if len(usable) == before:
                    manifest.check()
                    raise BadDataError(
                        f"The country {country} would be empty: {source.views.place(source.views.folders[country][0])} "
                        "holds no image that can be decoded. Get its views anew, or ask for other countries "
                        "(`--classes`)."
                    )
        return usable

    def _ordered(self, names: Sequence[str]) -> Sequence[str]:
        """Puts the views first that a limit keeps."""
        if self.builder_config.per_class is None:
            return names
        return sorted(names, key=lambda name: unit_hash(as_text(name), CHOICE_SEED))

    def _describe_places(self, groups: Sequence[str], located: int) -> None:
        """Puts the number of places, and the largest one's share, into the metadata; warns if it upsets the split."""
        sizes = Counter(groups)
        largest = max(sizes.values())
        self.info.metadata.update(located=located, places=len(sizes), largest_place=largest / len(groups))
        if self.scheme.by == "group" and largest > _LARGE_PLACE * len(groups):
            log.warning(
                "One place has %d of the %d views (%.0f %%) and is on one side as a whole: the sizes of the splits can "
                "be far from those asked for.",
                *(largest, len(groups), 100 * largest / len(groups)),
            )

    def _note_single(self, usable: Sequence[Usable], groups: Sequence[str], views: Views, manifest: Manifest) -> None:
        """Names the countries that cannot be on both sides: of one view, or of one place where places decide."""
        counts, places = Counter(each.country for each in usable), defaultdict(set)
        for each, group in zip(usable, groups, strict=True):
            places[each.country].add(group)
        whole = self.scheme.by == "group"
        single = [country for country, count in counts.items() if (len(places[country]) if whole else count) == 1]
        for country in single:
            reason = f"all {counts[country]} views of {country} are of one place" if counts[country] > 1 else ""
            reason = reason or f"there is one view of {country} alone"
            folder = views.place(views.folders[country][0])
            manifest.add_note(folder, "", f"{reason}, so it is not both in training and in the test")
        if single:
            log.warning(
                "%d of the %d countries have a single %s and cannot be both learnt and tested: %s.",
                *(len(single), len(counts), "place" if whole else "view", ", ".join(single)),
            )


def _some(countries: Sequence[str]) -> str:
    return ", ".join(countries[:20]) + (f" and {len(countries) - 20} more" if len(countries) > 20 else "")


def _open_source(manual_dir: Path, names: Sequence[str]) -> Source:
    views = find_views(manual_dir)
    root = manual_dir if views.is_archive else manual_dir / views.root
    table = find_table([folder for folder in (manual_dir, root.parent, root) if folder.is_relative_to(manual_dir)])
    return Source(views, tuple(names), table)
