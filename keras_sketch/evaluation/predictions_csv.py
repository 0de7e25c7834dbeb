"""`predictions.csv`: one line an example, in blocks, so that a million lines need no more memory than their arrays."""

from __future__ import annotations

import csv
import itertools
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from keras_sketch.errors import BadDataError, InvalidArgumentError, MissingDataError
from keras_sketch.evaluation.predictions import Predictions, RankedPredictions, as_text
from keras_sketch.evaluation.ranking import top_k
from keras_sketch.files import atomic_write

_RANKED_COLUMN = re.compile(r"(label|score)_\d+")
_BLOCK_ROWS = 10_000


def _columns(k: int) -> list[str]:
    """Returns the columns that stand before the facts."""
    ranks = range(1, k + 1)
    return ["id", "label", "predicted", "score", *(f"label_{r}" for r in ranks), *(f"score_{r}" for r in ranks)]


def write_predictions(path: str | os.PathLike, predictions: Predictions, k: int = 5) -> None:
    """Writes id, label, predicted, score, then `label_1` to `label_k`, `score_1` to `score_k`, then the facts.

    Labels are class names. Scores have the fewest digits that give the same float32 again.

    Args:
        path: `predictions.csv`; replaced in one step.
        predictions: What to write.
        k: How many of the most probable classes; at most K are written.

    Raises:
        InvalidArgumentError: `k` is below 1, or a fact has the name of another column.
        OSError: The file cannot be written.
    """
    if k < 1:
        raise InvalidArgumentError("k", "at least 1", k)
    k = min(k, len(predictions.class_names))
    for fact in predictions.facts:
        if fact in _columns(0) or _RANKED_COLUMN.fullmatch(fact):
            raise InvalidArgumentError("facts", "named otherwise than the columns of predictions.csv", fact)
    with atomic_write(path) as stream:
        writer = csv.writer(stream)
        writer.writerow([*_columns(k), *predictions.facts])
        for start in range(0, len(predictions.labels), _BLOCK_ROWS):
            writer.writerows(_rows(predictions, slice(start, start + _BLOCK_ROWS), k))


def _rows(predictions: Predictions, block: slice, k: int) -> Iterator[list[str]]:
    ranked, scores = top_k(predictions.probabilities[block], k)
    names = np.array(predictions.class_names, dtype=object)
    facts = [[as_text(value) for value in values[block]] for values in predictions.facts.values()]
    labels, best, scores = names[predictions.labels[block]], names[ranked].tolist(), scores.astype(str).tolist()
    for row, (example_id, label) in enumerate(zip(predictions.ids[block], labels, strict=True)):
        known = (values[row] for values in facts)
        yield [example_id, label, best[row][0], scores[row][0], *best[row], *scores[row], *known]


def read_predictions(path: str | os.PathLike, class_names: Sequence[str] | None = None) -> RankedPredictions:
    """Reads what `write_predictions` wrote.

    Args:
        path: `predictions.csv`.
        class_names: The class names in their order (`labels.txt`); None: the names in the file, sorted.

    Raises:
        MissingDataError: There is no such file.
        BadDataError: It is damaged, is no `predictions.csv`, or has a class that is not in `class_names`.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingDataError(f"There is no {path}; evaluating a run writes it.")
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            reader = csv.reader(stream)
            header = next(reader, [])
            k = sum(column.startswith("label_") and bool(_RANKED_COLUMN.fullmatch(column)) for column in header)
            width = len(_columns(k))
            if k < 1 or header[:width] != _columns(k):
                raise BadDataError(f"{path} does not begin with the columns of a predictions.csv.")
            blocks = list(_read_blocks(path, reader, len(header), k))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadDataError(f"{path} is damaged: {error}.") from error
    if not blocks:
        raise BadDataError(f"{path} holds no prediction.")
    ids, names, scores, facts = zip(*blocks, strict=True)
    names = np.concatenate(names)
    if class_names is None:
        class_names = sorted(set(names.flat))
    indices = {name: index for index, name in enumerate(class_names)}
    unknown = set(names.flat) - set(indices)
    if unknown:
        raise BadDataError(f"{path} has the class {min(unknown)!r}, which is not one of the {len(indices)} given.")
    labels = np.array([indices[name] for name in names.flat], np.int64).reshape(names.shape)
    return RankedPredictions(
        ids=list(itertools.chain(*ids)),
        labels=labels[:, 0],
        ranked=labels[:, 1:],
        scores=np.concatenate(scores),
        class_names=list(class_names),
        facts={name: list(itertools.chain(*(block[i] for block in facts))) for i, name in enumerate(header[width:])},
    )


def _read_blocks(
    path: Path, reader: Iterator[list[str]], width: int, k: int
) -> Iterator[tuple[list[str], np.ndarray, np.ndarray, list[list[str]]]]:
    """Yields ids, names [n, 1 + k] (the true one first), scores [n, k] and the columns of facts."""
    names_seen: dict[str, str] = {}
    first = 2  # the header is row 1
    while rows := list(itertools.islice(reader, _BLOCK_ROWS)):
        for number, row in enumerate(rows, start=first):
            if len(row) != width:
                raise BadDataError(f"Row {number} of {path} has {len(row)} values, not {width}; it is damaged.")
        named = [[names_seen.setdefault(name, name) for name in (row[1], *row[4 : 4 + k])] for row in rows]
        try:
            scores = np.array([[float(score) for score in row[4 + k : 4 + 2 * k]] for row in rows], np.float32)
        except ValueError as error:
            raise BadDataError(f"A score in rows {first} to {first + len(rows) - 1} of {path} is no number.") from error
        facts = [[row[column] for row in rows] for column in range(4 + 2 * k, width)]
        first += len(rows)
        yield [row[0] for row in rows], np.array(named, dtype=object), scores, facts
