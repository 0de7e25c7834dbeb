"""Classifiers for images that are not ordinary photographs: sketches, doodles, route art, street views, landmarks.

The public names are imported when first used, so that importing the package loads neither TensorFlow nor Keras.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "data": ["list_datasets", "load_dataset"],
        "explain": ["gradcam"],
        "exporting": ["load_classifier"],
        "models": ["build_classifier", "list_models"],
        "recipes": ["list_recipes"],
        "workflows": ["evaluate", "export", "train"],
    },
)
