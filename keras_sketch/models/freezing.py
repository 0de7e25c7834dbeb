"""Which layers are trained, from a block on, the head alone, or everything; and which share a learning rate."""

from __future__ import annotations

import itertools
import re

import keras
import numpy as np

from keras_sketch.errors import InvalidArgumentError, UnknownNameError

HEAD = ("pooling", "head_dropout", "logits")
"""The layers that `build_classifier` puts behind a backbone."""

_BEFORE = ("pixels", "light_on_dark", "rgb", "bgr", "scaling")
_CELL = re.compile(r"((?:normal|reduction)_concat_\w+)")
_NUMBERED = re.compile(r"([A-Za-z_]*?\d+)(?:\D|$)")


def train_from(model: keras.Model, block: str, train_norm: bool = False) -> None:
    """Makes a block and everything behind it trainable, and freezes everything before it.

    A frozen `BatchNormalization` uses its moving statistics, and leaves them as they are, in training too. Keras only
    takes notice of the change in `compile`.

    Args:
        model: From `build_classifier`, loaded or cloned as it may be.
        block: How the names of the block's layers begin, such as `"conv5"` (see `blocks`): the first layer whose name
            begins so is the first one to be trained. Or `"head"`: only what follows the backbone's features; or
            `"all"`.
        train_norm: Whether `BatchNormalization` is trained before the block too: scale, offset and moving statistics.

    Raises:
        UnknownNameError: The backbone has no such block; lists those it has.
    """
    backbone = _backbone(model)
    starts = {"all": 0, "head": len(backbone)}
    if block not in starts:
        begins = [index for index, layer in enumerate(backbone) if _begins(layer.name, block, model.name)]
        if not begins:
            raise _unknown(model, block)
        starts[block] = begins[0]
    _set_trainable(model, True)
    for layer in backbone[: starts[block]]:
        _freeze(layer, train_norm)


def layer_groups(model: keras.Model, count: int) -> list[list[keras.layers.Layer]]:
    """Shares the layers out into groups, which fine-tuning gives rates of their own.

    The last group is the head; the backbone's blocks are shared out evenly among the others, the first ones getting one
    more where it does not come out even. Three groups of a ResNet are those that fast.ai makes: up to `conv3`, `conv4`
    and `conv5`, the head.

    Args:
        model: From `build_classifier`, loaded or cloned as it may be.
        count: How many groups, at least 1; 1: everything in one.

    Returns:
        The groups from the input to the output; each layer of the model is in one of them.

    Raises:
        InvalidArgumentError: The backbone has fewer blocks than there are to be groups before the head.
    """
    backbone = _backbone(model)
    if count == 1:
        return [list(model.layers)]
    starts = list(_block_starts(model).values())
    if not 2 <= count <= len(starts) + 1:
        raise InvalidArgumentError("group_rates", f"1 to {len(starts) + 1} for the blocks of {model.name}", count)
    firsts = [part[0] for part in np.array_split(starts, count - 1)]
    bounds = [0, *firsts[1:], len(backbone), len(model.layers)]
    return [list(model.layers[start:end]) for start, end in itertools.pairwise(bounds)]


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
    return list(_block_starts(model))


def _block_starts(model: keras.Model) -> dict[str, int]:
    """Gives the first layer's place in the backbone by the block's name."""
    backbone = _backbone(model)
    names = [_without_model(layer.name, model.name) for layer in backbone]
    cells = [_CELL.match(name) for name in names]
    if any(cells):
        found = [match and match[1] for match in cells]
    else:
        found = [_block_name(name, type(layer)) for name, layer in zip(names, backbone, strict=True)]
    starts: dict[str, int] = {}
    for index, name in enumerate(found):
        if name and name not in starts and name not in _BEFORE:
            starts[name] = index
    bounds = itertools.pairwise([*starts.values(), len(backbone)])
    return {
        name: start
        for name, (start, end) in zip(starts, bounds, strict=True)
        if any(layer.weights for layer in backbone[start:end])
    }


def _backbone(model: keras.Model) -> list[keras.layers.Layer]:
    names = [layer.name for layer in model.layers]
    return model.layers[: min((names.index(name) for name in HEAD if name in names), default=len(names))]


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
