"""Local features of images, DELF: what stands out in a picture, where it is, and where else it is seen."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "features": ["LocalFeatures"],
    },
)
