"""The 1000 classes of ImageNet: WordNet ids, readable names, synonyms, and WordNet's branches.

The table beside this module, `imagenet_classes.tsv`, holds a class a line in ImageNet's order, which is the ids' own.
An id is `n` and the offset of the noun synset in WordNet 3.0, whose lemmas are the names: the first one is `name`, the
others are the synonyms. Four names differ, since first lemmas occur twice: `crane (bird)`, `crane (machine)`,
`Cardigan Welsh corgi` and `tank suit`, the last two by a later lemma. WordNet's licence, `WORDNET_LICENSE.txt`, goes
with the table.

A class's branch is the first of these with one of its synsets among the class's hypernyms:

| branch | synsets | classes |
|---|---|---|
| animal | n00015388 animal | 398 |
| person | n00007846 person | 3 |
| food | n00021265 and n07555863 food, n07881800 beverage | 48 |
| plant or fungus | n00017222 plant, n13086908 plant part, n12992868 fungus | 15 |
| natural formation | n00019128 natural object, n09287968 geological formation, n09225146 body of water | 10 |
| clothing | n03051540 clothing, n03380867 footwear, n03597469 jewelry | 55 |
| vehicle | n03100490 conveyance | 72 |
| musical instrument | n03800933 musical instrument | 26 |
| game or sport | n03414162 game equipment, n04285146 sports equipment | 18 |
| structure | n04341686 structure | 57 |
| furniture | n03405265 furnishing | 24 |
| container | n03094503 container | 56 |
| appliance or machine | n02729837 appliance, n03278248 electronic equipment, n03699975 machine | 40 |
| covering | n03122748 covering, n03309808 fabric | 39 |
| tool or device | n03563967 implement, n03183080 device, n03294048 equipment | 121 |
| other | n00001740 entity | 18 |

WordNet sorts by meaning, not by looks: a web site is a computer there and a cup the punch that is served in one.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from keras_sketch.errors import UnknownNameError


@dataclasses.dataclass(frozen=True)
class ImageNetClass:
    """One of the 1000 classes.

    Attributes:
        wnid: WordNet id, e.g. `"n02099601"`.
        name: Readable and unique, also if case, `_` and `-` are ignored, e.g. `"golden retriever"`.
        synonyms: WordNet's other lemmas; some belong to several classes.
        branch: The WordNet branch, e.g. `"animal"`; see the module.
    """

    wnid: str
    name: str
    synonyms: tuple[str, ...]
    branch: str


@functools.cache
def imagenet_classes() -> tuple[ImageNetClass, ...]:
    """Gives the 1000 classes in ImageNet's order, so a class's place is its label in networks trained on ImageNet."""
    table = Path(__file__).with_name("imagenet_classes.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines()[1:])
    return tuple(
        ImageNetClass(wnid, name, tuple(synonyms.split("; ")) if synonyms else (), branch)
        for wnid, name, synonyms, branch in rows
    )


def find_class(text: str) -> ImageNetClass:
    """Finds a class by WordNet id, name or synonym; case, `_` and `-` do not matter.

    Args:
        text: E.g. `"n02099601"`, `"Golden_retriever"` or `"Carassius auratus"`. Where one class's name is another's
            synonym, the name counts.

    Returns:
        The class.

    Raises:
        UnknownNameError: No class is called so, with the nearest; or a synonym stands for several, with all of them.
    """
    key = name_key(text)
    by_name, by_synonym = _lookup()
    if key in by_name:
        return by_name[key]
    candidates = by_synonym.get(key, [])
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        names = [each.name for each in candidates]
        ids = " or ".join(each.wnid for each in candidates)
        hint = f"The word alone stands for all of these: give the name or the WordNet id ({ids}) of the one you mean."
        raise UnknownNameError("ImageNet class", text, names, hint)
    known = imagenet_classes()
    if re.fullmatch(r"n\d+", key):
        raise UnknownNameError("ImageNet class", text, [each.wnid for each in known])
    raise UnknownNameError("ImageNet class", text, [word for each in known for word in (each.name, *each.synonyms)])


def branch_of(wnid: str) -> str:
    """Gives the WordNet branch of a class.

    Args:
        wnid: Its WordNet id.

    Raises:
        UnknownNameError: It is none of the 1000.
    """
    return find_class(wnid).branch


def display_names(class_names: Sequence[str]) -> tuple[str, ...]:
    """Gives the names to show for a dataset's classes.

    Args:
        class_names: As in the labels.

    Returns:
        ImageNet's readable names if every class name is the WordNet id of one of its classes; otherwise what was given.
    """
    readable = _names_by_id()
    if class_names and all(name in readable for name in class_names):
        return tuple(readable[name] for name in class_names)
    return tuple(class_names)


def name_key(text: str) -> str:
    """Gives what two spellings of a class's name have in common: case, `_` and `-` do not matter."""
    return " ".join(re.sub("[_-]", " ", text).casefold().split())


@functools.cache
def _names_by_id() -> dict[str, str]:
    return {each.wnid: each.name for each in imagenet_classes()}


@functools.cache
def _lookup() -> tuple[dict[str, ImageNetClass], dict[str, list[ImageNetClass]]]:
    """Gives the classes by id and name, and the ones that have a synonym, all by key."""
    by_name, by_synonym = {}, defaultdict(list)
    for each in imagenet_classes():
        by_name[each.wnid] = by_name[name_key(each.name)] = each
        for synonym in each.synonyms:
            by_synonym[name_key(synonym)].append(each)
    return by_name, by_synonym
