"""Which layer a heat map is taken from."""

from __future__ import annotations

from collections.abc import Iterator

import keras

from keras_sketch.errors import InvalidArgumentError, UnknownNameError
from keras_sketch.models.pooling import AttentionPooling

_MANY = 20
"""So many names `UnknownNameError` lists by itself."""
_ALIKE = 5


def feature_layer_name(model: keras.Model) -> str:
    """Names the layer whose output is the last 4-D tensor before global pooling.

    It is found by walking from the output to the input, also into networks inside the network. It need not be a
    convolution: DenseNet's last convolution gives 32 of the 1,024 channels that are pooled. Outputs of 1 x 1 pixels
    (pooling that keeps its axes, the convolution that serves as a head in MobileNet) are passed over; so are the scores
    of attention pooling, where it is the layer whose output they weight. Of two towers it is the second one's.

    Args:
        model: A Functional or Sequential network on images, channels last.

    Returns:
        The layer's name; for a layer inside a nested network `"<network>/<layer>"`.

    Raises:
        InvalidArgumentError: No layer gives 4-D features.
    """
    pooled = {id(part.input[0]) for _, part in _walk(model) if isinstance(part, AttentionPooling)}
    for path, layer in reversed(spatial_layers(model).items()):
        if output_size(layer) != (1, 1) if not pooled else id(layer.output) in pooled:
            return path
    raise InvalidArgumentError("model", "a Functional or Sequential network with a 4-D layer output", model.name)


def find_layer(model: keras.Model, layer: str | keras.Operation | None) -> tuple[str, keras.Operation]:
    """Finds the layer that a heat map is to be taken from.

    Args:
        model: A Functional or Sequential network on images, channels last.
        layer: A name as `feature_layer_name` gives it (the network's part may be left out where the rest is unique),
            a layer of the model, or None for `feature_layer_name(model)`.

    Returns:
        The full name, and the layer (or, where the model was built with `keras.ops`, the operation).

    Raises:
        UnknownNameError: The model has no such layer, or its output is not 4-D.
    """
    layers = spatial_layers(model)
    if layer is None:
        layer = feature_layer_name(model)
    if not isinstance(layer, str):
        paths = [path for path, known in layers.items() if known is layer]
    elif layer in layers:
        paths = [layer]
    else:
        paths = [path for path in layers if path.endswith(f"/{layer}")]
    if len(paths) != 1:
        raise _unknown_layer(model, getattr(layer, "name", layer), layers)
    return paths[0], layers[paths[0]]


def output_operation(model: keras.Model) -> keras.Operation:
    """Gives the layer or operation, inside a nested network where need be, whose output is the model's."""
    while isinstance(model, keras.Model):
        model = _parts(model)[-1]
    return model


def _unknown_layer(model, name, layers) -> UnknownNameError:
    """Names all layers of a small network; of a large one those like the name, and the last one at each size."""
    hint = ""
    if len(layers) > _MANY:
        alike = [path for path in layers if str(name).lower() in path.lower()][:_ALIKE]
        last_of_size = {output_size(layer): path for path, layer in layers.items()}
        hint = f"With {str(name)!r} in its name: {', '.join(alike)}. " if alike else ""
        hint += "The last one at each size: " + ", ".join(
            f"{path} ({' x '.join(str(side or 'any') for side in size)})" for size, path in last_of_size.items()
        )
        hint += "."
    return UnknownNameError(f"layer with a 4-D output in {model.name!r}", name, layers, hint)


def spatial_layers(model: keras.Model) -> dict[str, keras.Operation]:
    """Gives all layers and operations with an output `[N, H, W, C]`, by full name, from the input to the output."""
    return {path: layer for path, layer in _walk(model) if output_size(layer) is not None}


def output_size(layer: keras.Operation) -> tuple[int | None, int | None] | None:
    """Gives the height and width of a layer's output (None: not fixed), or None where that is not one 4-D tensor."""
    try:
        shape = layer.output.shape
    except AttributeError:
        return None
    return tuple(shape[1:3]) if len(shape) == 4 else None


def _walk(model: keras.Model, prefix: str = "") -> Iterator[tuple[str, keras.Operation]]:
    for part in _parts(model):
        if isinstance(part, keras.Model):
            yield from _walk(part, f"{prefix}{part.name}/")
        if not isinstance(part, keras.layers.InputLayer):
            yield prefix + part.name, part


def _parts(model: keras.Model) -> list[keras.Operation]:
    """Gives layers and operations from the input to the output."""
    return getattr(model, "operations", model.layers)
