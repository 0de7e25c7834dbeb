"""A ResNeXt's published weights: tensors with PyTorch's names and axes, in a safetensors file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

import keras
import numpy as np
from safetensors import SafetensorError, safe_open

from keras_sketch.errors import BadDataError, MissingDataError

_BLOCK = re.compile(r"conv(\d)_block(\d+)_(\d)_(conv|bn)")
_AXES = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}
"""The axes of a kernel in PyTorch's order: outputs, inputs, height, width."""
_NORMALIZATION = ("weight", "bias", "running_mean", "running_var")
_HEAD = ("fc.weight", "fc.bias")
_TYPES = ("F32", "F16", "BF16")
_NAMED = 3


def load_safetensors(network: keras.Model, name: str, path: str | os.PathLike[str]) -> None:
    """Puts the tensors of a file, named as torchvision and timm name them, into a ResNeXt.

    Every tensor must find its place. Those of the head may be left over where the network has no layer `logits`;
    `num_batches_tracked`, which says nothing about the network, always.

    Args:
        network: Up to its features or to the 1000 outputs of its own head.
        name: What to call it in errors.
        path: The file.

    Raises:
        MissingDataError: The file is not there.
        BadDataError: It is damaged, or tensors are missing, too many, of another shape or not finite; names them. The
            network is of no use then.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingDataError(f"No weights at {path}. Give a .safetensors, .weights.h5, .h5 or .keras file of {name}.")
    wanted = _tensors(network)
    try:
        with safe_open(path, framework="numpy") as stored:
            problems = _misfits(wanted, stored)
            if not problems:
                problems = _assign(wanted, stored)
    except (SafetensorError, OSError, TypeError, ValueError) as error:
        raise BadDataError(
            f"Cannot read the weights in {path}, the file is damaged or no safetensors file: {error}. "
            "Delete it, and copy or download it again."
        ) from error
    if problems:
        raise BadDataError(f"The weights in {path} do not fit {name}: {'; '.join(problems)}.")


def _tensors(network: keras.Model) -> dict[str, keras.Variable]:
    """Gives the network's variables by the names of their tensors."""
    tensors = {}
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            variables = (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance)
            names = _NORMALIZATION
        else:
            variables, names = layer.weights, ("weight", "bias")
        for part, variable in zip(names, variables, strict=False):
            tensors[f"{_module(layer.name)}.{part}"] = variable
    return tensors


def _module(layer: str) -> str:
    """Translates a layer's name: `conv3_block1_2_bn` is `layer2.0.bn2`."""
    block = _BLOCK.fullmatch(layer)
    if not block:
        return {"conv1_conv": "conv1", "conv1_bn": "bn1", "logits": "fc"}[layer]
    stage, number, convolution, kind = block.groups()
    if convolution == "0":
        part = "downsample.0" if kind == "conv" else "downsample.1"
    else:
        part = f"{kind}{convolution}"
    return f"layer{int(stage) - 1}.{int(number) - 1}.{part}"


def _misfits(wanted: dict[str, keras.Variable], stored: safe_open) -> list[str]:
    """Compares names, shapes and types, without reading a number."""
    held = {tensor for tensor in stored.keys() if not tensor.endswith("num_batches_tracked")}  # noqa: SIM118
    missing = [tensor for tensor in wanted if tensor not in held]
    if missing and set(missing) <= set(_HEAD):
        return [f'it has no {_listed(missing)}, the head that head="pretrained" keeps; with --classes it is a new one']
    problems = [f"it has no {_listed(missing)}"] if missing else []
    surplus = sorted(held - wanted.keys() - set(_HEAD))
    if surplus:
        problems.append(f"it has {_listed(surplus)}, which the network has not")
    misshapen = []
    for tensor in (tensor for tensor in wanted if tensor in held):
        found = stored.get_slice(tensor)
        shape = tuple(wanted[tensor].shape[axis] for axis in _AXES[len(wanted[tensor].shape)])
        if tuple(found.get_shape()) != shape:
            misshapen.append(f"{tensor} {tuple(found.get_shape())} for {shape}")
        elif found.get_dtype() not in _TYPES:
            misshapen.append(f"{tensor} {found.get_dtype()} for {', '.join(_TYPES)}")
    return problems + ([f"it has {_listed(misshapen)}"] if misshapen else [])


def _assign(wanted: dict[str, keras.Variable], stored: safe_open) -> list[str]:
    """Reads one tensor after the other; the network and the largest of them are all that is held in memory."""
    not_finite = []
    for tensor, variable in wanted.items():
        value = stored.get_tensor(tensor).astype("float32")
        if not np.isfinite(value).all():
            not_finite.append(tensor)
        variable.assign(value.transpose(np.argsort(_AXES[value.ndim])))
    return [f"numbers in {_listed(not_finite)} are not finite"] if not_finite else []


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
