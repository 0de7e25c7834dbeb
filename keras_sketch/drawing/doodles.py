"""Drawings made up by a program, in QuickDraw's own form: data for those who have none yet, and for tests."""

from __future__ import annotations

import datetime
import hashlib
from numbers import Integral

import numpy as np

from keras_sketch.drawing.doodle_nature import DOODLES as NATURE
from keras_sketch.drawing.doodle_objects import DOODLES as OBJECTS
from keras_sketch.drawing.handwriting import draw_by_hand
from keras_sketch.drawing.ndjson import Drawing
from keras_sketch.drawing.simplification import simplify
from keras_sketch.errors import InvalidArgumentError, UnknownNameError

_SHAPES = dict(sorted({**NATURE, **OBJECTS}.items()))
# QuickDraw's most frequent countries, with their rounded shares of the first 25 drawings of 100 classes (per cent of
# those from one of the twelve).
_SHARES = {"US": 59, "GB": 10, "CA": 5, "DE": 5, "AU": 3, "RU": 3, "BR": 3, "FI": 3, "FR": 2, "CZ": 2, "SE": 2, "KR": 2}
_COUNTRIES = [code for code, share in _SHARES.items() for _ in range(share)]
_EPOCH = datetime.datetime(2017, 3, 1, tzinfo=datetime.UTC)
# As in the same sample.
_RECOGNIZED = 0.92
_KEY_DIGITS = 16


def doodle_classes() -> list[str]:
    """Returns the names of the classes that can be drawn, sorted; all are QuickDraw's."""
    return list(_SHAPES)


def draw_doodle(name: str, index: int, seed: int = 0) -> Drawing:
    """Draws one doodle, always the same for the same arguments and never the same for others.

    It is drawn as raw strokes and passes through `simplify`, as QuickDraw's do. The randomness is NumPy's Philox,
    keyed by seed, class name and index.

    Args:
        name: One of `doodle_classes()`.
        index: Which of the class's drawings, 0 or more; they do not depend on one another.
        seed: 0 or more; another seed gives other drawings.

    Returns:
        A record as `parse_ndjson` yields it, with made-up country, time (March 2017) and `recognized` (92 % true), and
        a `key_id` of 16 digits that is a hash of the arguments. `to_json()` gives its line of ndjson.

    Raises:
        UnknownNameError: If there is no such class.
        InvalidArgumentError: If index or seed is negative or not whole.
    """
    if name not in _SHAPES:
        raise UnknownNameError("doodle class", name, _SHAPES)
    for argument, value in (("index", index), ("seed", seed)):
        if not isinstance(value, Integral) or isinstance(value, bool) or value < 0:
            raise InvalidArgumentError(argument, "a whole number, 0 or more", value)
    digest = hashlib.blake2b(f"doodle/{seed}/{name}/{index}".encode(), digest_size=24).digest()
    rng = np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))
    strokes = simplify([stroke.T for stroke in draw_by_hand(rng, _SHAPES[name](rng))])
    moment = _EPOCH + datetime.timedelta(seconds=float(rng.uniform(0, 31 * 24 * 3600)))
    lowest = 10 ** (_KEY_DIGITS - 1)
    return Drawing(
        word=name,
        countrycode=_COUNTRIES[int(rng.integers(len(_COUNTRIES)))],
        timestamp=f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond:06d} UTC",
        recognized=bool(rng.random() < _RECOGNIZED),
        key_id=str(lowest + int.from_bytes(digest[16:], "little") % (9 * lowest)),
        strokes=strokes,
    )
