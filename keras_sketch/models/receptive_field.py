"""What a cell of a convolutional network's maps sees of the image, found by walking its layers."""

from __future__ import annotations

import dataclasses
import math

import keras

from keras_sketch.errors import InvalidArgumentError


@dataclasses.dataclass(frozen=True)
class ReceptiveField:
    """Along one axis, what the cells of a map see; in pixels, the middle of the first one being 0.

    Attributes:
        cells: How many there are.
        stride: From a cell's field to the next one's.
        first: The first pixel that the first cell sees; below 0 where it sees padding too.
        last: The last one.
    """

    cells: int
    stride: int = 1
    first: float = 0.0
    last: float = 0.0

    @property
    def centre(self) -> float:
        """The middle of what the first cell sees."""
        return (self.first + self.last) / 2


def receptive_fields(network: keras.Model, size: int, axis: int = 0) -> dict[str, ReceptiveField | None]:
    """Returns the field of each layer of a network for images of one size.

    Kernels, strides, dilation and padding count, and where branches meet, all that one of them sees. `"same"` padding
    is put where TensorFlow puts it, which depends on the size.

    Args:
        network: Functional, each layer called once, with images as its one input; networks inside it may be sequential.
        size: Height or width of the images, in pixels.
        axis: 0: height; 1: width.

    Returns:
        By the layer's name; None for one whose output is no map of the image, or behind one that looks at all of it
        (the gate of squeeze and excitation is one: where it meets a map, that map's field counts).

    Raises:
        InvalidArgumentError: A layer enlarges maps, or branches meet whose cells are not where each other's are.
    """
    return _walk(network, ReceptiveField(size), axis)


def _walk(network: keras.Model, entry: ReceptiveField | None, axis: int) -> dict[str, ReceptiveField | None]:
    if isinstance(network, keras.Sequential):
        found, field = {}, entry
        for layer in network.layers:
            field = found[layer.name] = _behind(layer, field, axis)
        return found
    found, known = {}, {}
    for operation in network.operations:
        if isinstance(operation, keras.layers.InputLayer):
            field = entry
        else:
            fields = [known.get(id(tensor)) for tensor in keras.tree.flatten(operation.input)]
            field = _behind(operation, _merged(operation, fields), axis)
        found[operation.name] = field
        known.update({id(tensor): field for tensor in keras.tree.flatten(operation.output)})
    return found


def _merged(operation: keras.Operation, fields: list[ReceptiveField | None]) -> ReceptiveField | None:
    fields = [field for field in fields if field is not None]
    if not fields:
        return None
    if len({(field.stride, field.cells) for field in fields}) > 1:
        raise _unknown(operation, "joins maps of different sizes")
    first, last = min(field.first for field in fields), max(field.last for field in fields)
    return dataclasses.replace(fields[0], first=first, last=last)


def _behind(operation: keras.Operation, field: ReceptiveField | None, axis: int) -> ReceptiveField | None:
    """Returns the field of what a layer makes of maps with this one."""
    if isinstance(operation, keras.Model):
        return list(_walk(operation, field, axis).values())[-1]
    if field is None or len(getattr(operation.output, "shape", ())) != 4:
        return None
    if isinstance(operation, keras.layers.Conv2DTranspose | keras.layers.UpSampling2D | keras.layers.Cropping2D):
        raise _unknown(operation, "enlarges or cuts maps")
    if isinstance(operation, keras.layers.ZeroPadding2D):
        before, after = operation.padding[axis]
        moved = before * field.stride
        cells = field.cells + before + after
        return dataclasses.replace(field, cells=cells, first=field.first - moved, last=field.last - moved)
    if isinstance(operation, keras.layers.GlobalAveragePooling2D | keras.layers.GlobalMaxPooling2D):
        return None
    kernel = getattr(operation, "kernel_size", getattr(operation, "pool_size", None))
    if kernel is None:
        return field
    dilation = getattr(operation, "dilation_rate", (1, 1))[axis]
    width, stride = (kernel[axis] - 1) * dilation + 1, operation.strides[axis]
    cells, before = _placed(field.cells, width, stride, operation.padding)
    first = field.first - before * field.stride
    last = field.last + (width - 1 - before) * field.stride
    return ReceptiveField(cells, field.stride * stride, first, last)


def _placed(cells: int, width: int, stride: int, padding: str) -> tuple[int, int]:
    """Returns how many windows there are, and how many cells of padding are before the first cell."""
    if padding == "valid":
        return max(0, (cells - width) // stride + 1), 0
    windows = math.ceil(cells / stride)
    return windows, max((windows - 1) * stride + width - cells, 0) // 2


def _unknown(operation: keras.Operation, what: str) -> InvalidArgumentError:
    allowed = "one whose maps only shrink, all branches alike, up to the layer of the features"
    return InvalidArgumentError("layer", allowed, f"{operation.name}, which {what}")
