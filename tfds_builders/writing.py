"""Writing examples in bounded memory: serialized at once, spread over files by a hash, sorted one file at a time.

TFDS's own writer takes a split after the other, so a builder has to read its source once a split; holds up to 1 GiB of
each in memory; spends most of the time on a small image in its general serializer; and answers a key that is there
twice with an assertion. Here all splits are open at once, a few MiB are held, and a repeated id can be named.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import itertools
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import tensorflow as tf
import tensorflow_datasets as tfds

_BUCKETS = 256
# What is sorted in memory at a time; a larger file is spread over 256 again. With 256 files, that of a split of 1 GB.
_SORTED_BYTES = 4 << 20
_HEADER = struct.Struct("<16sIII")  # digest of the id, lengths of file, where and record


@dataclasses.dataclass(slots=True)
class Example:
    """One example on its way into the dataset.

    Attributes:
        id: A stable string that no other example has.
        group: What may not be split between train, validation and test.
        features: The values of the other features: `image` as encoded bytes, `label` as the class's number.
        file: The file that it came from, relative to the source folder; named in the manifest if the id repeats.
        where: Its place in that file, e.g. `"line 12"`.
        split: The split that it belongs to whatever the scheme says; empty: the scheme decides.
    """

    id: str
    group: str
    features: dict[str, Any]
    file: str = ""
    where: str = ""
    split: str = ""


def make_serializer(features: tfds.features.FeaturesDict) -> Callable[[Mapping[str, Any]], bytes]:
    """Makes the function that turns an example's features into a serialized `tf.train.Example`.

    If every feature is stored as one value (numbers, strings, encoded images), one message is filled again and again,
    which takes 4 us instead of the 57 us of `features.serialize_example` for 7 features.

    Args:
        features: The dataset's features.

    Returns:
        A function of a dict of values: images as encoded bytes, labels as numbers, texts as `str` or bytes. Equal
        values give equal bytes.
    """
    specs = features.get_serialized_info()
    if all(isinstance(spec, tfds.features.TensorInfo) and spec.shape == () for spec in specs.values()):
        return _ScalarSerializer(specs)
    return features.serialize_example


class _ScalarSerializer:
    """Fills one message again and again; the features have one value each."""

    # A message keeps every string that was ever put into it, so it is made anew after so many bytes.
    _RENEW_BYTES = 1 << 20

    def __init__(self, specs: Mapping[str, tfds.features.TensorInfo]):
        self._kinds = {name: spec.tf_dtype for name, spec in specs.items()}
        self._renew()

    def __call__(self, values: Mapping[str, Any]) -> bytes:
        if self._kept > self._RENEW_BYTES:
            self._renew()
        for name, (slot, convert) in self._slots.items():
            slot[0] = convert(values[name])
        record = self._message.SerializeToString(deterministic=True)
        self._kept += len(record)
        return record

    def _renew(self) -> None:
        self._kept = 0
        self._message = tf.train.Example()
        self._slots = {}
        for name, kind in self._kinds.items():
            feature = self._message.features.feature[name]
            if kind == tf.string:
                slot, convert = feature.bytes_list.value, tf.compat.as_bytes
            elif kind.is_floating:
                slot, convert = feature.float_list.value, float
            else:
                slot, convert = feature.int64_list.value, int
            slot.append(convert(0) if kind != tf.string else b"")
            self._slots[name] = slot, convert


class SplitWriter:
    """Collects one split's records and writes them in an order that is random but always the same.

    The order is that of a hash of the ids, so classes are mixed however the source is sorted.

    Attributes:
        count: Number of records added.
    """

    def __init__(self, folder: Path, buffer_bytes: int = 8 << 20):
        """Starts an empty split.

        Args:
            folder: An existing folder for the temporary files; who made it removes it.
            buffer_bytes: How many bytes are held before they go to files.
        """
        self.count = 0
        self._folder = folder
        self._buffer_bytes = buffer_bytes
        self._buffers: list[list[bytes]] = [[] for _ in range(_BUCKETS)]
        self._held = 0
        self._bytes = 0

    def add(self, example: Example, record: bytes) -> None:
        """Adds a record.

        Args:
            example: Gives the id, which decides the place, and where it came from.
            record: The serialized example.
        """
        digest = hashlib.blake2b(example.id.encode(), digest_size=16).digest()
        file, where = example.file.encode(), example.where.encode()
        entry = _HEADER.pack(digest, len(file), len(where), len(record)) + file + where + record
        self._buffers[digest[0]].append(entry)
        self.count += 1
        self._bytes += len(record)
        self._held += len(entry)
        if self._held > self._buffer_bytes:
            self._spill()

    def _spill(self) -> None:
        for number, entries in enumerate(self._buffers):
            if entries:
                with (self._folder / f"{number}").open("ab") as file:
                    file.writelines(entries)
                entries.clear()
        self._held = 0

    def _sorted(self) -> Iterator[tuple[bytes, str, str, bytes]]:
        """Yields digest, file, where, record by digest, equal digests in the order in which they were added."""
        for number, entries in enumerate(self._buffers):
            path = self._folder / f"{number}"
            if not path.exists():
                yield from sorted(_unpack(b"".join(entries)), key=lambda entry: entry[0])
            else:
                with path.open("ab") as file:
                    file.writelines(entries)
                yield from _sorted_file(path)
            entries.clear()

    def write(
        self,
        template: tfds.core.ShardedFileTemplate,
        writer: tfds.core.ExampleWriter,
        shards: Callable[[int, int], int],
        on_repeat: Callable[[str, str], None],
    ) -> tfds.core.SplitInfo:
        """Writes the shards. Of records with one id, the one that was added first stays.

        Args:
            template: Names the split and its files.
            writer: Writes one shard in the dataset's file format.
            shards: Bytes and number of records -> number of shards.
            on_repeat: Called with file and place of each record that is left out because its id was there before.

        Returns:
            The split's name, shard lengths and bytes.
        """
        total = max(1, min(shards(self._bytes, self.count), self.count))
        bounds = [round(self.count * index / total) for index in range(total + 1)]
        records = _first_of_each(self._sorted(), on_repeat)
        lengths = []
        for index, (start, stop) in enumerate(itertools.pairwise(bounds)):
            lengths.append(0)
            writer.write(
                str(template.sharded_filepath(shard_index=index, num_shards=total)),
                _counted(itertools.islice(records, stop - start), lengths),
            )
        return tfds.core.SplitInfo(
            name=template.split, shard_lengths=lengths, num_bytes=self._bytes, filename_template=template
        )


def _sorted_file(path: Path, depth: int = 0) -> Iterator[tuple[bytes, str, str, bytes]]:
    """Yields the entries of a file by digest, and removes it; their digests begin with the same `depth + 1` bytes."""
    if path.stat().st_size <= _SORTED_BYTES or depth == 15:
        data = path.read_bytes()
        path.unlink()
        yield from sorted(_unpack(data), key=lambda entry: entry[0])
        return
    paths: dict[int, Path] = {}
    with contextlib.ExitStack() as stack:
        files: dict[int, BinaryIO] = {}
        entries = stack.enter_context(path.open("rb"))
        while header := entries.read(_HEADER.size):
            digest, *lengths = _HEADER.unpack(header)
            number = digest[depth + 1]
            if number not in files:
                paths[number] = path.with_name(f"{path.name}-{number}")
                files[number] = stack.enter_context(paths[number].open("wb"))
            files[number].write(header + entries.read(sum(lengths)))
    path.unlink()
    for number in sorted(paths):
        yield from _sorted_file(paths[number], depth + 1)


def _unpack(data: bytes) -> Iterator[tuple[bytes, str, str, bytes]]:
    position = 0
    while position < len(data):
        digest, file, where, record = _HEADER.unpack_from(data, position)
        start = position + _HEADER.size
        position = start + file + where + record
        yield (
            digest,
            data[start : start + file].decode(),
            data[start + file : start + file + where].decode(),
            data[start + file + where : position],
        )


def _first_of_each(
    entries: Iterable[tuple[bytes, str, str, bytes]], on_repeat: Callable[[str, str], None]
) -> Iterator[tuple[bytes, bytes] | None]:
    """Yields (digest, record), and None for a repeated one so that the shards' bounds keep their meaning."""
    previous = None
    for digest, file, where, record in entries:
        if digest == previous:
            on_repeat(file, where)
            yield None
        else:
            yield digest, record
        previous = digest


def _counted(records: Iterable[tuple[bytes, bytes] | None], lengths: list[int]) -> Iterator[tuple[bytes, bytes]]:
    for record in records:
        if record is not None:
            lengths[-1] += 1
            yield record
