"""What comes between a person's pixels and a backbone: inverting, grey to three channels, scaling."""

from __future__ import annotations

from keras import layers

from keras_sketch.models.layers import LightOnDark, RgbToBgr

_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)

SCALINGS: dict[str, dict | None] = {
    "unit": dict(scale=1 / 255),
    "tf": dict(scale=1 / 127.5, offset=-1.0),
    "tf128": dict(scale=1 / 128, offset=-1.0),
    "torch": dict(
        scale=[1 / (255 * deviation) for deviation in _DEVIATION],
        offset=[-mean / deviation for mean, deviation in zip(_MEAN, _DEVIATION, strict=True)],
    ),
    "caffe": dict(scale=1.0, offset=[-103.939, -116.779, -123.68]),
    "places365": dict(scale=1.0, offset=[-104.006, -116.669, -122.679]),
    "included": None,
}
"""How pixels 0..255 become what a backbone's weights were trained on, by the names in `keras.applications`.

`"unit"`: 0..1; `"tf"`: -1..1; `"tf128"`: -1..0.99; `"torch"`: less ImageNet's mean, by its standard deviation;
`"caffe"`: blue, green, red, less ImageNet's mean; `"places365"`: the same, less the mean that is taken from images for
G. Kalliatakis' Keras files of VGG16-Places365; `"included"`: the backbone has layers for it.
"""

_BGR = ("caffe", "places365")


def prepare_pixels(pixels, channels: int | None, light_on_dark: bool):
    """Puts the layers in front of a backbone that do not depend on its weights; they compute in float32.

    Args:
        pixels: `[N, H, W, C]` in 0..255.
        channels: What the backbone takes; None: whatever there is.
        light_on_dark: Whether bright images are inverted.

    Returns:
        float32 `[N, H, W, channels or C]` in 0..255.
    """
    x = pixels
    if light_on_dark:
        x = LightOnDark(name="light_on_dark")(x)
    if channels == 3 and x.shape[-1] == 1:
        x = layers.Concatenate(dtype="float32", name="rgb")([x, x, x])
    return x


def scale_pixels(pixels, scaling: str, tower: str | None = None):
    """Puts the layers in front of a backbone that scale as its weights were trained; they compute in float32.

    Args:
        pixels: float32 `[N, H, W, C]` in 0..255, red, green, blue.
        scaling: A name from `SCALINGS`.
        tower: The network's name where it is one of several; it ends the layers' names.

    Returns:
        float32 `[N, H, W, C]`.
    """
    end = f"_{tower}" if tower else ""
    x = RgbToBgr(name=f"bgr{end}")(pixels) if scaling in _BGR else pixels
    arguments = SCALINGS[scaling]
    return layers.Rescaling(**arguments, dtype="float32", name=f"scaling{end}")(x) if arguments else x
