"""The arithmetic of a training: its precision and XLA, as far as the devices can do it."""

from __future__ import annotations

import dataclasses
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from keras_sketch.errors import InvalidArgumentError

if TYPE_CHECKING:
    import keras

Precision = Literal["float32", "mixed_bfloat16", "mixed_float16"]
"""What layers compute in; weights are float32."""

NEEDED_CAPABILITY = {"mixed_float16": (7, 0), "mixed_bfloat16": (8, 0)}
"""The compute capability from which on a GPU of NVIDIA's has Tensor Cores for it: NVIDIA, "Training With Mixed
Precision". An older one computes it too, bfloat16 by way of float32, and is no faster for it."""

_CPU_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}


@dataclasses.dataclass(frozen=True)
class Arithmetic:
    """What a training computes with.

    Attributes:
        precision: The name of Keras' policy.
        xla: Whether XLA compiles the steps.
        deterministic: Whether equal runs give equal bits.
        warnings: What the devices are bad at, a sentence each.
    """

    precision: Precision
    xla: bool
    deterministic: bool
    warnings: tuple[str, ...] = ()

    def __str__(self):
        scaled = " with a scaled loss" if self.precision == "mixed_float16" else ""
        compiled = "compiled by XLA" if self.xla else "no XLA"
        return ", ".join([self.precision + scaled, compiled, *(["deterministic"] if self.deterministic else [])])


def check_precision(precision: str) -> None:
    """Raises `InvalidArgumentError` where there is no such precision."""
    if precision not in get_args(Precision):
        raise InvalidArgumentError("precision", f"one of {', '.join(get_args(Precision))}", precision)


def choose_arithmetic(
    precision: Precision, replicas: int = 1, xla: bool = False, deterministic: bool = False
) -> Arithmetic:
    """Says what the devices compute with, or that they cannot.

    Measured on a CPU with instructions for bfloat16: a step of ResNet50 takes 0.20 s in float32, 0.18 s in
    mixed_bfloat16 and 0.9 s in mixed_float16; XLA makes the small CNN seven times slower.

    Args:
        precision: What is asked for.
        replicas: How many devices train together.
        xla: Whether XLA is to compile the steps.
        deterministic: Whether equal runs must give equal bits.

    Raises:
        InvalidArgumentError: No such precision; float16 on a CPU; XLA on several devices, or where bits must be equal.
    """
    check_precision(precision)
    if xla and replicas > 1:
        # Keras compiles the step of all replicas as one, in which XLA meets the variables of other devices.
        allowed = f"left out on {replicas} devices: XLA compiles the step of one device only (--devices 1)"
        raise InvalidArgumentError("xla", allowed, xla)
    if xla and deterministic:
        raise InvalidArgumentError("xla", "left out with --deterministic: XLA's kernels need not repeat", xla)
    import tensorflow as tf

    gpus = tf.config.get_visible_devices("GPU")
    warnings = _on_gpus(precision) if gpus else _on_cpu(precision)
    if xla and not gpus:
        warnings += ("XLA makes training on a CPU slower, small networks several times: leave out --xla.",)
    return Arithmetic(precision, xla, deterministic, warnings)


def check_xla(network: keras.Model) -> None:
    """Looks whether XLA can compile all layers.

    Raises:
        InvalidArgumentError: It cannot; names those that are in the way.
    """
    names = sorted({type(layer).__name__ for layer in _layers(network) if not layer.supports_jit})
    if names:
        raise InvalidArgumentError("xla", f"left out for {network.name}: XLA cannot compile {', '.join(names)}", True)


def _on_cpu(precision: str) -> tuple[str, ...]:
    if precision == "mixed_float16":
        allowed = "float32 or mixed_bfloat16 on a CPU, where float16 is several times slower than float32"
        raise InvalidArgumentError("precision", allowed, precision)
    if precision == "mixed_bfloat16" and not _cpu_has_bfloat16():
        return ("This CPU has no instructions for bfloat16: mixed_bfloat16 is slower than float32 on it.",)
    return ()


def _on_gpus(precision: str) -> tuple[str, ...]:
    import tensorflow as tf

    needed, warnings = NEEDED_CAPABILITY.get(precision, (0, 0)), {}
    for gpu in tf.config.get_visible_devices("GPU"):
        details = tf.config.experimental.get_device_details(gpu)
        capability = details.get("compute_capability", needed)
        if capability < needed:
            name, has, needs = details.get("device_name", gpu.name), _dotted(capability), _dotted(needed)
            warnings[name] = f"{name} (compute capability {has}) is no faster in {precision}, which needs {needs}."
    return tuple(warnings.values())


def _dotted(capability: tuple[int, int]) -> str:
    return ".".join(map(str, capability))


def _cpu_has_bfloat16() -> bool:
    """Says whether the CPU has instructions for bfloat16, or does not say what it has."""
    try:
        words = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except OSError:
        return platform.system() != "Linux"
    return bool(_CPU_FLAGS & {*words})


def _layers(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    return [layer] + [found for each in getattr(layer, "layers", ()) for found in _layers(each)]
