"""Which layers are trained: from a block on, the head alone, or everything."""

from __future__ import annotations

import re

import keras

from keras_sketch.errors import UnknownNameError

HEAD = ("pooling", "head_dropout", "logits")
"""The layers that `build_classifier` puts behind a backbone."""

_BEFORE = ("pixels", "light_on_dark", "rgb", "bgr", "scaling")
_CELL = re.compile(r"((?:normal|reduction)_concat_\w+)")
_NUMBERED = re.compile(r"([A-Za-z_]*?\d+)(?:\D|$)")


def train_from(model: keras.Model, block: str) -> None:
    """Makes a block and everything behind it trainable, and freezes everything before it.

    A frozen `BatchNormalization` uses its moving statistics, and leaves them as they are, in training too. Keras only
    takes notice of the change in `compile`.

    Args:
        model: From `build_classifier`, loaded or cloned as it may be.
        block: How the names of the block's layers begin, such as `"conv5"` (see `blocks`): the first layer whose name
            begins so is the first one to be trained. Or `"head"`: only what follows the backbone's features; or
            `"all"`.

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
        _set_trainable(layer, False)


def blocks(model: keras.Model) -> list[str]:
    """Names the blocks of a backbone, from the input to the output, as `train_from` takes them.

    A block is what the names of its layers have in common, up to their first number: `conv4` of
    `conv4_block6_3_conv`. Where Keras has named the layers (InceptionV3, NASNet), it is the layer that joins one: the
    training then begins behind that layer. Blocks without weights are left out.
    """
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
    ends = [*list(starts.values())[1:], len(backbone)]
    return [
        name
        for (name, start), end in zip(starts.items(), ends, strict=True)
        if any(layer.weights for layer in backbone[start:end])
    ]


def _backbone(model: keras.Model) -> list[keras.layers.Layer]:
    names = [layer.name for layer in model.layers]
    return model.layers[: min((names.index(name) for name in HEAD if name in names), default=len(names))]


def _set_trainable(layer: keras.layers.Layer, value: bool) -> None:
    """Sets each layer by itself: what has the value already, Keras does not pass on to the layers inside."""
    layer.trainable = value
    for inner in getattr(layer, "layers", ()):
        _set_trainable(inner, value)


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
