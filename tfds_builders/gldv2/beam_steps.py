"""What the workers of a Beam pipeline do; each needs the package, and nothing of the process that started it."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf
import tensorflow_datasets as tfds

from keras_sketch.curation.splits import SplitScheme
from keras_sketch.errors import BadDataError, KerasSketchError
from tfds_builders.gldv2.downloads import BASE, Downloads
from tfds_builders.gldv2.index import Bad, Wanted
from tfds_builders.gldv2.parts import Part, read_part

Place = tuple[int, int]
"""Where an example was read: the part's number, and its number in the part."""

Record = tuple[str, str, Place, str, dict[str, Any]]
"""An example on its way through the pipeline: split, id, place, file, features."""


@dataclasses.dataclass(frozen=True)
class Job:
    """What a worker has to know; can be pickled.

    Attributes:
        wanted: The index, at a path that workers can read.
        scheme: Says on which side an example is.
        reports: The folder for what is said about the parts.
        downloads: The folder of the tars that are downloaded, which a worker uses if it has it; empty without any.
        base: Where they are downloaded from.
    """

    wanted: Wanted
    scheme: SplitScheme
    reports: str
    downloads: str = ""
    base: str = BASE


@dataclasses.dataclass
class Report:
    """What is said about a part, for the manifest.

    Attributes:
        good: Number of examples.
        bad: What cannot be used.
        found: Of a tar, the ids of the images that it has.
        error: Why the part cannot be read, and whether that is bad data rather than missing data; None if it can.
    """

    good: int = 0
    bad: list[Bad] = dataclasses.field(default_factory=list)
    found: list[str] = dataclasses.field(default_factory=list)
    error: tuple[str, bool] | None = None


def read(numbered: tuple[int, Part], job: Job) -> Iterator[Record]:
    """Reads a part; once it is read, or cannot be, writes its report."""
    number, part = numbered
    report = Report()
    try:
        with _there(part, job) as there:
            for position, item in enumerate(read_part(there, _at_hand(job.wanted))):
                if part.kind == "tar" and item.id:
                    report.found.append(item.id)
                if isinstance(item, Bad):
                    report.bad.append(item)
                    continue
                report.good += 1
                split = item.split or split_of(job.scheme, item.id, item.group)
                features = {**item.features, "id": item.id, "group": item.group}
                yield split, item.id, (number, position), item.file, features
    except KerasSketchError as error:
        report.error = str(error), isinstance(error, BadDataError)
        write_json(dataclasses.asdict(report), _report_path(part, job))
        raise
    write_json(dataclasses.asdict(report), _report_path(part, job))
    tfds.beam.inc_counter("examples", report.good, namespace="gldv2")
    tfds.beam.inc_counter("bad_examples", sum(bad.counts for bad in report.bad), namespace="gldv2")


def report_of(part: Part, job: Job) -> Report | None:
    """Gives what was said about a part; None if nothing was."""
    said = read_json(_report_path(part, job), None)
    return said and Report(**{**said, "bad": [Bad(**bad) for bad in said["bad"]]})


def split_of(scheme: SplitScheme, identity: str, group: str) -> str:
    """Names the split that an example of a landmark belongs to."""
    return scheme.assign(group if scheme.by == "group" else identity)


def by_id(record: Record) -> tuple[tuple[str, str], tuple[Place, str]]:
    """Gives what may not be there twice, and where it is."""
    split, identity, place, file, _ = record
    return (split, identity), (place, file)


def later_ones(places: tuple[tuple[str, str], Iterable[tuple[Place, str]]]) -> list[tuple[Place, str]]:
    """Gives the places and files of an id but for the first."""
    return sorted(places[1])[1:]


def is_first(record: Record, repeats: Mapping[Place, str]) -> bool:
    """Tells whether an example is none of the later ones."""
    return record[2] not in repeats


def by_group(record: Record, splits: Sequence[str]) -> list[tuple[str, str]]:
    """Gives group and split; nothing of a distractor."""
    return [(record[4]["group"], record[0])] if record[0] in splits else []


def leaks(sides: tuple[str, Iterable[str]]) -> list[tuple[str, int]]:
    """Gives 1 for each held-out example of a group that is in training too."""
    splits = list(sides[1])
    return [(split, 1) for split in splits if split != "train"] if "train" in splits else []


def number_of(record: Record, count: int, splits: Sequence[str]) -> int:
    """Gives the number of an example's split."""
    return splits.index(record[0])


def keyed(record: Record) -> tuple[str, dict[str, Any]]:
    """Gives what TFDS writes: a key, and the features."""
    return record[1], record[4]


def read_json(path: str, default: Any) -> Any:
    """Reads a JSON file, the default if there is none."""
    if not tf.io.gfile.exists(path):
        return default
    with tf.io.gfile.GFile(path) as file:
        return json.loads(file.read())


def write_json(value: Any, path: str) -> None:
    """Writes a JSON file in one step."""
    partial = f"{path}.{os.getpid()}.part"
    with tf.io.gfile.GFile(partial, "w") as file:
        file.write(json.dumps(value))
    tf.io.gfile.rename(partial, path, overwrite=True)


def _report_path(part: Part, job: Job) -> str:
    return os.path.join(job.reports, f"{part.name}.json")


@contextlib.contextmanager
def _there(part: Part, job: Job) -> Iterator[Part]:
    """Gives the part with its file; downloads a tar, to the folder for downloads where that is, else for the while."""
    if part.path:
        yield part
        return
    with contextlib.ExitStack() as stack:
        folder = job.downloads
        if not os.path.isdir(folder):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="gldv2-"))
        yield dataclasses.replace(part, path=str(Downloads(folder, job.base).tar(part.number, part.subset)))


def _at_hand(wanted: Wanted) -> Wanted:
    """Gives the index as a file of this machine."""
    return dataclasses.replace(wanted, path=_copied(wanted.path)) if "://" in wanted.path else wanted


@functools.lru_cache(maxsize=1)
def _copied(path: str) -> str:
    copy = os.path.join(tempfile.mkdtemp(prefix="gldv2-"), "index.sqlite")
    tf.io.gfile.copy(path, copy)
    return copy
