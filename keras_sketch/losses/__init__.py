"""Losses over logits, and the table of those that a recipe can name."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "cross_entropy": ["CrossEntropy"],
        "haversine": ["CrossEntropyHaversine", "HaversineSmoothing"],
        "table": ["LOSSES", "check_loss", "make_loss"],
    },
)
