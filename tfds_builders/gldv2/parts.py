"""The parts in which the images are read: a tar, or in a tree the images whose ids begin with two digits.

A part is small enough to be read again after an interruption, and parts can be read in any order, on any machine.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

from keras_sketch.curation.decode import check_image
from keras_sketch.errors import BadDataError
from tfds_builders.decoding import decoding_pool, in_order
from tfds_builders.gldv2.buckets import PREFIXES
from tfds_builders.gldv2.index import NO_LANDMARK, Bad, Row, Wanted
from tfds_builders.gldv2.layout import Images, Source, read_md5
from tfds_builders.gldv2.tars import read_tar
from tfds_builders.image_files import read_file, stored_jpeg
from tfds_builders.writing import Example

DISTRACTORS = "distractors"
"""The split of the images of no landmark."""

# So many images of a tar are held at a time while they are decoded.
_AHEAD = 32


@dataclasses.dataclass(frozen=True)
class Part:
    """Where some of the images are; can be pickled.

    Attributes:
        name: Unlike any other part's, fit for a file name: `"train-3f"`, `"train-images_012"`.
        kind: `"tree"` or `"tar"`.
        subset: `"train"`, or `"test"` for distractors.
        path: The folder that holds `a/b/c/<id>.jpg`, or the tar; empty for a tar that is to be downloaded.
        label: What the manifest calls it: its path relative to the source folder.
        prefix: The two digits, of a tree's part.
        number: Of a tar; -1 for a tree's part.
        md5: The tar's, 32 hexadecimal digits; empty if it is not known, or checked already.
    """

    name: str
    kind: Literal["tree", "tar"]
    subset: Literal["train", "test"]
    path: str
    label: str
    prefix: str = ""
    number: int = -1
    md5: str = ""


def list_parts(source: Source) -> list[Part]:
    """Lists the parts of a source, always in the same order.

    Args:
        source: From `layout.find_source` or `layout.published`.

    Raises:
        BadDataError: An md5 file does not begin with an md5.
    """
    return [part for images in source.images for part in _parts(source, images)]


def read_part(part: Part, wanted: Wanted) -> Iterator[Example | Bad]:
    """Reads the wanted images of a part, makes them smaller and gives them as examples, in the part's order.

    Examples have the features `image`, `label` and `landmark_id`; those of distractors have `split` set. An image of a
    tree that is not there is given as `Bad`; of tars that is known once all are read (`Wanted.unseen`).

    Args:
        part: From `list_parts`; a tar has to be there.
        wanted: From `index.make_index`.

    Raises:
        MissingDataError: The tar cannot be read.
        BadDataError: The tar is not the one that its md5 is of.
    """
    with decoding_pool() as pool:
        yield from _tree(part, wanted, pool) if part.kind == "tree" else _tar(part, wanted, pool)


def _parts(source: Source, images: Images) -> Iterator[Part]:
    if images.tree is not None:
        label = source.label(images.tree)
        for prefix in PREFIXES:
            yield Part(f"{images.subset}-{prefix}", "tree", images.subset, str(images.tree), label, prefix)
    for tar in images.tars:
        name = f"images_{tar.number:03d}"
        path = "" if tar.path is None else str(tar.path)
        label = f"{images.subset}/{name}.tar" if tar.path is None else source.label(tar.path)
        md5 = read_md5(tar.md5)
        yield Part(f"{images.subset}-{name}", "tar", images.subset, path, label, number=tar.number, md5=md5)


def _tree(part: Part, wanted: Wanted, pool: ThreadPoolExecutor) -> Iterator[Example | Bad]:
    rows = list(wanted.of_prefix(part.prefix, part.subset))

    def contents(row: Row) -> bytes:
        path = Path(part.path, _place(row.id))
        if not path.is_file():
            raise BadDataError(f"is not there, but in line {row.line} of {wanted.lists[part.subset]}")
        return read_file(path)

    results = in_order(pool, lambda row: _stored(contents(row), wanted), rows)
    for row, result in zip(rows, results, strict=True):
        yield _example(row, f"{part.label}/{_place(row.id)}", result)


def _tar(part: Part, wanted: Wanted, pool: ThreadPoolExecutor) -> Iterator[Example | Bad]:
    batch: list[tuple[Row, bytes]] = []

    def decoded() -> Iterator[Example | Bad]:
        results = in_order(pool, lambda item: _stored(item[1], wanted), batch)
        for (row, _), result in zip(batch, results, strict=True):
            yield _example(row, f"{part.label}/{_place(row.id)}", result)
        batch.clear()

    for item in read_tar(part.path, part.label, part.md5, lambda image: wanted.find(image, part.subset)):
        if isinstance(item, Bad):
            yield item
            continue
        batch.append(item)
        if len(batch) == _AHEAD:
            yield from decoded()
    yield from decoded()


def _place(image: str) -> str:
    return os.path.join(image[0], image[1], image[2], f"{image}.jpg")


def _stored(contents: bytes, wanted: Wanted) -> bytes:
    return stored_jpeg(contents, check_image(contents), wanted.side, wanted.quality)


def _example(row: Row, file: str, result: bytes | BadDataError) -> Example | Bad:
    if isinstance(result, BadDataError):
        return Bad(file, "", str(result), id=row.id)
    features = {"image": result, "label": row.label, "landmark_id": row.landmark}
    return Example(row.id, row.group, features, file, split=DISTRACTORS if row.label == NO_LANDMARK else "")
