"""Which part of a classifier a weights file is for, and the loading of it."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import keras

from keras_sketch.errors import InvalidArgumentError, UnknownNameError
from keras_sketch.models.applications import fold_second_scaling
from keras_sketch.models.backbones import BuiltBackbone
from keras_sketch.models.downloads import download_from_hub
from keras_sketch.models.freezing import is_added
from keras_sketch.models.safetensors_file import load_safetensors
from keras_sketch.models.table import Backbone, backbone
from keras_sketch.models.weight_files import KINDS, holds_network, load_weight_file

Weights = str | os.PathLike[str] | Mapping[str, str | os.PathLike[str] | None] | None


def split_weights(name: str, row: Backbone, weights: Weights) -> dict[str, str | os.PathLike[str]]:
    """Says which weights are for which network: for the classifier, by its own name, or for its towers.

    Args:
        name: The classifier's name in the table.
        row: Its row.
        weights: As `build_classifier` takes them.

    Returns:
        A file or `"imagenet"` by name; nothing for what stays random.

    Raises:
        UnknownNameError: It has no such tower.
        InvalidArgumentError: There are no weights of that name for it.
    """
    if row.towers and not isinstance(weights, Mapping) and "=" in os.fspath(weights or "") and not _is_file(weights):
        # A comma divides towers only where another one's name follows it.
        parts = [part.partition("=") for part in re.split(r",(?=\w+=)", os.fspath(weights))]
        if repeated := [part for part, count in Counter(part for part, _, _ in parts).items() if count > 1]:
            raise InvalidArgumentError("weights", f"those of {repeated[0]} once", weights)
        weights = {part: value for part, _, value in parts}
    if not isinstance(weights, Mapping):
        weights = {name: weights}
    elif not row.towers:
        raise InvalidArgumentError("weights", f'None, "imagenet" or one file: {name} has no towers', weights)
    for part, value in weights.items():
        if part not in (name, *row.towers):
            raise UnknownNameError(f"tower of {name}", part, row.towers)
        tower = row.towers.get(part)
        if value == "imagenet" and (tower.published if tower else not row.has_imagenet_weights):
            raise InvalidArgumentError("weights", _forms(name, row), value if part == name else f"{part}={value}")
    return {part: value for part, value in weights.items() if value is not None and os.fspath(value) != "none"}


def load_into(
    model: keras.Model,
    built: BuiltBackbone,
    name: str,
    row: Backbone,
    weights: Mapping[str, str | os.PathLike[str]],
    keeps_head: bool,
) -> None:
    """Loads what is not in the networks yet: weights from files, and from the hub.

    Args:
        model: The classifier.
        built: Its backbone.
        name: Its name in the table.
        row: Its row.
        weights: From `split_weights`.
        keeps_head: Whether it keeps the head that it was trained on ImageNet with.

    Raises:
        MissingDataError: A file is not there, or cannot be downloaded.
        BadDataError: A file is damaged, or of another network.
    """
    for part, path in weights.items():
        if path == "imagenet":
            if row.hub:
                load_safetensors(model if keeps_head else built.features, name, download_from_hub(name, row.hub))
        elif row.hub and os.fspath(path).endswith(".safetensors"):
            load_safetensors(model if keeps_head else built.features, name, path)
        elif keeps_head:
            load_weight_file(model, name, path, own_head=row.head_layers, kinds=_kinds(row))
        elif part == name and holds_network(model, path, head="logits"):
            load_weight_file(model, name, path, head="logits")
        elif row.function and not row.is_application and holds_network(built.features, path):
            load_weight_file(built.features, name, path)
        elif part in built.networks:
            _load_application(built, part, row.until, path)
        elif row.pooling or holds_network(built.features, path):
            load_weight_file(built.features, name, path, head_layers=(0, 1), ignored=is_added, kinds=_kinds(row))
        else:
            load_weight_file(model, f"{name} with {model.output_shape[-1]} classes", path, head="logits")
    for network in built.networks.values():
        fold_second_scaling(network)


def _load_application(built: BuiltBackbone, name: str, until: str | None, path: str | os.PathLike[str]) -> None:
    """Loads one of Keras' networks from a file of the whole of it, or of what the classifier has of it."""
    network, heads = built.networks[name], (0, 1, backbone(name).head_layers)
    if until and holds_network(built.features, path, ignored=is_added):
        network, heads = built.features, (0,)
    load_weight_file(network, name, path, head_layers=heads, ignored=is_added)


def _kinds(row: Backbone) -> str:
    return f".safetensors, {KINDS}" if row.hub else KINDS


def _is_file(path: str | os.PathLike[str]) -> bool:
    return Path(path).is_file()


def _forms(name: str, row: Backbone) -> str:
    """Says which weights a network takes, where it has none of ImageNet."""
    if not row.towers:
        return f"None or a file: {name} has no ImageNet weights"
    each = ",".join(f"{part}=FILE" + ("" if tower.published else "|imagenet") for part, tower in row.towers.items())
    places = [f"the one of {part} is at {tower.published}" for part, tower in row.towers.items() if tower.published]
    return f"a file of {name}, or {each}, in which a tower may be left out; {', '.join(places)}"
