"""Near copies of an image: the same picture flipped, turned by quarters, resized or compressed again.

The signature of an image is a perceptual hash made for line drawings: of the 255 lowest frequencies of its cosine
transform, the signs of the 64 strongest, and 0 for the others. Strength matters because most of a drawing is white
paper, and because a symmetric drawing has frequencies that are nothing but noise: the usual hash, the sign of every
frequency, keeps 255 bits of which these are random. A flip or a quarter turn of the image swaps signs and axes of the
signature, so all eight can be compared though each image is transformed once.

The distance of two images is the least sum of absolute differences of their signatures, 0 to 128, over the eight.
`docs/imagenet_sketch.md` has the distances measured on real drawings, from which `MAX_DISTANCE` was chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

MAX_DISTANCE = 24
"""Images are near copies up to this distance. Copies with JPEG quality 15, half the size or a turn by one degree keep
below it, different drawings of one photo stay above."""

_SIDE = 32
_FREQUENCIES = 16
_STRONGEST = 64
# Below this a coefficient of 8-bit pixels is rounding: blank paper has the signature 0.
_ROUNDING = 1e-2
# Pairs are compared in tiles whose intermediate results, 512 KiB, stay in the cache.
_TILE = 256
_ALTERNATING = np.where(np.arange(_FREQUENCIES) % 2, -1, 1).astype(np.int8)


def signature(pixels: np.ndarray) -> np.ndarray:
    """Computes an image's signature.

    Args:
        pixels: uint8 `[H, W, 1]` or `[H, W, 3]` RGB. The shape does not matter: it is stretched to a square.

    Returns:
        int8 `[16, 16]` of -1, 0 and 1, at most about 64 of which are not 0. Blank images give 0 everywhere.
    """
    grey = pixels[..., 0] if pixels.shape[-1] == 1 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(np.ascontiguousarray(grey), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    frequencies = cv2.dct(small.astype(np.float64))[:_FREQUENCIES, :_FREQUENCIES]
    frequencies[0, 0] = 0
    strength = np.abs(frequencies)
    weakest = max(np.partition(strength, -_STRONGEST, axis=None)[-_STRONGEST], _ROUNDING)
    return (np.sign(frequencies) * (strength >= weakest)).astype(np.int8)


def orientations(signatures: np.ndarray) -> np.ndarray:
    """Gives what the signatures would be if the images were flipped and turned.

    Args:
        signatures: int8 `[..., 16, 16]`.

    Returns:
        int8 `[8, ..., 16, 16]`; the first are the signatures as they are.
    """
    vertical, both = _ALTERNATING[:, np.newaxis], np.outer(_ALTERNATING, _ALTERNATING)
    return np.stack(
        [
            turned * flips
            for turned in (signatures, signatures.swapaxes(-1, -2))
            for flips in (np.ones_like(both), vertical, vertical.T, both)
        ]
    )


def group_near_duplicates(
    signatures: np.ndarray,
    names: Sequence[str],
    max_distance: int = MAX_DISTANCE,
    progress: Callable[[int], None] | None = None,
) -> list[str]:
    """Groups images: two are in one group if a chain of near copies leads from one to the other.

    Args:
        signatures: int8 `[N, 16, 16]`.
        names: The images' ids, all different.
        max_distance: Up to which two images are near copies.
        progress: Called with the number of images that are done since the last call, N in all.

    Returns:
        The name of each image's group: the smallest id in it, so an image without a near copy is its own group. A file
        that is added later can rename a group only if it is a near copy of one in it.
    """
    if not names:
        return []
    pairs = [np.empty((0, 2), np.int64), *_near_pairs(np.asarray(signatures), max_distance, progress)]
    first, second = np.concatenate(pairs).T
    links = coo_array((np.ones(len(first), bool), (first, second)), shape=(len(names), len(names)))
    _, components = connected_components(links, directed=False)
    smallest: dict[int, str] = {}
    for component, name in zip(components, names, strict=True):
        smallest[component] = min(smallest.get(component, name), name)
    return [smallest[component] for component in components]


def _near_pairs(
    signatures: np.ndarray, max_distance: int, progress: Callable[[int], None] | None
) -> Iterator[np.ndarray]:
    """Yields the pairs of near copies, int64 `[n, 2]`.

    Where two signatures are both 0, or both not, nothing is known of their distance; every other place adds one to it,
    and flips do not move it. These few bits leave few pairs to compare in full.
    """
    used, turned = _packed(signatures != 0), _packed(signatures.swapaxes(1, 2) != 0)
    for start in range(0, len(signatures), _TILE):
        rows = slice(start, start + _TILE)
        for other in range(start, len(signatures), _TILE):
            columns = slice(other, other + _TILE)
            least = np.minimum(_unlike(used[rows], used[columns]), _unlike(used[rows], turned[columns]))
            pairs = np.argwhere(least <= max_distance) + (start, other)
            pairs = pairs[pairs[:, 0] < pairs[:, 1]]
            for first in range(0, len(pairs), _TILE):
                part = pairs[first : first + _TILE]
                yield part[_distances(signatures[part[:, 0]], signatures[part[:, 1]]) <= max_distance]
        if progress is not None:
            progress(len(used[rows]))


def _packed(bits: np.ndarray) -> np.ndarray:
    """Packs bool `[N, 16, 16]` into uint64 `[N, 4]`."""
    return np.packbits(bits.reshape(len(bits), -1), axis=1).view(np.uint64)


def _unlike(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Counts the bits in which packed rows and columns differ: uint64 `[n, 4]`, `[m, 4]` -> uint16 `[n, m]`."""
    count = np.zeros((len(rows), len(columns)), np.uint16)
    for word in range(rows.shape[1]):
        count += np.bitwise_count(rows[:, np.newaxis, word] ^ columns[np.newaxis, :, word])
    return count


def _distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Gives the distance of each pair of signatures: int8 `[n, 16, 16]` twice -> int64 `[n]`."""
    return np.abs(orientations(second) - first).sum(axis=(-1, -2), dtype=np.int64).min(axis=0)
