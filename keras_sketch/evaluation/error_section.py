"""The report's parts about errors: the most frequent wrong answers, WordNet's branches, sparse drawings."""

from __future__ import annotations

from collections.abc import Mapping

from keras_sketch.evaluation.ink import INK_CONTRAST
from keras_sketch.evaluation.markdown import escape, percent, percent_range, table

BRANCH = "the WordNet branch of the true class, such as an animal for an animal"
DEALT = "if the same wrong answers were dealt out at random among the errors"
INK = (
    f"Ink is the share of pixels that differ from the paper, the picture's median colour, by more than {INK_CONTRAST} "
    "of 255, at the size that the network takes."
)


def wrong_answer_section(scores: Mapping, shown: Mapping[str, str]) -> str:
    """Returns the part "Wrong answers"; nothing where there is no error, or they were not counted.

    Args:
        scores: With `wrong_answers`, and `same_branch` where the classes are WordNet's.
        shown: By the class's name in the scores the one to show.
    """
    answers = scores.get("wrong_answers")
    if not answers:
        return ""
    rows = [
        [escape(shown[row["class"]]), f"{row['count']:,}", percent(row["share"]), f"{row['true_classes']:,}"]
        for row in answers
    ]
    header = ["answer", "errors", "of all errors", "true classes"]
    lines = ["## Wrong answers", "The most frequent ones.", table(header, rows)]
    if branch := scores.get("same_branch"):
        lines.append(
            f"Of {branch['num_errors']:,} errors {percent(branch['share'])} (95 % interval "
            f"{percent_range(branch['interval'])}) stay in {BRANCH}. It would be {percent(branch['chance'])} {DEALT}."
        )
    return "\n\n".join(lines)


def ink_section(scores: Mapping) -> str:
    """Returns the part "Accuracy by ink"; nothing where all drawings have equally much, or of photos."""
    quarters = scores.get("ink") or []
    if len(quarters) < 2:
        return ""
    rows = [
        [
            f"{percent(row['low'])} to {percent(row['high'])}",
            f"{row['num_examples']:,}",
            percent(row["top1"]),
            percent_range(row["interval"]),
        ]
        for row in quarters
    ]
    header = ["ink", "test examples", "top-1", "95 % interval"]
    return "\n\n".join(["## Accuracy by ink", table(header, rows), f"Quarters of the examples. {INK}"])
