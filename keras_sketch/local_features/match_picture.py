"""Two images side by side, with lines between what is the same in both."""

from __future__ import annotations

import os

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.files import atomic_write
from keras_sketch.local_features.features import LocalFeatures
from keras_sketch.local_features.matching import Matches

_INLIER, _OUTLIER = "#009E73", "#D55E00"  # Okabe and Ito's green and vermilion
_DPI = 120
_HEIGHT = 512  # pixels of the higher image
_GAP = 12
_FEW = 40


def draw_matches(
    path: str | os.PathLike[str],
    images: tuple[np.ndarray, np.ndarray],
    features: tuple[LocalFeatures, LocalFeatures],
    matches: Matches,
    names: tuple[str, str] = ("", ""),
) -> None:
    """Draws two images and lines between their matches: strong ones for the inliers, faint ones for the others.

    Args:
        path: The PNG; replaced in one step.
        images: Each uint8 `[H, W, 1 or 3]`, in whose pixels the features' locations are.
        features: Of each image.
        matches: Between them, the first image's first.
        names: What stands above each image.

    Raises:
        InvalidArgumentError: These are no such images.
        OSError: The file cannot be written.
    """
    for image in images:
        if image.ndim != 3 or image.shape[2] not in (1, 3) or not image.size:
            raise InvalidArgumentError("images", "each [H, W, 1 or 3]", image.shape)
    scale = _HEIGHT / max(image.shape[0] for image in images)
    widths = [scale * image.shape[1] for image in images]
    shifts = (0.0, widths[0] + _GAP)
    figure, axes = _page(sum(widths) + _GAP, _HEIGHT)
    for image, width, shift, name in zip(images, widths, shifts, names, strict=True):
        height = scale * image.shape[0]
        shown = image if image.shape[2] == 3 else np.repeat(image, 3, axis=2)
        axes.imshow(shown, extent=(shift, shift + width, height, 0), interpolation="antialiased", aspect="auto")
        axes.text(shift + width / 2, -6, _one_line(name), ha="center", va="bottom", fontsize=9)
    ends = [
        # A pixel's middle is half a pixel from its edge, where the picture begins.
        (each.locations[matches.pairs[:, place]] + 0.5) * scale + (shifts[place], 0.0)
        for place, each in enumerate(features)
    ]
    lines = np.stack(ends, axis=1)
    # Many lines would hide what they lead to.
    strength = min(1.0, (_FEW / max(1, matches.num_inliers)) ** 0.5)
    for chosen, colour, alpha in ((~matches.inliers, _OUTLIER, 0.35), (matches.inliers, _INLIER, 0.9 * strength)):
        axes.add_collection(LineCollection(lines[chosen], colors=colour, alpha=alpha, linewidths=0.6 + 0.6 * strength))
        for end in lines[chosen].transpose(1, 0, 2):
            axes.scatter(*end.T, s=9, color=colour, alpha=min(1.0, 1.5 * alpha), linewidths=0)
    counts = f"{matches.num_inliers} of {len(matches.pairs)} matches agree on one transform"
    axes.set_title(counts if len(matches.pairs) else "No matches", fontsize=11, pad=22)
    with atomic_write(path, "wb") as stream:
        figure.savefig(stream, format="png", metadata={"Software": None})


def _page(width: float, height: float) -> tuple[Figure, object]:
    """Returns axes of so many pixels, y downwards, with room for a title above."""
    margin, title = 12, 60
    full = (max(width, 420) + 2 * margin, height + title + margin)
    figure = Figure(figsize=(full[0] / _DPI, full[1] / _DPI), dpi=_DPI)
    FigureCanvasAgg(figure)
    left = (full[0] - width) / 2
    axes = figure.add_axes((left / full[0], margin / full[1], width / full[0], height / full[1]))
    axes.set_axis_off()
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    return figure, axes


def _one_line(name: str, limit: int = 40) -> str:
    name = " ".join(name.split())
    if len(name) > limit:
        name = "…" + name[1 - limit :].lstrip()
    return name.replace("$", r"\$")
