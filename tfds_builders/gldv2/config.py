"""Which landmarks, and how their images are stored: a config and its name."""

from __future__ import annotations

import dataclasses
import re
from typing import Any, ClassVar

from keras_sketch.errors import InvalidArgumentError, UnknownNameError
from tfds_builders.config import GroupSplitConfig
from tfds_builders.gldv2 import CONFIGS

_NUMBERS = {
    "min_samples": re.compile(r"min([1-9]\d{0,8})"),
    "max_classes": re.compile(r"top([1-9]\d{0,8})"),
    "side": re.compile(r"([1-9]\d{0,4})px"),
}
_FLAGS = ("clean", "distractors")


@dataclasses.dataclass(eq=False, kw_only=True, repr=False)
class Gldv2Config(GroupSplitConfig):
    """Which landmarks, and how their images are stored.

    Attributes:
        name: Filled in from the other fields: `min250`, or `min4-top100-clean-distractors-64px`.
        split: `"series"`, `"image"`, or one of them with `-60-20-20`.
        classes: Landmark ids as decimal strings, taken whatever their size; None: those that the next two say.
        per_class: So many images of each class, those with the lowest hash of their id under another seed than the
            split's; None for all.
        min_samples: Classes have at least so many images in the list that is used.
        max_classes: At most so many classes, those of most images; of equally many, those of lower id. None: no limit.
        clean: Whether `train_clean.csv` says which images there are.
        distractors: Whether the images of no landmark become the split `"distractors"`, with label -1.
        side: In pixels; images whose shorter side is longer are stored smaller.
    """

    IN_BASE: ClassVar[frozenset[str]] = frozenset({*_NUMBERS, *_FLAGS})

    name: str = ""
    split: str = "series"
    min_samples: int = 250
    max_classes: int | None = None
    clean: bool = False
    distractors: bool = False
    side: int = 128

    def __post_init__(self):
        if self.min_samples < 1:
            raise InvalidArgumentError("min_samples", "at least 1", self.min_samples)
        if self.max_classes is not None and self.max_classes < 2:
            raise InvalidArgumentError("max_classes", "at least 2, or None for no limit", self.max_classes)
        if self.side < 1:
            raise InvalidArgumentError("side", "at least 1 pixel", self.side)
        parts = (
            f"min{self.min_samples}",
            f"top{self.max_classes}" if self.max_classes else "",
            *(flag if getattr(self, flag) else "" for flag in _FLAGS),
            f"{self.side}px" if self.side != type(self).side else "",
        )
        self.base = "-".join(filter(None, parts))
        largest = f"the {self.max_classes} largest " if self.max_classes else ""
        listed = "the cleaned list" if self.clean else "the full list"
        also = ", and images of none" if self.distractors else ""
        self.description = f"Of {listed}, {largest}landmarks of {self.min_samples} images and more{also}."
        super().__post_init__()


def parse_name(name: str) -> dict[str, Any]:
    """Gives the fields that a config's name says; its parts may be in any order.

    Args:
        name: As `CONFIGS` says.

    Raises:
        UnknownNameError: There is another part in it, or one twice.
    """
    fields: dict[str, Any] = {}
    for part in name.split("-"):
        matches = {field: pattern.fullmatch(part) for field, pattern in _NUMBERS.items()}
        found = {field: int(match[1]) for field, match in matches.items() if match}
        found |= {part: True} if part in _FLAGS else {}
        if not found or found.keys() & fields.keys():
            raise UnknownNameError("config of gldv2", name, ("min250", "min250-clean", "min1"), CONFIGS)
        fields |= found
    return fields
