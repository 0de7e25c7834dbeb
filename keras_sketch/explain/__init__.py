"""Why the network says so: heat maps over the image, how far they can be trusted, and pictures of them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "class_activation": ["gradcam"],
        "insertion_deletion": ["Faithfulness", "control_maps", "faithfulness"],
        "layer_activations": ["activations"],
        "layers": ["feature_layer_name"],
        "methods": ["METHODS"],
    },
)
