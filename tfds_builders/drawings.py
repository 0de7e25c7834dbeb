"""Drawings as dataset examples: what QuickDraw and the doodles have in common."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from keras_sketch.drawing import draw_street_route, ndjson, rasterize
from tfds_builders.writing import Example

_BATCH = 512
# Rasterizing and compressing a drawing take about 50 us, all that the main thread does about 20.
_THREADS = 2
# Compression costs as much as all the rest; 1 gives files of 450 bytes on average at 28 x 28, 6 gives the same.
_PNG_COMPRESSION = 1


class Drawing(NamedTuple):
    """A parsed drawing with its class and its place in the source.

    Attributes:
        record: The drawing as `keras_sketch.drawing` parses it.
        label: The class's number.
        file: The file that it came from, relative to the source folder.
        where: Its place in that file.
    """

    record: ndjson.Drawing
    label: int
    file: str
    where: str


def drawing_features() -> dict[str, Any]:
    """The features that drawings have beside the usual four: country, whether Google recognized it, and its key."""
    return {
        "countrycode": tfds.features.Text(),
        "recognized": np.bool_,
        "key_id": tfds.features.Text(),
    }


def rasterized(drawings: Iterable[Drawing], side: int) -> Iterator[Example]:
    """Turns drawings into examples, white on black as Quick, Draw!'s bitmaps, a batch at a time, in their order.

    Rasterizing and compressing run in two threads, outside Python's lock, while this one parses and serializes.

    Args:
        drawings: Drawings of at least one point each.
        side: Side of the pictures in pixels.

    Yields:
        Examples; `image` is a PNG of uint8 `[side, side, 1]`.
    """
    return _drawn(drawings, lambda records: rasterize(records, side=side))


def laid_on_streets(drawings: Iterable[Drawing], side: int, seed: int = 0) -> Iterator[Example]:
    """Turns drawings into examples of route art, black on white, in their order.

    Args:
        drawings: Drawings of at least one point each.
        side: Side of the pictures in pixels.
        seed: Of the towns; a drawing's town depends on it and on the drawing's key.

    Yields:
        Examples; `image` is a PNG of uint8 `[side, side, 1]`.
    """
    return _drawn(
        drawings,
        lambda records: np.stack([draw_street_route(record, record.key_id, side, seed) for record in records]),
    )


def _drawn(drawings: Iterable[Drawing], draw: Callable[[list[ndjson.Drawing]], np.ndarray]) -> Iterator[Example]:
    drawings = iter(drawings)
    waiting = collections.deque()
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="rasterize") as pool:
        while batch := list(itertools.islice(drawings, _BATCH)):
            waiting.append((batch, pool.submit(_compressed, [drawing.record for drawing in batch], draw)))
            if len(waiting) > _THREADS:
                yield from _examples(*waiting.popleft())
        while waiting:
            yield from _examples(*waiting.popleft())


def _compressed(records: list[ndjson.Drawing], draw: Callable[[list[ndjson.Drawing]], np.ndarray]) -> list[bytes]:
    return encode_png(draw(records)[..., np.newaxis])


def _examples(batch: list[Drawing], images: Future[list[bytes]]) -> Iterator[Example]:
    for (record, label, file, where), image in zip(batch, images.result(), strict=True):
        features = {
            "image": image,
            "label": label,
            "countrycode": record.countrycode,
            "recognized": record.recognized,
            "key_id": record.key_id,
        }
        yield Example(record.key_id, record.key_id, features, file, where)


def encode_png(images: np.ndarray) -> list[bytes]:
    """Compresses pictures of one size.

    Args:
        images: uint8 `[N, H, W, 1]` or `[N, H, W, 3]`.

    Returns:
        N PNG files.
    """
    return tf.io.encode_png(images, compression=_PNG_COMPRESSION).numpy().tolist()
