"""The backbone of a classifier: from the pixels to features, behind the layers that its weights want."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping

import keras
from keras import layers

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.models.applications import build_application
from keras_sketch.models.inputs import scale_pixels
from keras_sketch.models.pooling import pool
from keras_sketch.models.table import Backbone, backbone


@dataclasses.dataclass(frozen=True)
class BuiltBackbone:
    """What a head is put on, and what weights are loaded into.

    Attributes:
        output: Features `[N, D]`; of an application with its own head, ImageNet's logits.
        features: From the pixels to what the network gives before anything of ours pools it, of towers a list; None:
            the network keeps its own head.
        networks: The applications as Keras published them, by their names in the table.
    """

    output: object
    features: keras.Model | None
    networks: Mapping[str, keras.Model]


def build_backbone(
    name: str, row: Backbone, inputs, pixels, published: Collection[str], pooling: str | None, keeps_head: bool
) -> BuiltBackbone:
    """Builds a network of the table up to its pooled features.

    Args:
        name: Its name.
        row: Its row.
        inputs: What the classifier takes.
        pixels: float32 `[N, H, W, C]` in 0..255, from the layers behind that.
        published: Which applications get their ImageNet weights now, by their names in the table.
        pooling: What the caller wants in place of the row's; None: the row's.
        keeps_head: Whether an application keeps its own head.

    Raises:
        InvalidArgumentError: The published head does not take images of this size, or there is nothing to pool.
        MissingDataError: The weights cannot be downloaded.
    """
    networks = {}
    for part, scaling in _applications(name, row).items():
        tower = part if row.towers else None
        scaled = scale_pixels(pixels, scaling, tower)
        networks[part] = build_application(part, _of(part, name, row), scaled, part in published, keeps_head)
    if keeps_head and row.is_application:
        return BuiltBackbone(networks[name].output, None, networks)
    if networks:
        maps = {part: _features(network, row.until) for part, network in networks.items()}
    else:
        own = {"pooling": pooling} if pooling and row.pooling is None else {}
        maps = {name: row.load()(scale_pixels(pixels, row.scaling), **own, **row.arguments)}
    tensors = list(maps.values())
    features = keras.Model(inputs, tensors if row.towers else tensors[0])
    if len(tensors[0].shape) == 4:
        return BuiltBackbone(_pooled(maps, pooling or row.pooling), features, networks)
    if pooling and row.pooling:
        raise InvalidArgumentError("pooling", f"left out: {name} has no maps to pool", pooling)
    return BuiltBackbone(tensors[0], features, networks)


def _applications(name: str, row: Backbone) -> dict[str, str]:
    """Gives the scaling for each of a network's applications by its name."""
    if row.towers:
        return {part: tower.scaling for part, tower in row.towers.items()}
    return {name: row.scaling} if row.is_application else {}


def _of(part: str, name: str, row: Backbone) -> Backbone:
    return row if part == name else backbone(part)


def _features(network: keras.Model, until: str | None):
    return network.get_layer(until).output if until else network.output


def _pooled(maps: Mapping[str, object], pooling: str):
    """Pools the features of each tower, and joins what comes of them where there are several."""
    if len(maps) == 1:
        return pool(next(iter(maps.values())), pooling)
    return layers.Concatenate(name="pooling")([pool(each, pooling, tower) for tower, each in maps.items()])
