"""KerasCV's augmentation layers by name. They are varied, but what they draw does not repeat.

KerasCV was written for photos. Of the layers of 0.9, these do not work on batches of drawings and are left out:
RandomJpegQuality gives 0..1 for pixels in 0..255; RandomAspectRatio gives every image another shape;
RandomCropAndResize and JitteredResize leave a dark frame. MixUp, CutMix and the geometric layers are Keras' or our own,
which repeat.

Two of the operations that RandAugment and AugMix choose from turn white paper black and leave little of the strokes:
Equalization, since its steps leave out the rarest grey where PIL's leave out the brightest, and Solarization, which
inverts paper and not strokes. A network that takes dark grounds as they are would be shown such pictures, some of them
blank. All policies here do without both. RandomBrightness changes by up to 0.2 of the range instead of RandAugment's
0.5, two of which are enough for blank paper. `rand_augment` is therefore the pipeline that RandAugment is, with its
three operations a picture at a rate of 10/11, over the other operations; of white drawings none came out darker than
the middle of the range, and fewer than 1 % were left blank (a contrast below 32 of 255).
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
        chooses: Whether it chooses among RandAugment's operations that drawings survive (`_operations`).
        mixes: Whether it mixes examples, and so their labels.
        skips: Its methods for operations that drawings do not survive; they give the picture back.
    """

    layer: str
    settings: dict = dataclasses.field(default_factory=dict)
    fill: bool = False
    chooses: bool = False
    mixes: bool = False
    skips: tuple[str, ...] = ()


POLICIES = {
    "aug_mix": _Policy("AugMix", _RANGE, skips=("_equalize", "_solarize")),
    "fourier_mix": _Policy("FourierMix", mixes=True),
    "grid_mask": _Policy("GridMask", fill=True),
    "mosaic": _Policy("Mosaic", mixes=True),
    "rand_augment": _Policy(
        "RandomAugmentationPipeline", {"augmentations_per_image": 3, "rate": 10 / 11}, chooses=True
    ),
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
        settings["layers"] = _operations(layers)
    layer = getattr(layers, chosen.layer)(**settings)
    for method in chosen.skips:
        setattr(layer, method, lambda image: image)
    return layer


def _operations(layers) -> list:
    """Returns RandAugment's operations at KerasCV's default strength, without those that spoil drawings."""
    standard = layers.RandAugment.get_standard_policy(**_RANGE, magnitude=0.5, magnitude_stddev=0.15)
    replaced = (layers.Equalization, layers.Solarization, layers.RandomBrightness)
    kept = [layer for layer in standard if not isinstance(layer, replaced)]
    return [*kept, layers.RandomBrightness(**_RANGE, factor=0.2)]
