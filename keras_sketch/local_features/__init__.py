"""Local features of images, DELF: what stands out in a picture, where it is, and where else it is seen."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "extractor": ["Extractor", "load_extractor", "make_extractor"],
        "features": ["LocalFeatures"],
        "index": ["LandmarkIndex", "Recognition"],
        "match_picture": ["draw_matches"],
        "matching": ["Matches", "match"],
        "store": ["FeatureStoreWriter", "LocalFeatureStore"],
    },
)
