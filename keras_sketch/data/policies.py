"""KerasCV's augmentation layers by name. They are varied, but what they draw does not repeat.

KerasCV was written for photos. Of the layers of 0.9, these do not work on batches of drawings and are left out:
RandomJpegQuality gives 0..1 for pixels in 0..255; RandomAspectRatio gives every image another shape;
RandomCropAndResize and JitteredResize leave a dark frame; Equalization makes mostly white pictures almost black, since
its steps leave out the rarest grey where PIL's leave out the brightest. RandAugment contains the last one, and AugMix
does; the pipelines here do without it. Its MixUp, CutMix and geometric layers are Keras' or our own, which repeat.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable

import tensorflow as tf

from keras_sketch.data.mixing import as_shares
from keras_sketch.errors import UnknownNameError

_RANGE = {"value_range": (0, 255)}


@dataclasses.dataclass(frozen=True)
class _Policy:
    """A layer of `keras_cv.layers`.

    Attributes:
        layer: Its name.
        settings: Its arguments.
        fill: Whether it takes the paper's grey.
        chooses: Whether it chooses among RandAugment's operations, at KerasCV's default strength, but Equalization.
        mixes: Whether it mixes examples, and so their labels.
    """

    layer: str
    settings: dict = dataclasses.field(default_factory=dict)
    fill: bool = False
    chooses: bool = False
    mixes: bool = False


POLICIES = {
    "aug_mix": _Policy("AugMix", _RANGE),
    "fourier_mix": _Policy("FourierMix", mixes=True),
    "grid_mask": _Policy("GridMask", fill=True),
    "mosaic": _Policy("Mosaic", mixes=True),
    "rand_augment": _Policy("RandAugment", _RANGE),
    "random_augmentation_pipeline": _Policy(
        "RandomAugmentationPipeline", {"augmentations_per_image": 2, "rate": 0.9}, chooses=True
    ),
    "random_channel_shift": _Policy("RandomChannelShift", {**_RANGE, "factor": 0.3}),
    "random_choice": _Policy("RandomChoice", chooses=True),
    "random_color_degeneration": _Policy("RandomColorDegeneration", {"factor": 0.5}),
    "random_color_jitter": _Policy(
        "RandomColorJitter",
        {**_RANGE, "brightness_factor": 0.2, "contrast_factor": 0.2, "saturation_factor": 0.2, "hue_factor": 0.1},
    ),
    "random_cutout": _Policy("RandomCutout", {"height_factor": 0.3, "width_factor": 0.3}, fill=True),
    "random_gaussian_blur": _Policy("RandomGaussianBlur", {"kernel_size": 5, "factor": 1.0}),
    "random_hue": _Policy("RandomHue", {**_RANGE, "factor": 0.2}),
    "random_sharpness": _Policy("RandomSharpness", {**_RANGE, "factor": 0.5}),
}


def check_policy(name: str) -> None:
    """Raises an UnknownNameError that lists the names when there is no such policy."""
    if name not in POLICIES:
        raise UnknownNameError("augmentation policy", name, POLICIES)


def policy(name: str, fill: float, num_classes: int) -> Callable:
    """Returns a KerasCV policy as an operation; grey images go through it as RGB ones.

    Args:
        name: One of `POLICIES`.
        fill: The grey, 0..255, of the paper.
        num_classes: How many classes there are.

    Raises:
        UnknownNameError: There is no such policy.
    """
    check_policy(name)
    chosen = POLICIES[name]
    layer = _make(chosen, fill)

    def apply(images, labels, draws):
        size, channels = tf.shape(images), images.shape[-1]
        changed = tf.image.grayscale_to_rgb(images) if channels == 1 else images
        if chosen.mixes:
            both = layer({"images": changed, "labels": as_shares(labels, num_classes)}, training=True)
            changed, labels = both["images"], both["labels"]
        else:
            changed = layer(changed, training=True)
        changed = tf.clip_by_value(tf.reshape(changed, [size[0], *images.shape[1:3], 3]), 0.0, 255.0)
        return tf.image.rgb_to_grayscale(changed) if channels == 1 else changed, labels

    return apply


def _make(chosen: _Policy, fill: float):
    # Importing KerasCV takes a second.
    layers = importlib.import_module("keras_cv").layers
    settings = dict(chosen.settings)
    if chosen.fill:
        settings.update(fill_mode="constant", fill_value=fill)
    if chosen.chooses:
        standard = layers.RandAugment.get_standard_policy(**_RANGE, magnitude=0.5, magnitude_stddev=0.15)
        settings["layers"] = [layer for layer in standard if not isinstance(layer, layers.Equalization)]
    return getattr(layers, chosen.layer)(**settings)
