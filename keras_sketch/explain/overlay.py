"""Heat maps laid over the images that they explain, and a picture of several."""

from __future__ import annotations

import math
import os
import textwrap
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.files import atomic_write

COLOUR_MAP = "plasma"
"""Perceptually uniform, readable with colour-vision deficiency, and nowhere near black or white, as drawings are."""

_PANEL_PIXELS = 192
"""Smaller images are enlarged to about this side in the picture."""


def overlay(images: np.ndarray, heat: np.ndarray, alpha: float = 0.6, scale: int = 1) -> np.ndarray:
    """Lays heat maps over images: the stronger the heat, the less of the image shows.

    Args:
        images: uint8 or float `[N, H, W, C]`, pixels in 0..255; C is 1 or 3.
        heat: float `[N, H, W]` in 0..1, as `gradcam` gives it.
        alpha: Opacity where the heat is 1, in 0..1. Cold places stay as they are.
        scale: Whole number by which small drawings are enlarged: their pixels stay sharp squares, the heat smooth.

    Returns:
        uint8 RGB `[N, H * scale, W * scale, 3]`.

    Raises:
        InvalidArgumentError: Shapes that do not belong together, or `alpha` or `scale` out of range.
    """
    images, heat = np.asarray(images), np.asarray(heat, np.float32)
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise InvalidArgumentError("images", "of shape [N, H, W, 1 or 3]", images.shape)
    if heat.shape != images.shape[:3]:
        raise InvalidArgumentError("heat", f"of shape {list(images.shape[:3])}, as the images", heat.shape)
    if not 0 <= alpha <= 1:
        raise InvalidArgumentError("alpha", "in 0..1", alpha)
    if scale != int(scale) or scale < 1:
        raise InvalidArgumentError("scale", "a positive whole number", scale)
    pixels = _enlarged(images, scale).astype(np.float32)
    heat = np.clip(_smoothly_enlarged(heat, scale), 0, 1)
    colours = 255 * matplotlib.colormaps[COLOUR_MAP](heat)[..., :3]
    opacity = alpha * heat[..., None]
    return np.round(np.clip((1 - opacity) * pixels + opacity * colours, 0, 255)).astype(np.uint8)


def write_gradcam_grid(
    path: str | os.PathLike[str], images: np.ndarray, heat: np.ndarray, titles: Sequence[str]
) -> None:
    """Writes a PNG with every image beside its overlay, and a colour bar.

    Args:
        path: The file to create or replace.
        images: uint8 or float `[N, H, W, C]`, pixels in 0..255; C is 1 or 3; N at least 1.
        heat: float `[N, H, W]` in 0..1, as `gradcam` gives it.
        titles: N texts, such as `"cat -> dog (0.87)"`; long ones are wrapped.

    Raises:
        InvalidArgumentError: No images, or another number of titles.
        OSError: The file cannot be written.
    """
    originals, (overlays,) = _panels(images, [heat], titles)
    gap = np.full((*overlays.shape[:2], max(2, overlays.shape[2] // 40), 3), 210, np.uint8)
    pairs = np.concatenate([originals, gap, overlays], axis=2)
    columns = min(4, math.ceil(math.sqrt(len(pairs))))
    _write(path, pairs, [textwrap.fill(title, 34) for title in titles], columns, panel_inches=4)


def write_method_grid(
    path: str | os.PathLike[str], images: np.ndarray, heat: Mapping[str, np.ndarray], titles: Sequence[str]
) -> None:
    """Writes a PNG with a row for every image, which holds it and its overlay by each method, and a colour bar.

    Args:
        path: The file to create or replace.
        images: uint8 or float `[N, H, W, C]`, pixels in 0..255; C is 1 or 3; N at least 1.
        heat: For each method float `[N, H, W]` in 0..1, as `gradcam` gives it.
        titles: N texts; long ones are wrapped.

    Raises:
        InvalidArgumentError: No images, or another number of titles.
        OSError: The file cannot be written.
    """
    originals, overlays = _panels(images, list(heat.values()), titles)
    panels = np.stack([originals, *overlays], axis=1).reshape(-1, *originals.shape[1:])
    texts = [text for title in titles for text in (textwrap.fill(title, 24), *heat)]
    _write(path, panels, texts, 1 + len(heat), panel_inches=2.2)


def _panels(images, heats, titles):
    """Gives the images and their overlays, enlarged where they are small, as uint8 RGB."""
    images = np.asarray(images)
    if not len(images):
        raise InvalidArgumentError("images", "at least one image", images.shape)
    if len(titles) != len(images):
        raise InvalidArgumentError("titles", f"one for each of the {len(images)} images", list(titles))
    scale = max(1, round(_PANEL_PIXELS / max(images.shape[1:3])))
    overlays = [overlay(images, heat, scale=scale) for heat in heats]
    originals = np.broadcast_to(_enlarged(images, scale), overlays[0].shape).clip(0, 255).astype(np.uint8)
    return originals, overlays


def _enlarged(images, scale):
    return images.repeat(scale, axis=1).repeat(scale, axis=2)


def _smoothly_enlarged(heat, scale):
    """Interpolates linearly between the centres of the pixels."""
    for axis in (1, 2):
        size = heat.shape[axis]
        position = np.clip((np.arange(size * scale) + 0.5) / scale - 0.5, 0, size - 1)
        below = np.floor(position).astype(int)
        part = (position - below).reshape([-1 if each == axis else 1 for each in range(3)])
        above = np.minimum(below + 1, size - 1)
        heat = (1 - part) * heat.take(below, axis) + part * heat.take(above, axis)
    return heat


def _write(path, panels, texts, columns, panel_inches) -> None:
    """Writes panels with a text above each, row by row, and a colour bar."""
    rows = math.ceil(len(panels) / columns)
    ratio = panels.shape[1] / panels.shape[2]
    lines = max(text.count("\n") + 1 for text in texts)
    size = panel_inches * columns + 0.9, (panel_inches * ratio + 0.22 * lines + 0.1) * rows + 0.1
    figure = Figure(figsize=size, layout="constrained")
    figure.get_layout_engine().set(h_pad=0.06, w_pad=0.06)
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, panel, text in zip(axes.flat, panels, texts, strict=False):
        axis.imshow(panel, interpolation="none")
        axis.set_title(text, fontsize=11 if panel_inches > 3 else 9, parse_math=False)
    colours = ScalarMappable(cmap=COLOUR_MAP)
    length = {"shrink": min(1, 2 / rows), "anchor": (0, 1)}
    bar = figure.colorbar(
        colours, ax=axes, fraction=0.04, aspect=30 * length["shrink"], pad=0.01, ticks=[0, 1], **length
    )
    bar.ax.set_yticklabels(["none", "most"])
    bar.set_label("evidence", labelpad=-18)
    with atomic_write(path, "wb") as file:
        figure.savefig(file, format="png", dpi=100)
