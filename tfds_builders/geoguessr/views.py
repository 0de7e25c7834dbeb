"""The views in a manual folder, extracted or in Kaggle's zip, by the country that their folder is named after."""

from __future__ import annotations

import dataclasses
import functools
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from keras_sketch.curation.countries import find_country
from keras_sketch.errors import BadDataError, MissingDataError, UnknownNameError
from tfds_builders.class_folders import as_text, file_names, sub_folders
from tfds_builders.geoguessr import HOMEPAGE, INSTRUCTIONS
from tfds_builders.image_files import is_clutter
from tfds_builders.packed_folders import ReadableTree, opened_zip

_ROOT = "compressed_dataset"
_NAMED = 20


@dataclasses.dataclass(frozen=True)
class Views(ReadableTree):
    """The files of the views by folder, and the folders by country.

    Attributes:
        folders: Names of the folders, sorted, by the country's name; two folders can be of one country.
        nested: What lies deeper than views should, `<folder>/<folder in it>`, sorted; it is not in `files`.
    """

    HOMEPAGE = HOMEPAGE
    folders: Mapping[str, tuple[str, ...]]
    nested: tuple[str, ...]

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
        BadDataError: Folders are not named after a country (says the nearest of each), a zip is damaged or cut off, or
            there are several.
    """
    below = sub_folders(manual_dir)
    for root in (manual_dir / _ROOT, *(each / _ROOT for each in below), manual_dir, *below):
        if (views := _extracted(manual_dir, root)) is not None:
            return views
    found = [views for path in sorted(manual_dir.glob("*.zip")) if (views := _packed(path)) is not None]
    if len(found) > 1:
        archives = " and ".join(each.container.name for each in found[:2])
        raise BadDataError(f"{manual_dir} has views in {archives}. Give a manual folder with one of them.")
    if not found:
        raise MissingDataError(
            f"There are no folders of countries with views in {manual_dir}, extracted or in a zip. {INSTRUCTIONS}"
        )
    return found[0]


def _extracted(manual_dir: Path, root: Path) -> Views | None:
    """Finds the views in a folder; None if there are none."""
    folders = sub_folders(root) if root.is_dir() else []
    if not _holds_countries(root.name, [each.name for each in folders]):
        return None
    nested = {each.name: [deeper.name for deeper in sub_folders(each)] for each in folders}
    files = {each.name: tuple(name for name in file_names(each) if name not in nested[each.name]) for each in folders}
    return _views(manual_dir, root.relative_to(manual_dir).as_posix().removeprefix("."), files, nested)


def _packed(path: Path) -> Views | None:
    """Finds the views in a zip; None if there are none."""
    with opened_zip(path, HOMEPAGE) as archive:
        members = archive.namelist()
    trees: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for member in sorted(members):
        *folders, file = member.split("/")
        if not folders or any(map(is_clutter, folders)) or "__MACOSX" in folders:
            continue
        for depth, folder in enumerate(folders):
            files = trees["/".join(folders[:depth])][folder]
        if file and not is_clutter(file):
            files.append(file)
    for root in sorted(trees, key=lambda root: (root.split("/")[-1] != _ROOT, root.count("/"), root)):
        if _holds_countries(root.split("/")[-1], trees[root]):
            files = {folder: tuple(files) for folder, files in sorted(trees[root].items())}
            nested = {folder: trees.get(f"{root}/{folder}".lstrip("/"), ()) for folder in files}
            if (views := _views(path, root, files, nested)) is not None:
                return views
    return None


def _holds_countries(root: str, folders: Collection[str]) -> bool:
    # Unpacking a zip into a folder of its own name puts one inside the other.
    named = root == _ROOT and _ROOT not in folders
    return bool(folders) and (named or any(_country(name) is not None for name in folders))


def _views(
    container: Path, root: str, files: Mapping[str, tuple[str, ...]], nested: Mapping[str, Iterable[str]]
) -> Views | None:
    """Puts the folders to their countries; None if no country has a file and the root's name does not vouch for it."""
    folders, unknown = defaultdict(list), []
    for name in files:
        try:
            folders[find_country(name).name].append(name)
        except UnknownNameError as error:
            unknown.append(repr(as_text(name)) + (f" (did you mean {error.nearest!r}?)" if error.nearest else ""))
    if (container / root).name != _ROOT and not any(files[name] for names in folders.values() for name in names):
        return None
    if unknown:
        place = container / root if container.is_dir() else container
        more = f" and {len(unknown) - _NAMED} more" if len(unknown) > _NAMED else ""
        raise BadDataError(
            f"{place} has folders that are no country's: {', '.join(unknown[:_NAMED])}{more}. Rename each after its "
            "country (a name or an ISO code), or put it elsewhere."
        )
    deeper = tuple(f"{folder}/{name}" for folder in files for name in sorted(nested[folder]))
    return Views(container, root, files, {country: tuple(names) for country, names in folders.items()}, deeper)


def _country(name: str) -> str | None:
    try:
        return find_country(name).name
    except UnknownNameError:
        return None
