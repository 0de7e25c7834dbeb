"""Drawings and routes to pixels: QuickDraw's ndjson, GPX, screenshots of maps, and drawings made up by a program.

A *drawing* is a list of strokes. A stroke is a pair `(xs, ys)`, or a triple `(xs, ys, ts)` as in QuickDraw's raw files
(the times are ignored where only the shape counts).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "doodles": ["doodle_classes", "draw_doodle"],
        "encoding": ["encode_strokes"],
        "gpx": ["render_gpx"],
        "ndjson": ["Drawing", "parse_line", "parse_ndjson"],
        "rasterization": ["rasterize"],
        "route_art": ["extract_route"],
        "simplification": ["simplify"],
        "street_routes": ["draw_street_route", "street_route"],
    },
)
