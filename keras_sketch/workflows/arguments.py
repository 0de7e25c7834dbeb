"""How the arguments of a command are read."""

from __future__ import annotations

from collections.abc import Sequence


def split_names(names: str | Sequence[str]) -> tuple[str, ...]:
    """Splits each string at its commas: `"cat,dog"`, `("cat,dog",)` and `("cat", "dog")` are the same."""
    names = [names] if isinstance(names, str) else names
    return tuple(name.strip() for each in names for name in each.split(",") if name.strip())
