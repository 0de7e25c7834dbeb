"""Metrics over logits, and distances on the Earth; the latter load no Keras."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "distance": ["HaversineDistance"],
        "haversine": ["EARTH_RADIUS_KM", "geoscore", "haversine_km", "haversine_radians"],
        "top_k": ["TopK"],
    },
)
