"""The report's part about the data: what it is, how it was split, how evenly, and what leaks."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from keras_sketch.evaluation.markdown import code, escape, percent, table


@dataclasses.dataclass(frozen=True)
class DataSummary:
    """What the run was trained and tested on; of an evaluation elsewhere, the test split alone.

    Attributes:
        dataset: Its name, with the config if it has several.
        splits: Number of examples of each split.
        provenance: Where the data comes from: source, version, licence.
        split_scheme: How the splits were made.
        class_counts: For each split the number of examples of each class, K integers; splits may be missing.
        bad_examples: How many examples could not be used.
        manifest: The file that names them.
        leaked: For each split how many of its examples have a sibling, an example of the same group, in training; of
            an evaluation elsewhere also those that are in training themselves. None: not known.
        left_out: How many examples of the source were left out by choice, by reason.
    """

    dataset: str
    splits: Mapping[str, int]
    provenance: str = ""
    split_scheme: str = ""
    class_counts: Mapping[str, Sequence[int]] = dataclasses.field(default_factory=dict)
    bad_examples: int = 0
    manifest: str = ""
    leaked: Mapping[str, int] | None = None
    left_out: Mapping[str, int] = dataclasses.field(default_factory=dict)


def data_section(data: DataSummary, class_names: Sequence[str]) -> str:
    """Returns the part "Data"."""
    header = ["split", "examples", "smallest class", "median class", "largest class"]
    rows = []
    for split, count in data.splits.items():
        spread = _spread(np.asarray(data.class_counts.get(split, ())), class_names)
        rows.append([escape(split), f"{count:,}", *spread])
    lines = ["## Data", f"Dataset: {escape(data.dataset)}.", table(header, rows), _balance(data)]
    for label, text in (("Splits", data.split_scheme), ("Source", data.provenance)):
        if text:
            lines.append(f"{label}: {escape(text).rstrip('.')}.")
    said = _leak if "train" in data.splits else _trained_on
    lines += [
        said(split, count, data.splits[split]) for split, count in (data.leaked or {}).items() if split != "train"
    ]
    if data.left_out:
        reasons = ", ".join(f"{count:,} {escape(reason)}" for reason, count in data.left_out.items())
        lines.append(f"Left out by choice: {reasons}.")
    named = f", named with the reason in {code(data.manifest)}" if data.manifest else ""
    lines.append(f"Examples that could not be used: {data.bad_examples:,}{named if data.bad_examples else ''}.")
    return "\n\n".join(line for line in lines if line)


def _spread(counts: np.ndarray, class_names: Sequence[str]) -> list[str]:
    """Returns the smallest, median and largest class; the ends with a name, unless all are of one size.

    Where most classes have no example, as when a network knows more classes than a test set has, those that do count.
    """
    if not len(counts):
        return [""] * 3
    if 2 * np.count_nonzero(counts) < len(counts):
        class_names = [name for name, count in zip(class_names, counts, strict=True) if count]
        counts = counts[counts > 0]
    if counts.min() == counts.max():
        return [f"{counts[0]:,}"] * 3
    smallest, largest = (f"{counts[i]:,} ({escape(class_names[i])})" for i in (counts.argmin(), counts.argmax()))
    return [smallest, f"{np.median(counts):,.0f}", largest]


def _balance(data: DataSummary) -> str:
    counts = np.asarray(data.class_counts.get("train", ()))
    if not len(counts) or counts.min() == counts.max():
        return "In training all classes have equally many examples." if len(counts) else ""
    if not counts.min():
        without = int((counts == 0).sum())
        have = "has" if without == 1 else "have"
        return f"{without:,} of {len(counts):,} classes {have} no example in training."
    return f"In training the largest class has {counts.max() / counts.min():.1f} times the examples of the smallest."


def _leak(split: str, leaked: int, total: int) -> str:
    if not leaked:
        return f"No {escape(split)} example has a sibling of the same group in training."
    have, they = ("has", "it is") if leaked == 1 else ("have", "they are")
    return (
        f"{leaked:,} of {total:,} {escape(split)} examples ({percent(leaked / total)}) {have} a sibling of the same "
        f"group in training, so that {they} easier than examples of a new group."
    )


def _trained_on(split: str, leaked: int, total: int) -> str:
    """Returns what `_leak` does, of a split that was drawn anew: its examples can be in training themselves."""
    if not leaked:
        return f"No {escape(split)} example, nor a sibling of one, was trained on."
    was, have = ("was", "has") if leaked == 1 else ("were", "have")
    return (
        f"{leaked:,} of {total:,} {escape(split)} examples ({percent(leaked / total)}) {was} trained on, or {have} "
        "siblings of the same group that were, so that the figures are too good."
    )
