"""The table of models: one row each, holding strings, so that listing them loads no Keras."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Mapping

from keras_sketch.errors import InvalidArgumentError, UnknownNameError


@dataclasses.dataclass(frozen=True)
class Tower:
    """One of several networks that see the same image; the network is the row of its name.

    Attributes:
        scaling: What its pixels become, as its weights were trained.
        published: Where the file of its weights is; None: they are ImageNet's, which Keras downloads.
    """

    scaling: str
    published: str | None = None


@dataclasses.dataclass(frozen=True)
class Backbone:
    """A network that turns scaled pixels into features; `build_classifier` puts the scaling and the head to it.

    Attributes:
        function: `"module:function"`. The function takes a float32 tensor `[N, H, W, C]` and returns features: 4-D
            ones, which are pooled, or where `pooling` is None 2-D ones. Those of `keras.applications` are called as
            Keras wants it. Empty for a network of towers.
        input_shape: Height, width and channels when the caller gives none.
        parameters: Weights before the output layer, at that shape.
        summary: One line for lists and documentation.
        scaling: What the pixels become, a name from `keras_sketch.models.inputs.SCALINGS`.
        dropout: Rate before the output layer.
        channels: What the network takes, grey images being tripled; None: 1 or 3.
        light_on_dark: Whether bright images are inverted when the caller does not say.
        smallest: The smallest height and width.
        arguments: More arguments of the function.
        head_layers: Layers with weights in its own head, which its weights' files may hold.
        hub: Where its ImageNet weights are published, if Keras does not publish them: a repository of the Hugging Face
            hub with a `model.safetensors`.
        pooling: How 4-D features are pooled when the caller does not say; None: the function pools by itself, and takes
            what the caller says as its argument `pooling`.
        until: The layer whose output the features are; None: the network's last one. Weights are those of the whole.
        towers: The networks, by their names in the table, whose pooled features are joined.
    """

    function: str
    input_shape: tuple[int, int, int]
    parameters: int
    summary: str
    scaling: str = "unit"
    dropout: float = 0.0
    channels: int | None = None
    light_on_dark: bool = True
    smallest: int = 1
    arguments: Mapping[str, object] = dataclasses.field(default_factory=dict)
    head_layers: int = 1
    hub: str | None = None
    pooling: str | None = "avg"
    until: str | None = None
    towers: Mapping[str, Tower] = dataclasses.field(default_factory=dict)

    @property
    def is_application(self) -> bool:
        """Whether the network is one of `keras.applications`."""
        return self.function.startswith("keras.applications:")

    @property
    def has_imagenet_weights(self) -> bool:
        """Whether weights trained on ImageNet's 1000 classes are published for it."""
        return self.is_application or self.hub is not None

    @property
    def has_imagenet_head(self) -> bool:
        """Whether it has the head of those weights too, as a network with another pooling has not."""
        return self.has_imagenet_weights and self.pooling == "avg"

    def load(self) -> Callable:
        """Imports the function."""
        module, function = self.function.split(":")
        return getattr(importlib.import_module(module), function)


_PHOTOS = {"dropout": 0.2, "channels": 3, "light_on_dark": False, "smallest": 32}


def _application(function: str, side: int, scaling: str, parameters: int, source: str, **changes) -> Backbone:
    return Backbone(
        function=f"keras.applications:{function}",
        input_shape=(side, side, 3),
        parameters=parameters,
        summary=f"{function} ({source}), {parameters / 1e6:.1f} million parameters; ImageNet weights.",
        scaling=scaling,
        **{**_PHOTOS, **changes},
    )


def _resnext(depths: tuple[int, ...], width: int, parameters: int, source: str, hub: str) -> Backbone:
    name = f"ResNeXt{3 * sum(depths) + 2} 32x{width}d"
    return Backbone(
        function="keras_sketch.models.resnext:resnext",
        input_shape=(224, 224, 3),
        parameters=parameters,
        summary=f"{name} ({source}), {parameters / 1e6:.1f} million parameters; ImageNet weights.",
        scaling="torch",
        arguments=dict(depths=depths, width=width),
        hub=hub,
        **_PHOTOS,
    )


_UNSCALED = {"include_preprocessing": False}
"""Keras would scale in the network's precision; our layer in front of it does so in float32."""

_RESNET, _RESNET_V2 = "He et al. 2015", "He et al. 2016"
_DENSENET, _VGG = "Huang et al. 2017", "Simonyan and Zisserman 2014"
_EFFICIENT, _EFFICIENT_V2, _CONVNEXT = "Tan and Le 2019", "Tan and Le 2021", "Liu et al. 2022"
_MOBILE, _MOBILE_V2, _MOBILE_V3 = "Howard et al. 2017", "Sandler et al. 2018", "Howard et al. 2019"
_NASNET, _INCEPTION, _INCEPTION_RESNET = "Zoph et al. 2018", "Szegedy et al. 2016", "Szegedy et al. 2017"
_GEM = f"{_RESNET}, with GeM pooling: Radenovic et al. 2018"
_DELF = f"{_RESNET}, up to conv4, with DELF's attention: Noh et al. 2017"
_PLACES365 = (
    "https://github.com/GKalliatakis/Keras-VGG16-places365/releases (v1.0, "
    "vgg16-places365_weights_tf_dim_ordering_tf_kernels_notop.h5)"
)
_INSTAGRAM = "Xie et al. 2017, trained on Instagram first: Mahajan et al. 2018"

