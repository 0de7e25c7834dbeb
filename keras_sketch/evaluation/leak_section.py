"""The report's parts about the split: what siblings in training are worth, and classes that cannot be learnt."""

from __future__ import annotations

from collections.abc import Mapping

from keras_sketch.evaluation.markdown import escape, percent, percent_range, points, points_range, table

_WIDE = 0.2  # of an interval: the difference is then known roughly at best


def untrained_section(scores: Mapping, shown: Mapping[str, str]) -> str:
    """Returns the part "Classes that cannot be learnt"; nothing where every tested class has a training example.

    Args:
        scores: With `untrained` where there are such classes.
        shown: By the class's name in the scores the one to show.
    """
    found = scores.get("untrained")
    if not found:
        return ""
    names, count = ", ".join(escape(shown[name]) for name in found["classes"]), len(found["classes"])
    lines = [
        "## Classes that cannot be learnt",
        f"{count} {'class has' if count == 1 else 'classes have'} {found['num_examples']:,} test examples and not one "
        f"in training: {names}. The scores above include them.",
    ]
    if others := found.get("others"):
        lines.append(
            f"Top-1 on the other {others['num_examples']:,} test examples: {percent(others['top1'])} (95 % interval "
            f"{percent_range(others['interval'])})."
        )
    return "\n\n".join(lines)


def sibling_section(scores: Mapping) -> str:
    """Returns the part "What the leak is worth"; nothing where no test example has a sibling in training."""
    found = scores.get("siblings")
    if not found:
        return ""
    names = {"with": "with a sibling in training", "without": "without"}
    rows = [
        [
            names[key],
            f"{found[key]['num_examples']:,}",
            f"{found[key]['num_groups']:,}",
            percent(found[key]["top1"]),
            percent_range(found[key]["interval"]),
        ]
        for key in names
        if key in found
    ]
    lines = [
        "## What the leak is worth",
        table(["test examples", "number", "groups", "top-1", "95 % interval"], rows),
    ]
    if "without" in found:
        lines.append(
            f"Those with a sibling have {points(found['difference'])} points ({points_range(found['interval'])}; "
            f"{unpaired()}).{wide(found['interval'])} Which examples have no sibling is chance, but they can be of "
            "other classes."
        )
    else:
        lines.append("All test examples have a sibling in training, so this run alone does not say what that is worth.")
    lines.append(
        "`keras-sketch report` with this run and one on a split that keeps siblings together measures it on whole test "
        "splits."
    )
    return "\n\n".join(lines)


def unpaired() -> str:
    """Returns how the interval of a difference between two sets of test examples is made."""
    return "95 %, Newcombe 1998, from the intervals of the two figures, which allow for siblings"


def wide(interval: tuple[float, float]) -> str:
    """Returns a sentence where an interval is wider than 20 points; else nothing."""
    low, high = interval
    if high - low <= _WIDE:
        return ""
    what = "its size, and whether there is any," if low <= 0 <= high else "its size"
    return f" The interval is {100 * (high - low):.0f} points wide: so few test groups leave {what} open."
