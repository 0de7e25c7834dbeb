"""Weights from a file: of the very network or with a head too many, and never half of them."""

from __future__ import annotations

import collections
import contextlib
import io
import itertools
import os
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import keras
import numpy as np

from keras_sketch.errors import BadDataError, MissingDataError

KINDS = ".weights.h5, .h5 or .keras"
"""The files that are read, as errors name them."""

_NAMED = 3  # layers that differ
_MOST = 8  # weights of one layer
_UNREADABLE = (OSError, RuntimeError, KeyError, AttributeError, TypeError, zipfile.BadZipFile)


def load_weight_file(
    network: keras.Model,
    name: str,
    path: str | os.PathLike[str],
    head_layers: tuple[int, ...] = (0,),
    head: str | None = None,
    own_head: int = 0,
    kinds: str = KINDS,
    ignored: Callable[[str], bool] | None = None,
) -> None:
    """Puts the weights of a file into a network; what the random layers' seeds are stays as it is.

    Both of Keras' formats are read: the present one, `.weights.h5` and inside `.keras`, in which a layer's place
    follows from its type and number, and the older `.h5` of weights or whole models, in which it follows from the
    order. Every weight must find its place, and only those of the head may be left over.

    Args:
        network: The network, built.
        name: What to call it in errors.
        path: The file.
        head_layers: How many layers with weights the file may hold behind those of the network.
        head: The network's output layer. Where the file's differs from it in the number of classes and in nothing
            else, the layer stays as it is, and all others are loaded.
        own_head: How many layers with weights, the network's last ones, are its published head. The error says so
            where a file lacks them and nothing else.
        kinds: The files that errors tell to give.
        ignored: Says of a layer's name whether it is not the network's, and left over where the file has it.

    Raises:
        MissingDataError: The file is not there.
        BadDataError: It is damaged, no weights file, or of another network. The network is of no use then.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingDataError(f"No weights at {path}. Give a {kinds} file of {name}.")
    seeds = _seeds(network)
    try:
        problem = _load(network, path, head_layers, head, own_head, ignored)
    except _UNREADABLE as error:
        raise BadDataError(
            f"Cannot read the weights in {path}, the file is damaged or holds none: {error}. "
            f"Give a {kinds} file of {name}."
        ) from error
    problem = problem or _not_finite(network)
    if problem is not None:
        raise BadDataError(f"The weights in {path} do not fit {name}: {problem}.")
    for variable, value in seeds:
        variable.assign(value)


def _load(network: keras.Model, path: Path, head_layers: tuple, head: str | None, own_head: int, ignored) -> str | None:
    """Loads what fits, and otherwise says what does not."""
    with _opened(path) as stored:
        is_present_format = "layers" in stored
        spared = {2 * layers for layers in head_layers}
        if head and _has_other_classes(network, head, stored):
            spared, head_layers = {len(network.get_layer(head).weights)}, (1,)
            network = keras.Model(network.input, network.get_layer(head).input)
        if is_present_format:
            problem = _misfit(network, stored["layers"], spared, ignored)
        else:
            problem = _load_in_order(network, stored.get("model_weights", stored), head_layers, ignored)
        if problem and own_head and _lacks_head(network, own_head, stored):
            return 'it holds no head, which head="pretrained" keeps; with --classes the head is a new one'
    return problem or (_load_by_keras(network, path) if is_present_format else None)


def _seeds(network: keras.Model) -> list[tuple[keras.Variable, np.ndarray]]:
    weights = {id(weight) for weight in network.weights}
    return [(v, keras.ops.convert_to_numpy(v)) for v in network.variables if id(v) not in weights]


def holds_network(
    network: keras.Model,
    path: str | os.PathLike[str],
    head: str | None = None,
    ignored: Callable[[str], bool] | None = None,
) -> bool:
    """Says whether a file has a network's weights, all of them and no others; one that cannot be read has not.

    Args:
        network: The network, built.
        path: The file.
        head: The network's output layer, which the file then has by this name, though maybe for other classes.
        ignored: As for `load_weight_file`.
    """
    try:
        with _opened(Path(path)) as stored:
            if head and head not in _layer_names(stored):
                return False
            fits = _shapes_of_model(stored, ignored) == _shapes_of(network.weights)
            return fits or bool(head and _has_other_classes(network, head, stored))
    except _UNREADABLE:
        return False


def _not_finite(network: keras.Model) -> str | None:
    layers = [
        layer.name for layer in network.layers if not all(np.isfinite(weight).all() for weight in layer.get_weights())
    ]
    return f"some of its numbers are not finite ({', '.join(layers[:_NAMED])})" if layers else None


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            content = io.BytesIO(archive.read("model.weights.h5"))
        with h5py.File(content) as stored:
            yield stored
    else:
        with h5py.File(path) as stored:
            yield stored


def _load_by_keras(network: keras.Model, path: Path) -> str | None:
    if not path.name.endswith(("weights.h5", ".keras")):
        return "Keras reads a file of this format only if its name ends in .weights.h5 or .keras"
    try:
        with warnings.catch_warnings():
            # About containers in which Keras looks once more for what it did not find: the error says it.
            warnings.simplefilter("ignore")
            network.load_weights(path)
    except ValueError as error:
        layer = re.search(r"name=(\w+)", str(error))
        return f"it has other weights{f' in its layer {layer[1]}' if layer else ''}"
    return None


def _misfit(
    network: keras.Model, stored: h5py.Group, spared: set[int], ignored: Callable[[str], bool] | None
) -> str | None:
    """Compares how many weights there are of each shape; Keras itself overlooks those that find no place."""
    held, wanted = _shapes_in(stored, ignored), _shapes_of(network.weights)
    for shape in wanted - held:
        count = f"it needs {wanted[shape]} of shape {shape}, and the file holds {held[shape]}"
        return f"{count}{_different_layers(network, stored)}"
    if (held - wanted).total() not in spared:
        count = f"it has {wanted.total()} weights, and the file holds {held.total()}"
        return f"{count}{_different_layers(network, stored)}"
    return None


def _different_layers(network: keras.Model, stored: h5py.Group) -> str:
    """Names the layers that the file has otherwise, where it calls the network's layers by the same names at all."""
    held: dict[str, list[tuple]] = {}

    def collect(place, item):
        if isinstance(item, h5py.Group) and "name" in item.attrs and len(item) and "seed_generator" not in place:
            name = item.attrs["name"]
            held[name if name not in held else place] = [item[number].shape for number in sorted(item, key=int)]

    stored.visititems(collect)
    wanted = {layer.name: [tuple(weight.shape) for weight in layer.weights] for layer in network.layers}
    wanted = {name: shapes for name, shapes in wanted.items() if shapes}
    nested = any(len(shapes) > _MOST for shapes in wanted.values())  # a network, whose layers the file names
    if nested or not wanted.keys() & held.keys():
        return ""
    different = [
        f"{name} is {held.get(name, 'missing')} for {shapes}"
        for name, shapes in wanted.items()
        if held.get(name) != shapes
    ]
    different += [f"{name} {held[name]} is not the network's" for name in held.keys() - wanted.keys()]
    more = f", and {len(different) - _NAMED} more" if len(different) > _NAMED else ""
    return f" ({'; '.join(different[:_NAMED])}{more})" if different else ""


