"""The table of models: one row each, holding strings, so that listing them loads no Keras."""

from __future__ import annotations

import dataclasses

from keras_sketch.errors import UnknownNameError


@dataclasses.dataclass(frozen=True)
class Backbone:
    """A network that turns pixels into features; `build_classifier` adds the head.

    Attributes:
        function: `"module:function"`. The function takes a float32 tensor `[N, H, W, C]` of pixels in 0..255 and
            returns features, 4-D (they are pooled) or 2-D (they go to the output layer as they are).
        input_shape: Height, width and channels when the caller gives none.
        dropout: Rate before the output layer.
        summary: One line for lists and documentation.
    """

    function: str
    input_shape: tuple[int, int, int]
    dropout: float
    summary: str


BACKBONES: dict[str, Backbone] = {
    "doodle_resnet": Backbone(
        function="keras_sketch.models.doodle_resnet:doodle_resnet",
        input_shape=(28, 28, 1),
        dropout=0.3,
        summary="Ours for drawings: a small residual network; 764,072 parameters at 8 classes.",
    ),
    "quickdraw_cnn": Backbone(
        function="keras_sketch.models.quickdraw_cnn:quickdraw_cnn",
        input_shape=(28, 28, 1),
        dropout=0.0,
        summary="The published QuickDraw network: two convolutions, two dense layers; 454,410 parameters at 8 classes.",
    ),
}


def list_models() -> list[str]:
    """Returns the names that `build_classifier` takes, sorted."""
    return sorted(BACKBONES)


def backbone(name: str) -> Backbone:
    """Returns the row of `name`.

    Raises:
        UnknownNameError: No such model; lists the choices and the nearest one.
    """
    if name not in BACKBONES:
        raise UnknownNameError("model", name, BACKBONES)
    return BACKBONES[name]
