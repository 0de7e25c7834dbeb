"""Backbones, small networks for drawings, and `build_classifier`, which puts a head on any of them."""

from __future__ import annotations

from keras_sketch.models.table import BACKBONES, Backbone, list_models

__all__ = ["BACKBONES", "Backbone", "build_classifier", "list_models"]


def __getattr__(name: str):
    if name == "build_classifier":
        from keras_sketch.models.classifier import build_classifier

        return build_classifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