def _has_other_classes(network: keras.Model, head: str, stored: h5py.Group) -> bool:
    """Says whether a file holds the network with another number of classes, by how many weights of each shape it has.

    Args:
        network: The network with its output layer.
        head: The layer's name.
        stored: The file.
    """
    layer = network.get_layer(head)
    before, own = _shapes_of(network.weights) - _shapes_of(layer.weights), _shapes_of(layer.weights)
    held = _shapes_of_model(stored)
    theirs = held - before
    width, classes = layer.kernel.shape
    kernels = [shape for shape in theirs.elements() if len(shape) == 2 and shape[0] == width and shape[1] != classes]
    biases = [] if len(own) == 1 else [shape[1:] for shape in kernels]
    return before <= held and len(kernels) == 1 and theirs == collections.Counter(kernels + biases)


def _lacks_head(network: keras.Model, head_layers: int, stored: h5py.Group) -> bool:
    layers = [layer for layer in network.layers if layer.weights]
    before = [weight for layer in layers[:-head_layers] for weight in layer.weights]
    return _shapes_of_model(stored) == _shapes_of(before)


def _shapes_of_model(stored: h5py.Group, ignored: Callable[[str], bool] | None = None) -> collections.Counter:
    """Leaves the optimizer's variables, which a whole model's file holds too, aside."""
    return _shapes_in(stored.get("layers", stored.get("model_weights", stored)), ignored)


def _shapes_in(stored: h5py.Group, ignored: Callable[[str], bool] | None = None) -> collections.Counter:
    shapes = collections.Counter()

    def collect(place, item):
        is_weight = isinstance(item, h5py.Dataset) and "seed_generator" not in place
        if is_weight and not (ignored and ignored(_layer(place, item))):
            shapes[tuple(item.shape)] += 1

    stored.visititems(collect)
    return shapes


def _layer_names(stored: h5py.Group) -> set[str]:
    names = set()
    stored = stored.get("layers", stored.get("model_weights", stored))
    stored.visititems(lambda place, item: names.add(_layer(place, item)) if isinstance(item, h5py.Dataset) else None)
    return names


def _layer(place: str, weight: h5py.Dataset) -> str:
    """Names the layer of a weight: the present format keeps its name beside it, in the older one the place has it."""
    return weight.parent.attrs.get("name", place.split("/")[0])


def _shapes_of(weights: list[keras.Variable]) -> collections.Counter:
    return collections.Counter(tuple(weight.shape) for weight in weights)


def _load_in_order(
    network: keras.Model, stored: h5py.Group, head_layers: tuple, ignored: Callable[[str], bool] | None
) -> str | None:
    held = []
    for name in _attribute(stored, "layer_names"):
        arrays = [np.asarray(stored[name][weight]) for weight in _attribute(stored[name], "weight_names")]
        if arrays and not (ignored and ignored(name)):
            held.append((name, arrays))
    layers = [layer for layer in network.layers if layer.weights]
    if len(held) - len(layers) not in head_layers:
        return f"it has {len(layers)} layers with weights, and the file holds {len(held)}"
    for layer, (name, arrays) in zip(layers, held, strict=False):
        # The order of the format: trained ones first.
        weights = layer.trainable_weights + layer.non_trainable_weights
        wanted, found = [tuple(weight.shape) for weight in weights], [array.shape for array in arrays]
        if wanted != found:
            return f"its layer {layer.name} has weights of shape {wanted}, and {name} in the file {found}"
        for weight, array in zip(weights, arrays, strict=True):
            weight.assign(array)
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
    return None


def _attribute(group: h5py.Group, name: str) -> list[str]:
    """Reads a list of names, which Keras cuts in numbered pieces if it is long."""
    numbered = itertools.takewhile(group.attrs.__contains__, (f"{name}{number}" for number in itertools.count()))
    pieces = [name] if name in group.attrs else list(numbered)
    return [text.decode() if isinstance(text, bytes) else text for piece in pieces for text in group.attrs[piece]]
