"""Splits that depend on nothing but the name of an example's group, or of the example.

The side on which a group falls is a function of its name alone, so it does not change when files are added, renamed,
read in another order or on another machine, and whatever shares a group stays together.
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Literal

from keras_sketch.errors import InvalidArgumentError

# BLAKE2's personalisation string is the split's seed. Another value is another split of every dataset.
SPLIT_SEED = b"keras_sketch/1"
# The seed of subsets: with one of their own, which examples are chosen says nothing about the side they fall on.
CHOICE_SEED = b"choice/1"


def unit_hash(name: str, seed: bytes = SPLIT_SEED) -> float:
    """Maps a name to a number that is uniform over names and always the same for one name.

    Args:
        name: What may not be split, e.g. the `key_id` of a drawing or the photo that sketches were drawn from.
        seed: At most 16 bytes; numbers of one name under two seeds are independent.

    Returns:
        A float in [0, 1): the upper 53 bits of the 8-byte BLAKE2b digest of the UTF-8 name, personalised with
        `seed`, divided by 2**53.
    """
    digest = hashlib.blake2b(name.encode(), digest_size=8, person=seed).digest()
    return (int.from_bytes(digest, "big") >> 11) / (1 << 53)


@dataclasses.dataclass(frozen=True)
class SplitScheme:
    """The shares of train, validation and test.

    The test split takes the lowest hashes, then validation, then train. So the test split of 80/10/10 is a subset of
    the one of 80/20, and an example never moves from a smaller test split back into training.

    Attributes:
        train: Share of the groups for training; 0 if all are the test, for what is only ever tested on.
        test: Share of the groups for the test, above 0.
        validation: Share of the groups for validation; 0 leaves that split out.
        by: `"group"`, or `"id"` for papers that split example by example: then one group can be on several sides.
        test_groups: The groups that the dataset's authors chose for the test, where they did; the hash then decides
            among the others only, and `test` is the share that the list is expected to have.
    """

    train: float
    test: float
    validation: float = 0.0
    by: Literal["group", "id"] = "group"
    test_groups: frozenset[str] | None = None

    def __post_init__(self):
        shares = (self.train, self.validation, self.test)
        both = min(self.train, self.test) > 0 <= self.validation and abs(sum(shares) - 1) <= 1e-9
        if not both and shares != (0, 0, 1):
            raise InvalidArgumentError(
                "train, validation, test", "shares that add up to 1, train and test above 0 or test alone", shares
            )
        if self.by not in ("group", "id"):
            raise InvalidArgumentError("by", "'group' or 'id'", self.by)

    @property
    def names(self) -> tuple[str, ...]:
        """The splits of this scheme, those with a share of 0 left out."""
        return tuple(name for name in ("train", "validation", "test") if getattr(self, name))

    def assign(self, name: str) -> str:
        """Names the split that a group, or an example, belongs to.

        Args:
            name: The group's name; the example's id if the scheme is `by="id"`.

        Returns:
            `"train"`, `"validation"` or `"test"`.
        """
        if not self.train:
            return "test"
        if self.test_groups is None:
            lowest, scale = self.test, 1.0
        elif name in self.test_groups:
            return "test"
        else:
            lowest, scale = 0.0, 1 - self.test
        position = unit_hash(name)
        if position < lowest:
            return "test"
        return "validation" if position < lowest + self.validation / scale else "train"
