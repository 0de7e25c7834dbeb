"""The layers of DELF (Noh et al. 2017): an image pyramid's maps, keypoints chosen among their cells, and PCA."""

from __future__ import annotations

import math

import keras
import numpy as np
from keras import ops

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.models.antialiasing import resized
from keras_sketch.models.receptive_field import ReceptiveField, receptive_fields

SCALES = (0.25, 0.3536, 0.5, 0.7071, 1.0, 1.4142, 2.0)
"""Of the pyramid, half an octave apart (Noh et al. 2017, section 3.1)."""

THRESHOLD = 0.85
"""The share of the image's median score below which a cell is no keypoint."""

RIM = 2.0
"""Steps between cells to the edge, beyond which convolutions see zeros: there, clear skies of any photos match."""


class FixedLayer(keras.layers.Layer):
    """A layer that never trains, whatever `trainable` is set to, and computes in float32.

    Which cells are chosen has no gradient, and the PCA is that of the features as they are.
    """

    def __init__(self, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs, "trainable": False})

    @property
    def trainable(self) -> bool:
        """False."""
        return False

    @trainable.setter
    def trainable(self, value):
        del value


@keras.saving.register_keras_serializable(package="keras_sketch")
class FeaturePyramid(FixedLayer):
    """Takes images of several sizes through one network; its weights never train.

    Smaller images are antialiased. Cells at the rim score 0. A size under the cells' stride has no cells.

    Input: `[N, H, W, C]`, H and W known where it runs. Output: a list with a dict for each scale:
    `features` `[N, h, w, D]`, `scores` `[N, h, w]`, `locations` `[N, h, w, 2]` (x and y of the middle of what the cell
    sees, in pixels of the given image, the middle of the first one being 0), all float32.

    Args:
        network: From images of any size to features `[N, h, w, D]`, or to these and scores `[N, h, w, 1]`; without
            scores, the length of the features is the score.
        scales: Relative sizes of the images.
        rim: Its width in steps between cells, but at most a sixth of the side.
    """

    def __init__(self, network: keras.Model, scales=SCALES, rim: float = RIM, **kwargs):
        super().__init__(**kwargs)
        self.network, self.scales, self.rim = network, tuple(scales), rim
        self.network.trainable = False
        self.built = True

    def call(self, pixels):
        """Returns the maps of each scale."""
        if None in pixels.shape[1:3]:
            raise InvalidArgumentError("pixels", "images of a size that is known when the network runs", pixels.shape)
        grids = self.grids(*pixels.shape[1:3])
        return [self._level(pixels, size, grid) for size, grid in grids]

    def _level(self, pixels, size: tuple[int, int], grid: tuple[ReceptiveField, ReceptiveField] | None) -> dict:
        count = ops.shape(pixels)[0]
        if grid is None:
            empty = {"features": (count, 0, 0, self.depth), "scores": (count, 0, 0), "locations": (count, 0, 0, 2)}
            return {name: ops.zeros(shape, "float32") for name, shape in empty.items()}
        found = self.network(resized(ops.cast(pixels, "float32"), *size), training=False)
        features, *scores = (ops.cast(each, "float32") for each in (found if isinstance(found, list) else [found]))
        score = scores[0][..., 0] if scores else ops.sqrt(ops.sum(ops.square(features), axis=-1))
        inside = np.outer(*(_inside(field, side, self.rim) for field, side in zip(grid, size, strict=True)))
        score = ops.where(ops.any(features != 0, axis=-1) & inside, score, 0.0)
        places = cell_centres(pixels.shape[1:3], size, grid)
        return {"features": features, "scores": score, "locations": ops.tile(places[None], (count, 1, 1, 1))}

    def grids(self, height: int, width: int) -> list[tuple[tuple[int, int], tuple | None]]:
        """Returns, by scale, the images' size and the fields of the cells down and across; None: left out.

        Raises:
            InvalidArgumentError: The images are too small for every scale.
        """
        found = []
        for scale in self.scales:
            size = tuple(max(1, math.floor(side * scale + 0.5)) for side in (height, width))
            grid = tuple(self._fields(side, axis)[self.layers_read[0]] for axis, side in enumerate(size))
            fits = all(field.cells > 0 and side >= field.stride for side, field in zip(size, grid, strict=True))
            found.append((size, grid if fits else None))
        if not any(grid for _, grid in found):
            raise InvalidArgumentError("image_size", "larger: no scale leaves a cell to this network", (height, width))
        return found

    @property
    def depth(self) -> int:
        """D."""
        return self.network.outputs[0].shape[-1]

    @property
    def layers_read(self) -> tuple[str, ...]:
        """The layer of the network that gives the features, and that of the scores if there is one."""
        made = {id(each.output): each.name for each in self.network.operations}
        return tuple(made[id(tensor)] for tensor in self.network.outputs)

    def _fields(self, side: int, axis: int) -> dict[str, ReceptiveField | None]:
        return receptive_fields(self.network, side, axis)

    def compute_output_spec(self, pixels):
        """Returns the maps' shapes without running the network."""
        count = pixels.shape[0]
        sizes = [(None, None)] * len(self.scales)
        if None not in pixels.shape[1:3]:
            sizes = [tuple(f.cells for f in grid) if grid else (0, 0) for _, grid in self.grids(*pixels.shape[1:3])]
        shapes = {"features": (self.depth,), "scores": (), "locations": (2,)}
        return [
            {name: keras.KerasTensor((count, *size, *last), "float32") for name, last in shapes.items()}
            for size in sizes
        ]

    @property
    def multiplications(self) -> int:
        """About how many an image takes: each weight once a cell of its layer, over all scales."""
        total = 0
        for size, grid in self.grids(*self.input.shape[1:3]):
            down, across = (self._fields(side, axis) if grid else {} for axis, side in enumerate(size))
            for layer in self.network.layers:
                if isinstance(layer, keras.layers.Normalization) or not down.get(layer.name):
                    continue
                weights = sum(math.prod(weight.shape) for weight in layer.weights)
                total += weights * down[layer.name].cells * across[layer.name].cells
        return total

    def get_config(self):
        """Returns the arguments."""
        network = keras.saving.serialize_keras_object(self.network)
        return {**super().get_config(), "network": network, "scales": list(self.scales), "rim": self.rim}

    @classmethod
    def from_config(cls, config):
        """Builds the network anew, without its weights."""
        return cls(**{**config, "network": keras.saving.deserialize_keras_object(config["network"])})


