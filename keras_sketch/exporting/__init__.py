"""Classifiers as files: `.keras` with their labels, loading a run back, and SavedModels that take image files."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "archive": ["load_classifier", "read_metadata", "save_classifier"],
        "saved_model": ["export_saved_model"],
    },
)
