"""Does a heat map show what counts? The image is rubbed out, and drawn again, in the map's order."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import cv2
import keras
import numpy as np
import tensorflow as tf
from scipy import stats
from tqdm import tqdm

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.explain.forward import (
    CHUNK,
    chosen_or_predicted,
    class_probabilities,
    compiled,
    in_chunks,
    logits_of,
)
from keras_sketch.explain.inputs import as_batch, as_classes
from keras_sketch.explain.paper import paper_colour

_CELLS = 7
"""Side of the random maps before they are enlarged: what the last layer of most networks has at 224 pixels."""

_RESAMPLES = 2000


@dataclasses.dataclass(frozen=True)
class Faithfulness:
    """Class probabilities while images are drawn, and rubbed out, in the order of their heat maps.

    Attributes:
        insertion: float32 `[N, steps + 1]`, from the empty paper to the whole image, the hottest ink first.
        deletion: float32 `[N, steps + 1]`, from the whole image to the empty paper, the hottest ink first.
    """

    insertion: np.ndarray
    deletion: np.ndarray

    @property
    def scores(self) -> np.ndarray:
        """The area under `insertion` less that under `deletion`, `[N]` in -1..1.

        What a random order leaves after a part was rubbed out is distributed as what it has drawn when the rest is
        still missing, so that random maps have 0 on average, and a map turned upside down has the negative score.
        """
        return _areas(self.insertion) - _areas(self.deletion)

    def figures(self) -> dict[str, float | None]:
        """Sums up the images.

        Returns:
            `insertion` (more is better) and `deletion` (less is better), the mean areas, in 0..1; `score`, their
            difference; `low` and `high`, the ends of its 95 % bootstrap interval over the images (None for one image).
        """
        scores = self.scores
        low = high = None
        if len(scores) > 1:
            low, high = stats.bootstrap(
                (scores,), np.mean, n_resamples=_RESAMPLES, method="percentile", rng=np.random.default_rng(0)
            ).confidence_interval
        areas = {"insertion": _areas(self.insertion), "deletion": _areas(self.deletion), "score": scores}
        figures = {name: float(values.mean()) for name, values in areas.items()}
        return {**figures, "low": low if low is None else float(low), "high": high if high is None else float(high)}


def faithfulness(
    model: keras.Model,
    images: np.ndarray,
    heat: np.ndarray,
    class_index: int | Sequence[int] | None = None,
    steps: int = 20,
    activation: str = "softmax",
) -> Faithfulness:
    """Measures heat maps by insertion and deletion (Petsiuk et al., RISE, BMVC 2018, section 4), as befits drawings.

    - Removed means rubbed out: a pixel becomes the paper (`paper_colour`). On a drawing that is a picture such as the
      network might see, where the paper's black, grey or blurred pixels are not.
    - A step is a share of the *ink*, the sum of the differences from the paper, not of the pixels. Most of a drawing is
      empty, and a map would win by pointing at whatever is not; so it must tell which strokes count. On photographs,
      where nearly every pixel differs from the edge's colour, the two are much the same.
    - Where the heat is equal (a map is 0 in many places) the order is random but smooth, always the same.

    The figures are comparable among maps for the same images and model, not with other implementations. Compare them
    with those of `control_maps`.

    Args:
        model: A classifier as `gradcam` takes it.
        images: uint8 or float `[N, H, W, C]`, pixels in 0..255.
        heat: `[N, H, W]`, only its order matters.
        class_index: The class whose probability is watched, for all images or one for each; None for each image's
            predicted class.
        steps: In so many equal steps the ink is removed; `2 * steps` forward passes an image.
        activation: What makes probabilities of the logits: `"softmax"`, or `"sigmoid"` of each by itself.

    Returns:
        The curves; `figures()` sums them up.

    Raises:
        InvalidArgumentError: As `gradcam`, or heat maps that do not fit the images, or no steps.
    """
    images, heat = as_batch(model, images), np.asarray(heat)
    if heat.shape != images.shape[:3]:
        raise InvalidArgumentError("heat", f"of shape {list(images.shape[:3])}, as the images", heat.shape)
    if steps < 1:
        raise InvalidArgumentError("steps", "at least 1", steps)
    classes = _known_classes(model, images, as_classes(model, class_index, len(images)))
    probabilities = np.empty([len(images), 2, steps + 1], np.float32)
    with tqdm(total=2 * steps * len(images), desc="Faithfulness", delay=2, disable=None, leave=False) as progress:
        for place, ranks in enumerate(_ink_ranks(images, heat)):
            probabilities[place] = _curves(model, images[place], ranks, classes[place], steps, activation)
            progress.update(2 * steps)
    return Faithfulness(*np.moveaxis(probabilities, 1, 0))


def control_maps(images: np.ndarray, seed: int = 0) -> dict[str, np.ndarray]:
    """Makes heat maps that know nothing of the network, which others should beat.

    Args:
        images: `[N, H, W, C]`.
        seed: Of the random maps.

    Returns:
        float32 `[N, H, W]` in 0..1 each: `random`, noise as smooth as a heat map, another one for each image;
        `centre`, hottest in the middle, where most drawings are.
    """
    count, height, width = np.shape(images)[:3]
    noise = _smooth_noise([seed, 1], count, height, width)
    low, high = noise.min(axis=(1, 2), keepdims=True), noise.max(axis=(1, 2), keepdims=True)
    rows, columns = np.linspace(-1, 1, height), np.linspace(-1, 1, width)
    distance = np.hypot(rows[:, None], columns) / np.sqrt(2)
    centre = np.broadcast_to((1 - distance).astype(np.float32), [count, height, width])
    return {"random": (noise - low) / (high - low), "centre": centre}


def _known_classes(model, images, classes) -> np.ndarray:
    def chosen(pixels, classes):
        return chosen_or_predicted(logits_of(model, pixels), classes)

    function = compiled(model, ("chosen",), chosen, [None, *images.shape[1:]], [None])
    return in_chunks(function, images, classes).astype(np.int32)


def _ink_ranks(images: np.ndarray, heat: np.ndarray):
    """Gives for each image the share of its ink that is hotter than each pixel, float32 `[H, W]` in 0..1.

    A pixel counts half to itself, so that a map turned upside down has one minus these ranks.
    """
    papers = paper_colour(images)
    for place, (image, paper, hot) in enumerate(zip(images, papers, heat, strict=True)):
        ink = np.abs(image.astype(np.float64) - paper).sum(axis=-1).ravel()
        ties = _smooth_noise([0, 0, place], 1, *hot.shape)
        order = np.lexsort((ties.ravel(), -hot.ravel()))
        hotter = np.empty(len(order))
        hotter[order] = np.cumsum(ink[order]) - ink[order] / 2
        yield (hotter / max(ink.sum(), 1e-9)).reshape(hot.shape).astype(np.float32)


def _curves(model, image, ranks, chosen, steps, activation) -> np.ndarray:
    """Gives the class's probability on the way of insertion and of deletion, float32 `[2, steps + 1]`."""
    shape = list(image.shape)

    def scores(pixels, paper, ranks, kept_below, kept_from, classes):
        kept = (ranks < kept_below) & (ranks >= kept_from)
        return class_probabilities(model, tf.where(kept[..., None], pixels, paper), classes, activation)

    column = [None, 1, 1]
    shapes = (shape, [1, 1, shape[-1]], shape[:2], column, column, [None])
    function = compiled(model, ("rubbed out", activation), scores, *shapes)
    shares = np.linspace(0, 1, steps + 1)[1:-1]
    # The whole image, the empty paper, and what lies between on both ways.
    below = np.concatenate([[2, 0], shares, np.full(len(shares), 2)]).astype(np.float32)[:, None, None]
    above = np.concatenate([[0, 0], np.zeros(len(shares)), shares]).astype(np.float32)[:, None, None]
    pixels, paper = np.float32(image), paper_colour(image[None])[0]
    parts = []
    for start in range(0, len(below), CHUNK):
        part = slice(start, start + CHUNK)
        classes = np.full(len(below[part]), chosen, np.int32)
        parts.append(function(*map(tf.constant, (pixels, paper, ranks, below[part], above[part], classes))).numpy())
    whole, empty, *between = np.concatenate(parts)
    drawn, rubbed = np.split(np.array(between, np.float32), 2)
    return np.stack([[empty, *drawn, whole], [whole, *rubbed, empty]])


def _areas(curves: np.ndarray) -> np.ndarray:
    return np.trapezoid(curves, dx=1 / (curves.shape[1] - 1), axis=1)


def _smooth_noise(seed: list[int], count: int, height: int, width: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(count, _CELLS, _CELLS)).astype(np.float32)
    enlarged = [cv2.resize(each, (width, height), interpolation=cv2.INTER_CUBIC) for each in noise]
    return np.stack(enlarged) if enlarged else np.zeros([0, height, width], np.float32)
