"""Google Landmarks v2 on Apache Beam: the same parts, read on as many machines as the runner has, written by TFDS.

Each part is an element of the pipeline. What could not be used, and which images were found, goes to a small file a
part, so that it is there even if the pipeline fails; the process that started the pipeline makes the manifest of them.
The index of the wanted images goes to the folder that is being prepared, since all workers can reach that.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow_datasets.core.split_builder import SplitBuilder
from tensorflow_datasets.core.utils.tqdm_utils import tqdm

from keras_sketch.curation.manifest import FILE_NAME, Manifest
from keras_sketch.curation.splits import SplitScheme
from keras_sketch.errors import BadDataError, MissingDataError
from tfds_builders.gldv2 import beam_steps as steps
from tfds_builders.gldv2.buckets import PREFIXES
from tfds_builders.gldv2.index import Bad, Row, Wanted
from tfds_builders.gldv2.parts import DISTRACTORS, Part

if TYPE_CHECKING:
    import apache_beam as beam

    from tfds_builders.gldv2.gldv2_dataset_builder import Builder, Reading

# What TFDS's writer says in a worker; each runner wraps it in an error of its own.
_EMPTY = re.compile(r"number of generated examples is 0 for split (\w+)")

# How often the progress is looked up, which is one request of a bucket.
_LOOK_SECONDS = 5


def is_asked_for(config: tfds.download.DownloadConfig) -> bool:
    """Tells whether a preparation is to run on Beam."""
    return config.beam_options is not None or config.beam_runner is not None


def prepare_with_beam(builder: Builder, source: Reading, config: tfds.download.DownloadConfig) -> None:
    """Runs the pipeline, waits for its end, and fills in the manifest, the metadata and the splits.

    Args:
        builder: Its `data_dir` is the temporary folder, which all workers have to be able to write.
        source: What is to be read.
        config: Has `beam_options` or `beam_runner`.

    Raises:
        BadDataError: Too many bad examples, a split without any, or a tar that is not the one its md5 is of.
        MissingDataError: A tar cannot be read or downloaded.
    """
    listing = local_root(builder) / builder.name / f"bad_examples-{builder.builder_config.name}.csv"
    scratch = os.path.join(os.fspath(builder.data_path), "beam")
    with Manifest(listing, builder.builder_config.max_bad) as manifest:
        infos = _write(builder, source, manifest, config, scratch)
        leaked = dict.fromkeys((split for split in builder.scheme.names if split != "train"), 0)
        leaked.update(steps.read_json(os.path.join(scratch, "leaked.json"), []))
        tf.io.gfile.rmtree(scratch)
        with tempfile.TemporaryDirectory() as folder:
            rows = manifest.move_to(folder)
            tf.io.gfile.copy(str(rows), os.path.join(os.fspath(builder.data_path), FILE_NAME))
    builder._conclude(manifest, infos, leaked)


def local_root(builder: tfds.core.DatasetBuilder) -> Path:
    """Gives a folder of this machine for what waits between two attempts: that of the data unless it is a bucket."""
    root = os.fspath(builder.data_dir_root)
    return Path(tempfile.gettempdir()) / "keras_sketch" if "://" in root else Path(root)


def _write(
    builder: Builder, source: Reading, manifest: Manifest, config: tfds.download.DownloadConfig, scratch: str
) -> list[tfds.core.SplitInfo]:
    """Writes the splits and fills the manifest."""
    job = _job(source, builder.scheme, scratch)
    splits = _splits(source, builder.scheme)
    split_builder = SplitBuilder(
        split_dict=builder.info.splits,
        features=builder.info.features,
        dataset_size=builder.info.dataset_size,
        max_examples_per_split=None,
        beam_options=config.beam_options,
        beam_runner=config.beam_runner,
        example_writer=tfds.core.ExampleWriter(builder.info.file_format),
        shard_config=config.get_shard_config(),
    )
    failure = None
    futures = []
    try:
        with _progress(len(source.parts), job.reports), split_builder.maybe_beam_pipeline():
            for split, examples in _examples(split_builder.beam_pipeline, source.parts, job, splits, scratch).items():
                template = builder._get_filename_template(split)
                futures.append(split_builder.submit_split_generation(split, examples, template, False, False))
    except Exception as error:  # Each runner has its own; what the parts said is more to the point.
        failure = error
    _fill_manifest(manifest, source, job, scratch, failure)
    return [future.result() for future in futures]


def _job(source: Reading, scheme: SplitScheme, scratch: str) -> steps.Job:
    """Puts the index where the workers can read it, and makes the folder of the reports."""
    reports, index = os.path.join(scratch, "reports"), os.path.join(scratch, "index.sqlite")
    tf.io.gfile.makedirs(reports)
    tf.io.gfile.copy(source.wanted.path, index)
    wanted = Wanted(index, source.wanted.side, source.wanted.quality)
    downloads = source.source.downloads
    if downloads is None:
        return steps.Job(wanted, scheme, reports)
    return steps.Job(wanted, scheme, reports, os.path.abspath(downloads.folder), downloads.base)


def _splits(source: Reading, scheme: SplitScheme) -> list[str]:
    """Names the splits that there will be; a pipeline cannot find out, as its steps are fixed before it runs."""
    found = set()
    for row in _rows(source.wanted, "train"):
        found.add(steps.split_of(scheme, row.id, row.group))
        if len(found) == len(scheme.names):
            break
    for split in scheme.names:
        if split != "validation" and split not in found:
            raise _empty(split)
    if any(images.subset == "test" for images in source.source.images) and any(_rows(source.wanted, "test")):
        found.add(DISTRACTORS)
    return [split for split in (*scheme.names, DISTRACTORS) if split in found]


def _rows(wanted: Wanted, subset: str) -> Iterator[Row]:
    return itertools.chain.from_iterable(wanted.of_prefix(prefix, subset) for prefix in PREFIXES)


def _examples(
    pipeline: beam.Pipeline, parts: Sequence[Part], job: steps.Job, splits: Sequence[str], scratch: str
) -> dict[str, beam.PCollection]:
    """Builds the steps from the parts to (id, features) for each split."""
    import apache_beam as beam

    records = (
        pipeline
        | "Parts" >> beam.Create(list(enumerate(parts)))
        | "Spread" >> beam.Reshuffle()
        | "Read" >> beam.FlatMap(steps.read, job=job)
    )
    if any(part.kind == "tar" for part in parts):  # In a tree an id has one place.
        repeats = (
            records
            | "Ids" >> beam.Map(steps.by_id)
            | "SameId" >> beam.GroupByKey()
            | "Later" >> beam.FlatMap(steps.later_ones)
        )
        _save(repeats, "Repeats", os.path.join(scratch, "repeats.json"))
        records = records | "First" >> beam.Filter(steps.is_first, repeats=beam.pvalue.AsDict(repeats))
    if job.scheme.by != "group":
        leaks = (
            records
            | "Groups" >> beam.FlatMap(steps.by_group, splits=job.scheme.names)
            | "Siblings" >> beam.GroupByKey()
            | "Leaks" >> beam.FlatMap(steps.leaks)
            | "Leaked" >> beam.CombinePerKey(sum)
        )
        _save(leaks, "Leaks", os.path.join(scratch, "leaked.json"))
    sides = records | "Split" >> beam.Partition(steps.number_of, len(splits), splits=splits)
    return {split: side | f"Keys_{split}" >> beam.Map(steps.keyed) for split, side in zip(splits, sides, strict=True)}


def _save(collection: beam.PCollection, name: str, path: str) -> None:
    """Writes a small collection to one JSON file."""
    import apache_beam as beam

    _ = collection | f"List{name}" >> beam.combiners.ToList() | f"Save{name}" >> beam.Map(steps.write_json, path=path)


@contextlib.contextmanager
def _progress(total: int, reports: str) -> Iterator[None]:
    """Shows how many parts are read while the body waits for the pipeline."""
    ended = threading.Event()

    def watch() -> None:
        with tqdm(total=total, desc="Reading", unit=" parts", leave=False) as bar:
            while not ended.wait(_LOOK_SECONDS):
                with contextlib.suppress(tf.errors.OpError):
                    bar.update(len(tf.io.gfile.glob(os.path.join(reports, "*.json"))) - bar.n)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _fill_manifest(
    manifest: Manifest, source: Reading, job: steps.Job, scratch: str, failure: Exception | None
) -> None:
    """Names what cannot be used, in the order of the local preparation; raises what made the pipeline fail."""
    complete = True
    _name(manifest, source.wanted.bad())
    for part in source.parts:
        if (report := steps.report_of(part, job)) is None:
            complete = False
            continue
        if report.error:
            message, is_bad = report.error
            raise (BadDataError if is_bad else MissingDataError)(message) from failure
        manifest.add_good(report.good)
        _name(manifest, report.bad)
    if complete:
        for images in source.source.images:
            if images.tars:
                parts = [part for part in source.parts if part.subset == images.subset]
                found = itertools.chain.from_iterable(steps.report_of(part, job).found for part in parts)
                _name(manifest, source.wanted.unseen(found, images.subset, source.unfinished.folder))
        for _, file in sorted(steps.read_json(os.path.join(scratch, "repeats.json"), [])):
            manifest.recall(file, "", "repeats the id of an earlier example")
        manifest.check()
    if failure is not None:
        if empty := _EMPTY.search(str(failure)):
            raise _empty(empty[1]) from failure
        raise failure


def _name(manifest: Manifest, bads: Iterable[Bad]) -> None:
    for bad in bads:
        add = manifest.add_bad if bad.counts else manifest.add_note
        add(bad.file, bad.where, bad.reason)


def _empty(split: str) -> BadDataError:
    return BadDataError(
        f"The {split} split of gldv2 is empty: too few of the wanted images can be used. Want classes of fewer images, "
        "or choose another split scheme (--split)."
    )
