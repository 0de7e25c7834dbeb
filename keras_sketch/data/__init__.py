"""From a dataset's name to batches: TFDS builder, decoding, resizing, augmentation."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"loading": ["load_dataset", "open_dataset", "reopen_dataset"], "sources": ["list_datasets"]}
)
