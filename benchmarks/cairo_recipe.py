"""Google's own way to draw QuickDraw's bitmaps, copied from where it was published: what our code is compared to."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def google_recipe() -> Callable[..., list[np.ndarray]] | None:
    """Returns Google's `vector_to_raster` as published, `None` without cairo.

    From https://github.com/googlecreativelab/quickdraw-dataset/issues/19; it shares nothing with `keras_sketch`.
    """
    try:
        import cairocffi as cairo
    except (ImportError, OSError):
        return None

    def vector_to_raster(vector_images, side=28, line_diameter=16, padding=16):
        surface = cairo.ImageSurface(cairo.FORMAT_ARGB32, side, side)
        ctx = cairo.Context(surface)
        ctx.set_antialias(cairo.ANTIALIAS_BEST)
        ctx.set_line_cap(cairo.LINE_CAP_ROUND)
        ctx.set_line_join(cairo.LINE_JOIN_ROUND)
        ctx.set_line_width(line_diameter)
        total_padding = padding * 2.0 + line_diameter
        new_scale = float(side) / float(256 + total_padding)
        ctx.scale(new_scale, new_scale)
        ctx.translate(total_padding / 2.0, total_padding / 2.0)
        raster_images = []
        for vector_image in vector_images:
            ctx.set_source_rgb(0, 0, 0)
            ctx.paint()
            bbox = np.hstack(vector_image).max(axis=1)
            offset = ((256, 256) - bbox) / 2.0
            offset = offset.reshape(-1, 1)
            centered = [stroke + offset for stroke in vector_image]
            ctx.set_source_rgb(1, 1, 1)
            for xv, yv in centered:
                ctx.move_to(xv[0], yv[0])
                for x, y in zip(xv, yv, strict=True):
                    ctx.line_to(x, y)
                ctx.stroke()
            data = surface.get_data()
            raster_images.append(np.copy(np.asarray(data)[::4]))
        return raster_images

    return vector_to_raster
