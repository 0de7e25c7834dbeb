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
from collections.abc import Iterator
from pathlib import Path

import h5py
import keras
import numpy as np

from keras_sketch.errors import BadDataError, MissingDataError

_NAMED = 3  # layers that differ


def load_weight_file(
    network: keras.Model,
    name: str,
    path: str | os.PathLike[str],
    head_layers: tuple[int, ...] = (0,),
    head: str | None = None,
    own_head: int = 0,
    kinds: str = ".weights.h5, .h5 or .keras",
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

    Raises:
        MissingDataError: The file is not there.
        BadDataError: It is damaged, no weights file, or of another network. The network is of no use then.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingDataError(f"No weights at {path}. Give a {kinds} file of {name}.")
    weights = {id(weight) for weight in network.weights}
    seeds = [(v, keras.ops.convert_to_numpy(v)) for v in network.variables if id(v) not in weights]
    try:
        with _opened(path) as stored:
            is_present_format = "layers" in stored
            if head and _has_other_classes(network, head, stored):
                network, head_layers = keras.Model(network.input, network.get_layer(head).input), (1,)
            if is_present_format:
                problem = _misfit(network, stored["layers"], head_layers)
            else:
                problem = _load_in_order(network, stored.get("model_weights", stored), head_layers)
            if problem and own_head and _lacks_head(network, own_head, stored):
                problem = 'it holds no head, which head="pretrained" keeps; with --classes the head is a new one'
        if is_present_format and problem is None:
            problem = _load_by_keras(network, path)
    except (OSError, RuntimeError, KeyError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise BadDataError(
            f"Cannot read the weights in {path}, the file is damaged or holds none: {error}. "
            f"Give a {kinds} file of {name}."
        ) from error
    if problem is None and not all(map(_is_finite, network.get_weights())):
        layers = [layer.name for layer in network.layers if not all(map(_is_finite, layer.get_weights()))]
        problem = f"some of its numbers are not finite ({', '.join(layers[:_NAMED])})"
    if problem is not None:
        raise BadDataError(f"The weights in {path} do not fit {name}: {problem}.")
    for variable, value in seeds:
        variable.assign(value)


def _is_finite(weight: np.ndarray) -> bool:
    return bool(np.isfinite(weight).all())


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


def _misfit(network: keras.Model, stored: h5py.Group, head_layers: tuple) -> str | None:
    """Compares how many weights there are of each shape; Keras itself overlooks those that find no place."""
    held, wanted = _shapes_in(stored), _shapes_of(network.weights)
    spared = {2 * layers for layers in head_layers}
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
    if not wanted.keys() & held.keys():
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
    before = _shapes_of(network.weights) - _shapes_of(layer.weights)
    held = _shapes_of_model(stored)
    width, classes = layer.kernel.shape
    theirs = [shape for shape in (held - before).elements() if len(shape) == 1]
    return (
        before <= held
        and len(theirs) == 1
        and theirs[0] != (classes,)
        and held - before == collections.Counter([(width, *theirs[0]), theirs[0]])
    )


def _lacks_head(network: keras.Model, head_layers: int, stored: h5py.Group) -> bool:
    layers = [layer for layer in network.layers if layer.weights]
    before = [weight for layer in layers[:-head_layers] for weight in layer.weights]
    return _shapes_of_model(stored) == _shapes_of(before)


def _shapes_of_model(stored: h5py.Group) -> collections.Counter:
    """Leaves the optimizer's variables, which a whole model's file holds too, aside."""
    return _shapes_in(stored.get("layers", stored.get("model_weights", stored)))


def _shapes_in(stored: h5py.Group) -> collections.Counter:
    shapes = collections.Counter()

    def collect(place, item):
        if isinstance(item, h5py.Dataset) and "seed_generator" not in place:
            shapes[tuple(item.shape)] += 1

    stored.visititems(collect)
    return shapes


def _shapes_of(weights: list[keras.Variable]) -> collections.Counter:
    return collections.Counter(tuple(weight.shape) for weight in weights)


def _load_in_order(network: keras.Model, stored: h5py.Group, head_layers: tuple) -> str | None:
    held = []
    for name in _attribute(stored, "layer_names"):
        arrays = [np.asarray(stored[name][weight]) for weight in _attribute(stored[name], "weight_names")]
        if arrays:
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