def _inside(field: ReceptiveField, side: int, rim: float) -> np.ndarray:
    """Says along an axis of so many pixels which cells are not at the rim, bool `[cells]`."""
    middles = field.centre + field.stride * np.arange(field.cells)
    return np.minimum(middles, side - 1 - middles) >= min(rim * field.stride, side / 6)


def cell_centres(image: tuple[int, int], size: tuple[int, int], grid: tuple[ReceptiveField, ReceptiveField]):
    """Returns where the cells of a resized image's map look, float32 `[h, w, 2]`: x and y in pixels of the image."""
    axes = [
        ((field.centre + field.stride * np.arange(field.cells)) + 0.5) * before / after - 0.5
        for field, before, after in zip(grid, image, size, strict=True)
    ]
    down, across = np.meshgrid(*axes, indexing="ij")
    return np.stack([across, down], axis=-1).astype("float32")


@keras.saving.register_keras_serializable(package="keras_sketch")
class KeypointSelection(FixedLayer):
    """Chooses the strongest cells of a pyramid, none beside a stronger chosen one.

    A cell is a candidate if its score is at least `threshold` times the median of those above 0 in the image, which
    needs no unit: attention (a softplus) and the length of features have different ones. Going from the strongest
    candidate to the weakest, one is chosen unless the cell above, below, to the left or to the right at the same scale
    is chosen already: for ResNet50's conv4, what those see overlaps by 0.90, diagonal ones by 0.81, another scale's by
    0.5. Of equal scores the first cell counts.

    Input: what `FeaturePyramid` gives. Output: a dict of `locations` `[N, M, 2]`, `scales` `[N, M]`, `scores` `[N, M]`,
    `descriptors` `[N, M, D]` of length 1, all float32, strongest first and then zeros; and `counts` `[N]`, int32.

    Args:
        max_features: M.
        scales: Those of the pyramid.
        threshold: At least 0.
    """

    def __init__(self, max_features: int, scales=SCALES, threshold: float = THRESHOLD, **kwargs):
        super().__init__(**kwargs)
        self.max_features, self.scales, self.threshold = max_features, tuple(scales), threshold

    def call(self, levels):
        """Returns the chosen cells."""
        sizes = [math.prod(level["scores"].shape[1:]) for level in levels]
        scales = np.repeat(self.scales, sizes).astype("float32")
        levels = [level for level, size in zip(levels, sizes, strict=True) if size]
        strengths = _flat([level["scores"] for level in levels])
        scores = ops.where(strengths >= self.threshold * _median(strengths), strengths, 0.0)
        scores = _suppressed(scores, [tuple(level["scores"].shape[1:]) for level in levels])
        count, wanted = scores.shape[1], min(self.max_features, scores.shape[1])
        best, chosen = ops.top_k(scores, wanted)
        first = ops.arange(ops.shape(scores)[0], dtype="int32")[:, None] * count
        chosen_of_all = ops.reshape(ops.cast(chosen, "int32") + first, (-1,))
        valid = ops.cast(best > 0, "float32")

        def picked(name):
            values = _flat([level[name] for level in levels])
            rows = ops.take(ops.reshape(values, (-1, values.shape[-1])), chosen_of_all, axis=0)
            return ops.reshape(rows, (-1, wanted, values.shape[-1]))

        scales = ops.take(ops.convert_to_tensor(scales), chosen, axis=0)
        descriptors = of_length_one(picked("features"))
        found = {"locations": picked("locations"), "scales": scales, "scores": best, "descriptors": descriptors}
        found = {name: self._padded(value, valid) for name, value in found.items()}
        return {**found, "counts": ops.cast(ops.sum(valid, axis=1), "int32")}

    def _padded(self, values, valid):
        values = values * (valid if len(values.shape) == 2 else valid[..., None])
        missing = self.max_features - values.shape[1]
        return ops.pad(values, [(0, 0), (0, missing)] + [(0, 0)] * (len(values.shape) - 2))

    def compute_output_spec(self, levels):
        """Returns the shapes, which the sizes of the maps do not change."""
        count, depth = levels[0]["features"].shape[0], levels[0]["features"].shape[-1]
        shapes = {"locations": (2,), "scales": (), "scores": (), "descriptors": (depth,)}
        found = {name: keras.KerasTensor((count, self.max_features, *last)) for name, last in shapes.items()}
        return {**found, "counts": keras.KerasTensor((count,), "int32")}

    def get_config(self):
        """Returns the arguments."""
        own = {"max_features": self.max_features, "scales": list(self.scales), "threshold": self.threshold}
        return {**super().get_config(), **own}


