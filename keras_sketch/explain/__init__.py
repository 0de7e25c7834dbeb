"""Why the network says so: heat maps over the image, and pictures of them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"class_activation": ["gradcam"], "layers": ["feature_layer_name"]}
)
