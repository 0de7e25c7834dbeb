"""Metrics over logits, GAP of arrays, and distances on the Earth; the latter two load no Keras."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "distance": ["HaversineDistance"],
        "gap": ["global_average_precision"],
        "haversine": ["EARTH_RADIUS_KM", "geoscore", "haversine_km", "haversine_radians"],
        "streaming_gap": ["GlobalAveragePrecision"],
        "top_k": ["TopK"],
    },
)
