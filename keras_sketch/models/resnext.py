"""ResNeXt, a residual network whose middle convolutions are divided into groups."""

from __future__ import annotations

from collections.abc import Sequence

from keras import layers


def resnext(scaled, depths: Sequence[int], width: int, cardinality: int = 32):
    """Builds the published network (Xie et al. 2017, arXiv:1611.05431) as torchvision and timm define it.

    Strided convolutions and the pooling are padded alike on all sides, as theirs are; Keras' `"same"` pads the far
    sides alone. The layers' names are those of Keras' ResNet.

    Args:
        scaled: float32 `[N, H, W, 3]`.
        depths: Blocks at a quarter, an eighth, a 16th and a 32nd of the image's side.
        width: Channels of a group in the first of them, doubling from one to the next.
        cardinality: Groups.

    Returns:
        Features, `[N, H / 32, W / 32, 2048]`.
    """
    x = layers.ZeroPadding2D(3, name="conv1_pad")(scaled)
    x = _convolution(x, 64, 7, "conv1", strides=2)
    x = layers.ReLU(name="conv1_relu")(x)
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
    for stage, depth in enumerate(depths):
        for block in range(depth):
            strides = 2 if stage and not block else 1
            x = _block(x, 64 * 2**stage, width, cardinality, strides, f"conv{stage + 2}_block{block + 1}")
    return x


def _block(x, planes: int, width: int, groups: int, strides: int, name: str):
    filters = planes * width // 64 * groups
    y = _convolution(x, filters, 1, f"{name}_1")
    y = layers.ReLU(name=f"{name}_1_relu")(y)
    if strides > 1:
        y = layers.ZeroPadding2D(1, name=f"{name}_2_pad")(y)
    y = _convolution(y, filters, 3, f"{name}_2", strides, groups, padding="valid" if strides > 1 else "same")
    y = layers.ReLU(name=f"{name}_2_relu")(y)
    y = _convolution(y, 4 * planes, 1, f"{name}_3")
    if x.shape[-1] != 4 * planes:
        x = _convolution(x, 4 * planes, 1, f"{name}_0", strides)
    return layers.ReLU(name=f"{name}_out")(layers.Add(name=f"{name}_add")([x, y]))


def _convolution(x, filters: int, size: int, name: str, strides: int = 1, groups: int = 1, padding: str = "valid"):
    """A convolution and its normalization, with the constants of PyTorch's."""
    x = layers.Conv2D(
        filters,
        size,
        strides=strides,
        padding=padding,
        groups=groups,
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(x)
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_bn")(x)
