"""What is left where a part of a drawing is rubbed out."""

from __future__ import annotations

import numpy as np


def paper_colour(images: np.ndarray) -> np.ndarray:
    """Finds each image's paper: the median of its outermost pixels, channel by channel.

    On a drawing that is the colour of the paper, light or dark. A photograph has no paper; there it is the colour that
    the picture has at its edge.

    Args:
        images: uint8 or float `[N, H, W, C]`, pixels in 0..255.

    Returns:
        float32 `[N, 1, 1, C]`.
    """
    edge = np.ones(images.shape[1:3], bool)
    edge[1:-1, 1:-1] = False
    return np.median(images[:, edge], axis=1).astype(np.float32)[:, None, None, :]
