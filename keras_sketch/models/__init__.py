"""Backbones, small networks for drawings, and `build_classifier`, which puts a head on any of them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "classifier": ["build_classifier"],
        "freezing": ["blocks", "layer_groups", "norm_layers", "train_from"],
        "table": ["BACKBONES", "Backbone", "list_models"],
    },
)
