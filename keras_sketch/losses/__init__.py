"""Losses over logits, the table of those that a recipe can name, and what makes probabilities of the logits."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "activation": ["activation_of", "probabilities"],
        "binary_cross_entropy": ["BinaryCrossEntropy"],
        "cosine_margin": ["ArcFace", "CosFace"],
        "cross_entropy": ["CrossEntropy"],
        "haversine": ["CrossEntropyHaversine", "HaversineSmoothing"],
        "table": ["LOSSES", "check_loss", "make_loss"],
    },
)