BACKBONES: dict[str, Backbone] = {
    "doodle_resnet": Backbone(
        function="keras_sketch.models.doodle_resnet:doodle_resnet",
        input_shape=(28, 28, 1),
        parameters=759_968,
        summary="Ours for drawings: a small residual network; 764,072 parameters at 8 classes.",
        dropout=0.3,
        smallest=8,
        pooling=None,
    ),
    "quickdraw_cnn": Backbone(
        function="keras_sketch.models.quickdraw_cnn:quickdraw_cnn",
        input_shape=(28, 28, 1),
        parameters=454_002,
        summary="The published QuickDraw network: two convolutions, two dense layers; 454,410 parameters at 8 classes.",
        smallest=12,
        pooling=None,
    ),
    "sketch_cnn": Backbone(
        function="keras_sketch.models.sketch_cnn:sketch_cnn",
        input_shape=(224, 224, 3),
        parameters=163_488,
        summary="The four-layer baseline of a published comparison on sketches; 231,717 parameters at 133 classes.",
        dropout=0.3,
        channels=3,
        smallest=8,
        pooling=None,
    ),
    "resnet50": _application("ResNet50", 224, "caffe", 23_587_712, _RESNET),
    "resnet101": _application("ResNet101", 224, "caffe", 42_658_176, _RESNET),
    "resnet50_gem": _application("ResNet50", 224, "caffe", 23_587_713, _GEM, pooling="gem"),
    "resnet101_gem": _application("ResNet101", 224, "caffe", 42_658_177, _GEM, pooling="gem"),
    "delf_resnet50": _application(
        "ResNet50", 224, "caffe", 9_114_497, _DELF, pooling="attention", until="conv4_block6_out"
    ),
    "delf_resnet50_matrix": Backbone(
        function="keras_sketch.models.delf:delf_matrix",
        input_shape=(128, 128, 3),
        parameters=9_156_481,
        summary="The 150 strongest local features (DELF: Noh et al. 2017), 40 numbers each; they never train. Weights "
        "from delf.weights.h5, which keras-sketch extract writes.",
        scaling="caffe",
        **_PHOTOS,
    ),
    "vgg16_places365_resnet50": Backbone(
        function="",
        input_shape=(224, 224, 3),
        parameters=38_302_400,
        summary="VGG16 (trained on Places365: Zhou et al. 2017) beside ResNet50 (trained on ImageNet), 38.3 million "
        "parameters; weights from a file for each.",
        scaling="included",
        towers={"vgg16": Tower("places365", published=_PLACES365), "resnet50": Tower("caffe")},
        **_PHOTOS,
    ),
    "resnet152": _application("ResNet152", 224, "caffe", 58_370_944, _RESNET),
    "resnet50_v2": _application("ResNet50V2", 224, "tf", 23_564_800, _RESNET_V2),
    "resnet101_v2": _application("ResNet101V2", 224, "tf", 42_626_560, _RESNET_V2),
    "resnet152_v2": _application("ResNet152V2", 224, "tf", 58_331_648, _RESNET_V2),
    "densenet121": _application("DenseNet121", 224, "torch", 7_037_504, _DENSENET),
    "densenet169": _application("DenseNet169", 224, "torch", 12_642_880, _DENSENET),
    "densenet201": _application("DenseNet201", 224, "torch", 18_321_984, _DENSENET),
    "efficientnet_b0": _application("EfficientNetB0", 224, "included", 4_049_571, _EFFICIENT),
    "efficientnet_b1": _application("EfficientNetB1", 240, "included", 6_575_239, _EFFICIENT),
    "efficientnet_b2": _application("EfficientNetB2", 260, "included", 7_768_569, _EFFICIENT, dropout=0.3),
    "efficientnet_b3": _application("EfficientNetB3", 300, "included", 10_783_535, _EFFICIENT, dropout=0.3),
    "efficientnet_b4": _application("EfficientNetB4", 380, "included", 17_673_823, _EFFICIENT, dropout=0.4),
    "efficientnet_b5": _application("EfficientNetB5", 456, "included", 28_513_527, _EFFICIENT, dropout=0.4),
    "efficientnet_b6": _application("EfficientNetB6", 528, "included", 40_960_143, _EFFICIENT, dropout=0.5),
    "efficientnet_b7": _application("EfficientNetB7", 600, "included", 64_097_687, _EFFICIENT, dropout=0.5),
    "efficientnet_v2_b0": _application("EfficientNetV2B0", 224, "torch", 5_919_312, _EFFICIENT_V2, arguments=_UNSCALED),
    "efficientnet_v2_b1": _application("EfficientNetV2B1", 240, "torch", 6_931_124, _EFFICIENT_V2, arguments=_UNSCALED),
    "efficientnet_v2_b2": _application("EfficientNetV2B2", 260, "torch", 8_769_374, _EFFICIENT_V2, arguments=_UNSCALED),
    "efficientnet_v2_b3": _application(
        "EfficientNetV2B3", 300, "torch", 12_930_622, _EFFICIENT_V2, arguments=_UNSCALED
    ),
    "efficientnet_v2_s": _application("EfficientNetV2S", 384, "tf128", 20_331_360, _EFFICIENT_V2, arguments=_UNSCALED),
    "efficientnet_v2_m": _application("EfficientNetV2M", 480, "tf128", 53_150_388, _EFFICIENT_V2, arguments=_UNSCALED),
    "efficientnet_v2_l": _application("EfficientNetV2L", 480, "tf128", 117_746_848, _EFFICIENT_V2, arguments=_UNSCALED),
    "convnext_tiny": _application("ConvNeXtTiny", 224, "torch", 27_820_128, _CONVNEXT, arguments=_UNSCALED),
    "convnext_small": _application("ConvNeXtSmall", 224, "torch", 49_454_688, _CONVNEXT, arguments=_UNSCALED),
    "convnext_base": _application("ConvNeXtBase", 224, "torch", 87_566_464, _CONVNEXT, arguments=_UNSCALED),
    "convnext_large": _application("ConvNeXtLarge", 224, "torch", 196_230_336, _CONVNEXT, arguments=_UNSCALED),
    "convnext_xlarge": _application("ConvNeXtXLarge", 224, "torch", 348_147_968, _CONVNEXT, arguments=_UNSCALED),
    "mobilenet": _application("MobileNet", 224, "tf", 3_228_864, _MOBILE),
    "mobilenet_025": _application(
        "MobileNet", 224, "tf", 218_544, f"{_MOBILE}, a quarter as wide", arguments={"alpha": 0.25}
    ),
    "mobilenet_v2": _application("MobileNetV2", 224, "tf", 2_257_984, _MOBILE_V2),
    "mobilenet_v3_small": _application(
        "MobileNetV3Small", 224, "tf", 939_120, _MOBILE_V3, arguments=_UNSCALED, head_layers=2
    ),
    "mobilenet_v3_large": _application(
        "MobileNetV3Large", 224, "tf", 2_996_352, _MOBILE_V3, arguments=_UNSCALED, head_layers=2
    ),
    "xception": _application("Xception", 299, "tf", 20_861_480, "Chollet 2017", smallest=71),
    "inception_v3": _application("InceptionV3", 299, "tf", 21_802_784, _INCEPTION, smallest=75),
    "inception_resnet_v2": _application("InceptionResNetV2", 299, "tf", 54_336_736, _INCEPTION_RESNET, smallest=75),
    "vgg16": _application("VGG16", 224, "caffe", 14_714_688, _VGG, head_layers=3),
    "vgg19": _application("VGG19", 224, "caffe", 20_024_384, _VGG, head_layers=3),
    "nasnet_mobile": _application("NASNetMobile", 224, "tf", 4_269_716, _NASNET),
    "nasnet_large": _application("NASNetLarge", 331, "tf", 84_916_818, _NASNET),
    "resnext50_32x4d": _resnext((3, 4, 6, 3), 4, 23_048_128, "Xie et al. 2017", "timm/resnext50_32x4d.tv_in1k"),
    "ig_resnext101_32x8d": _resnext(
        (3, 4, 23, 3), 8, 86_945_216, _INSTAGRAM, "timm/resnext101_32x8d.fb_wsl_ig1b_ft_in1k"
    ),
    "ig_resnext101_32x16d": _resnext(
        (3, 4, 23, 3), 16, 192_310_720, _INSTAGRAM, "timm/resnext101_32x16d.fb_wsl_ig1b_ft_in1k"
    ),
}


def list_models() -> list[str]:
    """Returns the names that `build_classifier` takes, sorted."""
    return sorted(BACKBONES)


def backbone(name: str) -> Backbone:
    """Returns the row of `name`.

    Raises:
        UnknownNameError: No such model; lists the choices and the nearest one.
    """
    if name not in BACKBONES:
        raise UnknownNameError("model", name, BACKBONES)
    return BACKBONES[name]


def check_side(name: str, side: int) -> None:
    """Looks whether a network takes images of so many pixels.

    Args:
        name: A name from `list_models()`.
        side: The shorter side, in pixels.

    Raises:
        UnknownNameError: No such model.
        InvalidArgumentError: The images are too small for it.
    """
    smallest = backbone(name).smallest
    if side < smallest:
        raise InvalidArgumentError(
            "image_size", f"larger (--image-size): {name} takes {smallest} x {smallest} pixels and more", side
        )
