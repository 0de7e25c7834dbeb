"""The views in a manual folder, extracted or in Kaggle's zip, by the country that their folder is named after."""

from __future__ import annotations

import dataclasses
import functools
from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path

from keras_sketch.curation.countries import countries, find_country
from keras_sketch.errors import BadDataError, MissingDataError, UnknownNameError
from tfds_builders.class_folders import as_text, file_names, sub_folders
from tfds_builders.geoguessr import HOMEPAGE, INSTRUCTIONS
from tfds_builders.image_files import is_clutter
from tfds_builders.packed_folders import ReadableTree, opened_zip

_ROOT = "compressed_dataset"


@dataclasses.dataclass(frozen=True)
class Views(ReadableTree):
    """The files of the views by folder, and the folders by country.

    Attributes:
        folders: Names of the folders, sorted, by the country's name; two folders can be of one country.
    """

    HOMEPAGE = HOMEPAGE
    folders: Mapping[str, tuple[str, ...]]

    @functools.cached_property
    def names(self) -> dict[str, tuple[str, ...]]:
        """The views as `<folder>/<file>`, sorted, by the country's name; countries without any are not in it."""
        found = {
            country: tuple(f"{folder}/{file}" for folder in folders for file in self.files[folder])
            for country, folders in self.folders.items()
        }
        return {country: found[country] for country in sorted(found) if found[country]}

    @property
    def largest(self) -> list[str]:
        """The countries that have views, those with most first, of equally many the first by name."""
        return sorted(self.names, key=lambda country: (-len(self.names[country]), country))

    @property
    def empty(self) -> list[str]:
        """The folders without a file."""
        return [folder for folder, files in self.files.items() if not files]


def find_views(manual_dir: Path) -> Views:
    """Finds the views in a manual folder: extracted, at most one folder deeper, or else in its zip.

    Args:
        manual_dir: The folder; the one with the countries' folders will do.

    Raises:
        MissingDataError: They are not there; says where to get them.
        UnknownNameError: A folder is not named after a country; says the nearest.
        BadDataError: A zip is damaged or cut off, or there are several.
    """
    below = sub_folders(manual_dir)
    roots = [manual_dir / _ROOT, *(each / _ROOT for each in below), manual_dir, *below]
    for root in roots:
        folders = sub_folders(root) if root.is_dir() else []
        if _holds_countries(root.name, [each.name for each in folders]):
            path = root.relative_to(manual_dir).as_posix().removeprefix(".")
            return _views(manual_dir, path, {each.name: file_names(each) for each in folders})
    found = [views for path in sorted(manual_dir.glob("*.zip")) if (views := _packed(path)) is not None]
    if len(found) > 1:
        archives = " and ".join(each.container.name for each in found[:2])
        raise BadDataError(f"{manual_dir} has views in {archives}. Give a manual folder with one of them.")
    if not found:
        raise MissingDataError(
            f"There are no folders of countries in {manual_dir}, extracted or in a zip. {INSTRUCTIONS}"
        )
    return found[0]


def _packed(path: Path) -> Views | None:
    """Finds the views in a zip; None if there are none."""
    with opened_zip(path, HOMEPAGE) as archive:
        members = archive.namelist()
    trees: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for member in sorted(members):
        *above, folder, file = member.rpartition("/")[0].split("/") + [member.rpartition("/")[2]]
        if folder and not any(map(is_clutter, [*above, folder])) and "__MACOSX" not in above:
            files = trees["/".join(above)][folder]
            if file and not is_clutter(file):
                files.append(file)
    for root in sorted(trees, key=lambda root: (root.split("/")[-1] != _ROOT, root.count("/"), root)):
        if _holds_countries(root.split("/")[-1], trees[root]):
            return _views(path, root, {folder: tuple(files) for folder, files in sorted(trees[root].items())})
    return None


def _holds_countries(root: str, folders: Collection[str]) -> bool:
    return bool(folders) and (root == _ROOT or any(_country(name) is not None for name in folders))


def _views(container: Path, root: str, files: Mapping[str, tuple[str, ...]]) -> Views:
    folders = defaultdict(list)
    for name in files:
        country = _country(name)
        if country is None:
            choices = [word for each in countries() for word in (each.name, *each.aliases) if len(word) > 3]
            place = container / root if container.is_dir() else container
            raise UnknownNameError(
                f"country folder in {place}:",
                as_text(name),
                choices,
                "Rename it after its country (a name or an ISO code), or put it elsewhere.",
            )
        folders[country].append(name)
    return Views(container, root, files, {country: tuple(names) for country, names in folders.items()})


def _country(name: str) -> str | None:
    try:
        return find_country(name).name
    except UnknownNameError:
        return None
