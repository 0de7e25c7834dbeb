"""Splits that depend on nothing but the name of an example's group.

The side on which a group falls is a function of its name alone, so it does not change when files are added, renamed,
read in another order or on another machine, and whatever shares a group stays together.
"""

from __future__ import annotations

import dataclasses
import hashlib

from keras_sketch.errors import InvalidArgumentError

# BLAKE2's personalisation string is the split's seed. Another value is another split of every dataset.
SPLIT_SEED = b"keras_sketch/1"


def unit_hash(group: str) -> float:
    """Maps a group's name to a number that is uniform over names and always the same for one name.

    Args:
        group: What may not be split, e.g. the `key_id` of a drawing or the photo that sketches were drawn from.

    Returns:
        A float in [0, 1): the upper 53 bits of the 8-byte BLAKE2b digest of the UTF-8 name, personalised with
        `SPLIT_SEED`, divided by 2**53.
    """
    digest = hashlib.blake2b(group.encode(), digest_size=8, person=SPLIT_SEED).digest()
    return (int.from_bytes(digest, "big") >> 11) / (1 << 53)


@dataclasses.dataclass(frozen=True)
class SplitScheme:
    """The shares of train, validation and test.

    The test split takes the lowest hashes, then validation, then train. So the test split of 80/10/10 is a subset of
    the one of 80/20, and an example never moves from a smaller test split back into training.

    Attributes:
        train: Share of the groups for training, above 0.
        test: Share of the groups for the test, above 0.
        validation: Share of the groups for validation; 0 leaves that split out.
    """

    train: float
    test: float
    validation: float = 0.0

    def __post_init__(self):
        shares = (self.train, self.validation, self.test)
        if min(self.train, self.test) <= 0 or self.validation < 0 or abs(sum(shares) - 1) > 1e-9:
            raise InvalidArgumentError(
                "train, validation, test", "shares that add up to 1, train and test above 0", shares
            )

    @property
    def names(self) -> tuple[str, ...]:
        """The splits of this scheme, those with a share of 0 left out."""
        return ("train", "validation", "test") if self.validation else ("train", "test")

    def assign(self, group: str) -> str:
        """Names the split that a group belongs to.

        Args:
            group: The group's name.

        Returns:
            `"train"`, `"validation"` or `"test"`.
        """
        position = unit_hash(group)
        if position < self.test:
            return "test"
        return "validation" if position < self.test + self.validation else "train"