def _median(scores):
    """Returns the median of the scores above 0 in each row, `[N, 1]`; 0 where there are none."""
    falling = ops.flip(ops.sort(scores, axis=1), axis=1)
    count = ops.sum(ops.cast(scores > 0, "int32"), axis=1, keepdims=True)
    middle = [ops.maximum(count - 1, 0) // 2, ops.minimum(count // 2, scores.shape[1] - 1)]
    return sum(ops.take_along_axis(falling, each, axis=1) for each in middle) / 2


def _flat(maps: list):
    """Joins the cells of maps `[N, h, w, ...]`, to `[N, T, ...]`."""
    flat = [ops.reshape(each, (-1, math.prod(each.shape[1:3]), *each.shape[3:])) for each in maps]
    return ops.concatenate(flat, axis=1)


def _suppressed(scores, sizes: list[tuple[int, int]]):
    """Sets scores `[N, T]` of cells, in maps of these sizes, to 0 where a stronger one beside them was chosen.

    In each turn all candidates that are the strongest of their neighbourhood are chosen, which gives what going
    through them one by one would.
    """
    height, width = (max(size[axis] for size in sizes) for axis in (0, 1))
    maps, first = [], 0
    for size in sizes:
        cells = math.prod(size)
        level = ops.reshape(scores[:, first : first + cells], (-1, *size))
        maps.append(ops.pad(level, [(0, 0), (0, height - size[0]), (0, width - size[1])]))
        first += cells
    grid = ops.stack(maps, axis=1)

    def step(open_ones, chosen):
        before, behind = _neighbours(open_ones)
        peaks = (open_ones > 0) & (open_ones > before) & (open_ones >= behind)
        beside = ops.maximum(*_neighbours(ops.cast(peaks, "float32"))) > 0
        return ops.where(peaks | beside, 0.0, open_ones), ops.where(peaks, open_ones, chosen)

    _, chosen = ops.while_loop(lambda open_ones, _: ops.any(open_ones > 0), step, (grid, ops.zeros_like(grid)))
    return _flat([chosen[:, place, : size[0], : size[1]] for place, size in enumerate(sizes)])


def _neighbours(grid):
    """Returns the larger one of the cells above and to the left, and of those below and to the right; 0 outside."""
    around = ops.pad(grid, [(0, 0), (0, 0), (1, 1), (1, 1)])
    above, below = around[:, :, :-2, 1:-1], around[:, :, 2:, 1:-1]
    left, right = around[:, :, 1:-1, :-2], around[:, :, 1:-1, 2:]
    return ops.maximum(above, left), ops.maximum(below, right)


def of_length_one(rows):
    """Divides rows by their length; those of zeros stay."""
    # By the largest number first, so that the squares of small ones do not vanish.
    largest = ops.max(ops.abs(rows), axis=-1, keepdims=True)
    rows = rows / ops.where(largest > 0, largest, 1.0)
    return rows / ops.maximum(ops.sqrt(ops.sum(ops.square(rows), axis=-1, keepdims=True)), 1.0)
