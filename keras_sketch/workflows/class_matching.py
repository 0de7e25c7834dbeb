"""Which of a network's classes a dataset's classes are."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Sequence

import numpy as np

from keras_sketch.curation.countries import country_centroids, find_country
from keras_sketch.curation.imagenet import branch_of, display_names, name_key
from keras_sketch.errors import InvalidArgumentError, UnknownNameError

_NAMED = 10


def match_classes(known: Sequence[str], names: Sequence[str]) -> np.ndarray:
    """Finds classes by their names, or else by the names that readers see (for WordNet ids: readable ones).

    Where the network's classes are countries, any name or code of one will do.

    Args:
        known: A network's classes.
        names: A dataset's classes.

    Returns:
        int64 `[len(names)]`: the place of each among `known`; -1: it is none of them, or could be several. In readable
        names case, `_` and `-` do not matter.
    """
    exact = {name: place for place, name in enumerate(known)}
    keys = [name_key(name) for name in display_names(known)]
    often = Counter(keys)
    readable = {key: place for place, key in enumerate(keys) if often[key] == 1}
    shown = display_names(names)
    places = [exact.get(name, readable.get(name_key(other), -1)) for name, other in zip(names, shown, strict=True)]
    if country_centroids(known) is not None:
        for index in [index for index, place in enumerate(places) if place < 0]:
            with contextlib.suppress(UnknownNameError):
                places[index] = exact.get(find_country(names[index]).name, -1)
    return np.array(places, np.int64)


def tell_matches(known: Sequence[str], names: Sequence[str], places: np.ndarray) -> None:
    """Prints which classes were matched by a readable name alone, for a word may mean something else there.

    Args:
        known: A network's classes.
        names: A dataset's classes.
        places: From `match_classes`.
    """
    theirs, own = _described(known), _described(names)
    pairs = [f"{own[i]} = {theirs[j]}" for i, j in enumerate(places) if j >= 0 and names[i] != known[j]]
    if pairs:
        print(f"{len(pairs):,} of {len(names):,} classes are matched by a readable name: {_listed(pairs)}")


def check_all_known(places: np.ndarray, names: Sequence[str], labels: np.ndarray, dataset: str) -> None:
    """Checks that every test example is of a class that the network knows.

    Args:
        places: From `match_classes`.
        names: The dataset's classes.
        labels: Integers [N], the test examples' classes.
        dataset: What the error calls the dataset.

    Raises:
        InvalidArgumentError: Some are not; names their classes, and those that could be asked for.
    """
    tested = np.unique(labels)
    unknown = [names[label] for label in tested if places[label] < 0]
    if not unknown:
        return
    left = [names[label] for label in tested if places[label] >= 0]
    if not left:
        allowed = f"one with classes that the model knows: it knows none of those tested ({_listed(unknown)})"
        raise InvalidArgumentError("dataset", allowed, dataset)
    hint = f"Try --classes {','.join(left)}" if len(left) <= _NAMED else "Name the others with --classes"
    asked = _listed([names[label] for label in tested])
    what = f"{len(unknown)} of the {len(tested)} classes of {dataset}'s test examples ({_listed(unknown)})"
    raise InvalidArgumentError("classes", f"those that the model knows: it does not know {what}. {hint}", asked)


def _described(names: Sequence[str]) -> list[str]:
    """Adds the readable name and the branch to WordNet ids."""
    shown = display_names(names)
    return [
        name if name == other else f"{name} ({other}, {branch_of(name)})"
        for name, other in zip(names, shown, strict=True)
    ]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
