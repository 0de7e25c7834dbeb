"""Which layers are trained, from a block on, the head alone, or everything; and which share a learning rate."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

import keras
import numpy as np

from keras_sketch.errors import InvalidArgumentError, UnknownNameError

HEAD = (
    *("pooling", "head_dropout", "logits"),
    *("bottleneck", "bottleneck_norm", "bottleneck_relu", "bottleneck_dropout"),
)
"""The layers that `build_classifier` puts behind a backbone; those that pool a tower are named `pooling_<tower>`."""

_BEFORE = re.compile("pixels|light_on_dark|rgb|(bgr|scaling)(_.*)?")
_TOWER = "pooling_"
_ATTENTION = re.compile(r"attention_(.+_)?(conv|score)")
_CELL = re.compile(r"((?:normal|reduction)_concat_\w+)")
_NUMBERED = re.compile(r"([A-Za-z_]*?\d+)(?:\D|$)")


def train_from(model: keras.Model, block: str, train_norm: bool = False, frozen: Sequence[str] = ()) -> None:
    """Makes a block and everything behind it trainable, and freezes everything before it.

    A frozen `BatchNormalization` uses its moving statistics, and leaves them as they are, in training too. Keras only
    takes notice of the change in `compile`. Of a network with towers, those without the block are frozen as a whole.

    Args:
        model: From `build_classifier`, loaded or cloned as it may be.
        block: How the names of the block's layers begin, such as `"conv5"` (see `blocks`): the first layer whose name
            begins so is the first one to be trained. Or `"head"`: only what follows the backbone's features, with the
            pooling; or `"all"`.
        train_norm: Whether `BatchNormalization` is trained before the block too: scale, offset and moving statistics.
        frozen: Blocks that are frozen besides, wherever they are.

    Raises:
        UnknownNameError: The backbone has no such block; lists those it has.
    """
    towers = _towers(model)
    ends = {"all": [0] * len(towers), "head": [len(tower) for tower in towers]}
    starts = ends.get(block) or [_start(tower, block, model.name) for tower in towers]
    if block not in ends and starts == ends["head"]:
        raise _unknown(model, block)
    besides = [layer for name in frozen for layer in _layers_of(model, name)]
    _set_trainable(model, True)
    for layer in [layer for tower, start in zip(towers, starts, strict=True) for layer in tower[:start]] + besides:
        _freeze(layer, train_norm)


def is_added(name: str) -> bool:
    """Says whether a layer of this name is of those that `build_classifier` puts behind a published network.

    They are the head, and the layers that give the scores of attention pooling; these are a block of their own, the
    last one of the backbone.
    """
    return name in HEAD or name.startswith(_TOWER) or bool(_ATTENTION.fullmatch(name))


def layer_groups(model: keras.Model, count: int) -> list[list[keras.layers.Layer]]:
    """Shares the layers out into groups, which fine-tuning gives rates of their own.

    The last group is the head; the backbone's blocks are shared out evenly among the others, the first ones getting one
    more where it does not come out even. Three groups of a ResNet are those that fast.ai makes: up to `conv3`, `conv4`
    and `conv5`, the head. Each of several towers is shared out by itself.

    Args:
        model: From `build_classifier`, loaded or cloned as it may be.
        count: How many groups, at least 1; 1: everything in one.

    Returns:
        The groups from the input to the output; each layer of the model is in one of them.

    Raises:
        InvalidArgumentError: The backbone has fewer blocks than there are to be groups before the head.
    """
    if count == 1:
        return [list(model.layers)]
    towers = _towers(model)
    starts = [list(_block_starts(tower, model.name).values()) for tower in towers]
    most = min(map(len, starts)) + 1
    if not 2 <= count <= most:
        raise InvalidArgumentError("group_rates", f"1 to {most} for the blocks of {model.name}", count)
    groups: list[list[keras.layers.Layer]] = [[] for _ in range(count - 1)]
    for tower, places in zip(towers, starts, strict=True):
        firsts = [part[0] for part in np.array_split(places, count - 1)]
        bounds = itertools.pairwise([0, *firsts[1:], len(tower)])
        for group, (start, end) in zip(groups, bounds, strict=True):
            group += tower[start:end]
    return [*groups, list(model.layers[len(_backbone(model)) :])]


def norm_layers(model: keras.layers.Layer) -> list[keras.layers.BatchNormalization]:
    """Lists the `BatchNormalization` layers of a model, or of a layer that is one or holds some."""
    if isinstance(model, keras.layers.BatchNormalization):
        return [model]
    return [found for layer in getattr(model, "layers", ()) for found in norm_layers(layer)]


def blocks(model: keras.Model) -> list[str]:
    """Names the blocks of a backbone, from the input to the output, as `train_from` takes them.

    A block is what the names of its layers have in common, up to their first number: `conv4` of
    `conv4_block6_3_conv`. Where Keras has named the layers (InceptionV3, NASNet), it is the layer that joins one: the
    training then begins behind that layer. Blocks without weights are left out.
    """
    return [name for tower in _towers(model) for name in _block_starts(tower, model.name)]


def _block_starts(tower: list[keras.layers.Layer], model_name: str) -> dict[str, int]:
    """Gives the first layer's place in a tower by the block's name."""
    names = [_without_model(layer.name, model_name) for layer in tower]
    cells = [_CELL.match(name) for name in names]
    if any(cells):
        found = [match and match[1] for match in cells]
    else:
        found = [_block_name(name, type(layer)) for name, layer in zip(names, tower, strict=True)]
    starts: dict[str, int] = {}
    for index, name in enumerate(found):
        if name and name not in starts and not _BEFORE.fullmatch(name):
            starts[name] = index
    bounds = itertools.pairwise([*starts.values(), len(tower)])
    return {
        name: start
        for name, (start, end) in zip(starts, bounds, strict=True)
        if any(layer.weights for layer in tower[start:end])
    }


def _backbone(model: keras.Model) -> list[keras.layers.Layer]:
    ends = [index for index, layer in enumerate(model.layers) if layer.name in HEAD or layer.name.startswith(_TOWER)]
    return model.layers[: min(ends, default=len(model.layers))]


def _towers(model: keras.Model) -> list[list[keras.layers.Layer]]:
    """Gives the backbone's layers by tower, those before both of two being the first one's."""
    backbone = _backbone(model)
    poolings = [layer for layer in model.layers if layer.name.startswith(_TOWER)]
    towers, taken = [], set()
    for pooling in poolings:
        before = {id(layer) for layer in keras.Model(model.inputs, pooling.output).layers} - taken
        towers.append([layer for layer in backbone if id(layer) in before])
        taken |= before
    return towers or [backbone]


def _start(tower: list[keras.layers.Layer], block: str, model_name: str) -> int:
    """Finds the first layer of a block in a tower; where there is none, the end."""
    begins = (index for index, layer in enumerate(tower) if _begins(layer.name, block, model_name))
    return next(begins, len(tower))


def _layers_of(model: keras.Model, block: str) -> list[keras.layers.Layer]:
    """Gives the layers of a block up to the next one, or those whose names begin as is said."""
    found = []
    for tower in _towers(model):
        starts = _block_starts(tower, model.name)
        ends = [*starts.values(), len(tower)]
        if block in starts:
            place = list(starts).index(block)
            found += tower[ends[place] : ends[place + 1]]
        else:
            found += [layer for layer in tower if _begins(layer.name, block, model.name)]
    if not found:
        raise _unknown(model, block)
    return found


def _set_trainable(layer: keras.layers.Layer, value: bool) -> None:
    """Sets each layer by itself: what has the value already, Keras does not pass on to the layers inside."""
    layer.trainable = value
    for inner in getattr(layer, "layers", ()):
        _set_trainable(inner, value)


def _freeze(layer: keras.layers.Layer, train_norm: bool) -> None:
    """Freezes a layer, though not one whose normalization is to be trained, nor what holds such a one."""
    _set_trainable(layer, train_norm and bool(norm_layers(layer)))
    for inner in getattr(layer, "layers", ()):
        _freeze(inner, train_norm)


def _begins(name: str, block: str, model_name: str) -> bool:
    """Says whether a layer belongs to a block: `conv1` takes `conv1_bn`, not `conv10_bn`."""
    for known in (name, _without_model(name, model_name)):
        rest = known[len(block) :]
        if block and known.startswith(block) and not (block[-1].isdigit() and rest[:1].isdigit()):
            return True
    return False


def _without_model(name: str, model_name: str) -> str:
    """Drops the model's name from the names of ConvNeXt's layers."""
    return name.removeprefix(f"{model_name}_")


def _block_name(name: str, kind: type[keras.layers.Layer]) -> str | None:
    automatic = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower()
    if re.fullmatch(rf"{automatic}(_\d+)?", name):
        return None
    numbered = _NUMBERED.match(name)
    return numbered[1] if numbered else name.split("_")[0]


def _unknown(model: keras.Model, block: str) -> UnknownNameError:
    known = blocks(model)
    hint = "`head` trains the output layer alone, `all` everything. Give another block (--train-from)."
    if len(known) > 20:
        hint = f"From the input to the output: {', '.join(known)}. {hint}"
    return UnknownNameError(f"block of {model.name}", block, known, hint)
