"""What is in a prepared dataset, as a value with an identity."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import ClassVar

import tensorflow_datasets as tfds

from keras_sketch.errors import InvalidArgumentError


@dataclasses.dataclass(eq=False, kw_only=True, repr=False)
class GroupSplitConfig(tfds.core.BuilderConfig):
    """What is in the prepared dataset. Two different contents have two different names, hence two folders.

    Attributes:
        name: Given as the base name, e.g. `"simplified"`; becomes that plus `-` and a digest of the fields of this
            class and its subclasses that differ from their defaults, if any does.
        base: The base name; filled in.
        classes: Names of the classes, sorted; None for all there are.
        per_class: The first so many usable examples of each class; None for all.
        split: Name of the split scheme, one of the builder's `SPLIT_SCHEMES`.
        max_bad: Largest share of bad examples that is accepted, 0 to 1.
        source: Fingerprint of the manual folder, so that a changed folder is prepared anew; empty for downloads.
    """

    IN_BASE: ClassVar[frozenset[str]] = frozenset()
    """Fields that the base name says already."""

    base: str = ""
    classes: tuple[str, ...] | None = None
    per_class: int | None = None
    split: str = "hash"
    max_bad: float = 0.01
    source: str = ""

    def __post_init__(self):
        if self.classes is not None:
            self.classes = tuple(sorted(set(self.classes)))
        if self.per_class is not None and self.per_class < 1:
            raise InvalidArgumentError("per_class", "at least 1, or None for all", self.per_class)
        self.base = self.base or self.name
        inherited = {field.name for field in dataclasses.fields(tfds.core.BuilderConfig)} | {"base"} | self.IN_BASE
        changed = [
            (field.name, getattr(self, field.name))
            for field in dataclasses.fields(self)
            if field.name not in inherited and getattr(self, field.name) != field.default
        ]
        digest = hashlib.blake2b(repr(sorted(changed)).encode(), digest_size=5).hexdigest()
        self.name = f"{self.base}-{digest}" if changed else self.base

    def __repr__(self):
        return f"{type(self).__name__}({self.name!r})"  # TFDS logs it; 345 classes would fill the screen.
