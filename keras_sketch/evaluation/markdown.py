"""Markdown as GitHub renders it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$])")


def escape(text: object) -> str:
    """Returns text that shows as it is, on one line, also in a table."""
    return _SPECIAL.sub(r"\\\1", " ".join(str(text).split()))


def percent(share: float) -> str:
    """Returns a share in 0..1 as a percentage with two digits after the point."""
    return f"{100 * share:.2f} %"


def percent_range(interval: Sequence[float]) -> str:
    """Returns the ends of an interval of shares, in percent."""
    low, high = interval
    return f"{100 * low:.1f} to {100 * high:.1f}"


def points(difference: float) -> str:
    """Returns a difference of shares in percentage points, with its sign."""
    return f"{100 * difference:+.2f}".replace("-", "−")


def points_range(interval: Sequence[float]) -> str:
    """Returns the ends of an interval of such a difference."""
    low, high = interval
    return f"{100 * low:+.1f} to {100 * high:+.1f}".replace("-", "−")


def table(header: Sequence[str], rows: Iterable[Sequence[str]], numbers_from: int = 1) -> str:
    """Returns a table.

    Args:
        header: The column titles.
        rows: Cells that are Markdown already (see `escape`).
        numbers_from: The first column that is aligned to the right, as numbers are.
    """
    rule = ["---" if column < numbers_from else "---:" for column in range(len(header))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, rule, *rows))


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]], numbers_from: int = 1) -> str:
    """Returns a table of plain text with columns of even width, for a terminal.

    Args:
        header: The column titles.
        rows: Cells of plain text.
        numbers_from: The first column that is aligned to the right, as numbers are.
    """
    widths = [max(map(len, cells)) for cells in zip(header, *rows, strict=True)]
    rule = ["-" * width for width in widths]
    return "\n".join(
        "| "
        + " | ".join(
            cell.rjust(width) if column >= numbers_from else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        + " |"
        for cells in (header, rule, *rows)
    )


def details(summary: str, body: str) -> str:
    """Returns a part that opens on a click."""
    return f"<details>\n<summary>{summary}</summary>\n\n{body}\n\n</details>"


def code(text: object) -> str:
    """Returns text as code, also in a table and when it holds backticks."""
    text = " ".join(str(text).split()).replace("|", r"\|")
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {text} {fence}" if longest else f"`{text}`"
