"""The world's countries and territories: names, codes, places and continents.

A place is the centroid, on the sphere, of the country's largest piece of land in Natural Earth 4.1.0, 1:10m countries
(public domain): overseas parts and small islands have no say, and France's is in Europe. Of Kiribati and Pitcairn it is
that of the most populous island; a curved country's may lie a little across the border.
"""

from __future__ import annotations

import csv
import dataclasses
import functools
import re
import unicodedata
from collections.abc import Sequence
from importlib import resources

import numpy as np

from keras_sketch.errors import UnknownNameError


@dataclasses.dataclass(frozen=True)
class Country:
    """A country, or a territory with a code of its own.

    Attributes:
        code: Two letters, ISO 3166-1; Kosovo's is XK, from the range for the user's own codes.
        name: What its class is called: as in Kaggle's "Geolocation - Geoguessr Images (50K)" where that has it.
        aliases: The code of three letters, and other names.
        latitude: Of its centroid, in degrees; see the module.
        longitude: The same, -180 to 180.
        continent: As in the United Nations' M49, Central America and the Caribbean being North America's.
    """

    code: str
    name: str
    aliases: tuple[str, ...]
    latitude: float
    longitude: float
    continent: str


@functools.cache
def countries() -> tuple[Country, ...]:
    """Returns all of ISO 3166-1, and Kosovo, in the order of their codes."""
    text = resources.files(__package__).joinpath("countries.tsv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    return tuple(
        Country(
            row["code"],
            row["name"],
            tuple(row["aliases"].split("|")),
            float(row["latitude"]),
            float(row["longitude"]),
            row["continent"],
        )
        for row in rows
    )


def find_country(text: str) -> Country:
    """Finds a country by its code, name or alias.

    Case, accents, punctuation, `_`, `-`, "the" and "and" do not matter, and "St." is "Saint".

    Raises:
        UnknownNameError: There is none; the message gives the name of the nearest.
    """
    found = _by_key().get(_key(text))
    if found is None:
        spellings = {key: country.name for key, country in _by_key().items() if len(key) > 3}
        raise UnknownNameError("country", text, _by_name(), spellings=spellings)
    return found


def country_centroids(class_names: Sequence[str]) -> np.ndarray | None:
    """Returns the countries' places, float64 `[K, 2]`: latitude and longitude in degrees.

    Args:
        class_names: As in the labels.

    Returns:
        None where there are no names, or not all of them are `Country.name`s.
    """
    known = _by_name()
    if not len(class_names) or not all(name in known for name in class_names):
        return None
    return np.array([(known[name].latitude, known[name].longitude) for name in class_names])


@functools.cache
def _by_name() -> dict[str, Country]:
    return {country.name: country for country in countries()}


@functools.cache
def _by_key() -> dict[str, Country]:
    return {_key(text): country for country in countries() for text in (country.code, country.name, *country.aliases)}


def _key(text: str) -> str:
    """Returns what all spellings of a name have in common."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    words = re.sub(r"[^\w]|_", " ", re.sub(r"['’.]", "", plain.casefold())).split()
    words = [word for word in words if len(words) == 1 or word not in ("the", "and")]
    return " ".join("saint" if word == "st" and len(words) > 1 else word for word in words)
