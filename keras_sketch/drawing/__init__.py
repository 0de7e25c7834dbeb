"""Drawings to pixels: QuickDraw's ndjson, simplification, rasterization, and drawings made up by a program.

A *drawing* is a list of strokes. A stroke is a pair `(xs, ys)`, or a triple `(xs, ys, ts)` as in QuickDraw's raw files
(the times are ignored where only the shape counts).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "doodles": ["doodle_classes", "draw_doodle"],
        "encoding": ["encode_strokes"],
        "ndjson": ["Drawing", "parse_line", "parse_ndjson"],
        "rasterization": ["rasterize"],
        "simplification": ["simplify"],
    },
)
