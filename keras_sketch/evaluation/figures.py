"""What all pictures share: colours, text, size, and how they reach the disk."""

from __future__ import annotations

import os

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from keras_sketch.files import atomic_write

# Okabe and Ito's colours, told apart with every common kind of colour blindness (https://jfly.uni-koeln.de/color/).
BLUE, ORANGE, GREEN, VERMILION, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#666666"
DPI = 120


def new_figure(width: float, height: float, layout: str | None = "constrained") -> Figure:
    """Returns an empty figure that depends on no global state of Matplotlib.

    Args:
        width: Inches; a picture has 120 pixels an inch.
        height: Inches.
        layout: Matplotlib's layout engine; None: axes are placed by hand.
    """
    figure = Figure(figsize=(width, height), dpi=DPI, layout=layout)
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: str | os.PathLike) -> None:
    """Writes a figure as PNG in one step, the same bytes for the same figure.

    Raises:
        OSError: The file cannot be written.
    """
    with atomic_write(path, "wb") as stream:
        figure.savefig(stream, format="png", metadata={"Software": None})


def display_name(name: str, limit: int = 24) -> str:
    """Returns a name for a picture: on one line, at most `limit` characters, `$` not taken for a formula."""
    name = " ".join(name.split())
    if len(name) > limit:
        name = name[: limit - 1].rstrip() + "…"
    return name.replace("$", r"\$")


def largest_in_blocks(shares: np.ndarray, pixels: int) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """Returns a square matrix so that no cell falls between two pixels, and its extent.

    Args:
        shares: Floats [K, K].
        pixels: How many there are across; of more classes the largest values of blocks are shown.
    """
    size = len(shares)
    side = -(-size // pixels)
    blocks = -(-size // side)
    padded = np.zeros((blocks * side, blocks * side))
    padded[:size, :size] = shares
    return padded.reshape(blocks, side, blocks, side).max(axis=(1, 3)), (0, blocks * side, blocks * side, 0)
