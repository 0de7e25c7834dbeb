"""Drawings to pixels: QuickDraw's ndjson, simplification, rasterization, and drawings made up by a program.

A *drawing* is a list of strokes. A stroke is a pair `(xs, ys)`, or a triple `(xs, ys, ts)` as in QuickDraw's raw files
(the times are ignored where only the shape counts). The names below are imported when they are first used.
"""

from __future__ import annotations

import importlib

_HOME = {
    "Drawing": "ndjson",
    "parse_line": "ndjson",
    "parse_ndjson": "ndjson",
    "simplify": "simplification",
    "rasterize": "rasterization",
    "encode_strokes": "encoding",
    "doodle_classes": "doodles",
    "draw_doodle": "doodles",
}

__all__ = sorted(_HOME)


def __getattr__(name: str):
    """Imports the module of a public name on its first use."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Lists the public names beside what is loaded already."""
    return sorted(set(globals()) | set(__all__))
