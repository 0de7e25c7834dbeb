"""`explain`: where a trained classifier looks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from keras_sketch.curation.imagenet import display_names
from keras_sketch.errors import InvalidArgumentError, UnknownNameError
from keras_sketch.workflows.arguments import picture_path
from keras_sketch.workflows.classification import classify

if TYPE_CHECKING:
    import keras
    import numpy as np

Method = Literal["gradcam", "gradcam++", "eigencam", "layercam", "scorecam", "all", "channels"]


def explain(
    run: str,
    images: tuple[str, ...],
    class_name: str | None = None,
    method: Method = "gradcam",
    layer: str | None = None,
    faithfulness: bool = False,
    output: str | None = None,
) -> Path:
    """Draws heat maps over image files, or what a layer makes of them.

    Args:
        run: The run's folder, or a .keras file of this package.
        images: PNG, JPEG, GIF or BMP files.
        class_name: The class to explain. Default: for each image the predicted one.
        method: How heat is computed; "all" draws a column for each way, "channels" the layer's channels instead of
            heat. scorecam runs the network once for each channel: minutes for an image and a large network.
        layer: The layer to look at. Default: the last one before global pooling.
        faithfulness: Also print whether the heat shows what counts: the mean probability of the class while the image
            is drawn, and rubbed out, hottest strokes first, beside maps that know nothing of the network.
        output: The picture to write. Default: the method's name with .png.

    Returns:
        The picture's path.

    Raises:
        KerasSketchError: No finished run there, a file that is no image, no such class or layer, or options that do not
            go together.
    """
    picture = picture_path(output or f"{method}.png")
    if method == "channels" and (faithfulness or class_name is not None):
        option, value = ("faithfulness", True) if faithfulness else ("class_name", class_name)
        raise InvalidArgumentError(option, "left out with --method channels, which draws no heat", value)
    model, pixels, probabilities = classify(run, images)
    wanted, shown = probabilities.argmax(axis=-1), display_names(model.class_names)
    if class_name is not None:
        names = model.class_names if class_name in model.class_names else shown
        if class_name not in names:
            raise UnknownNameError("class", class_name, names)
        wanted[:] = names.index(class_name)
    titles = [
        f"{Path(path).name}: {shown[label]} ({row[label]:.0%})"
        for path, row, label in zip(images, probabilities, wanted, strict=True)
    ]
    if method == "channels":
        _draw_channels(picture, model, pixels, titles, layer)
    else:
        heat = _draw_heat(picture, model, pixels, titles, wanted, method, layer)
        if faithfulness:
            _print_faithfulness(model, pixels, wanted, heat)
    print(picture)
    return picture


def _draw_channels(picture: Path, model: keras.Model, pixels: np.ndarray, titles: list[str], layer: str | None) -> None:
    from keras_sketch.explain import activations, feature_layer_name
    from keras_sketch.explain.activation_grid import write_activation_grid

    name = layer or feature_layer_name(model)
    write_activation_grid(picture, pixels, activations(model, pixels, name), titles, name)


def _draw_heat(
    picture: Path,
    model: keras.Model,
    pixels: np.ndarray,
    titles: list[str],
    wanted: np.ndarray,
    method: Method,
    layer: str | None,
) -> dict[str, np.ndarray]:
    from keras_sketch.explain import METHODS, gradcam
    from keras_sketch.explain.overlay import write_gradcam_grid, write_method_grid

    methods = METHODS if method == "all" else [method]
    heat = {name: gradcam(model, pixels, wanted, name, layer) for name in methods}
    if method == "all":
        write_method_grid(picture, pixels, heat, titles)
    else:
        write_gradcam_grid(picture, pixels, heat[method], titles)
    return heat


def _print_faithfulness(
    model: keras.Model, pixels: np.ndarray, wanted: np.ndarray, heat: dict[str, np.ndarray]
) -> None:
    from keras_sketch.explain import control_maps, faithfulness

    print(f"{'heat':<10} {'drawn':>6} {'rubbed out':>11} {'difference':>11}  95 % interval")
    for name, maps in {**heat, **control_maps(pixels)}.items():
        figures = faithfulness(model, pixels, maps, wanted).figures()
        interval = "" if figures["low"] is None else f"{figures['low']:+.3f} to {figures['high']:+.3f}"
        line = f"{name:<10} {figures['insertion']:>6.3f} {figures['deletion']:>11.3f} {figures['score']:>+11.3f}"
        print(f"{line}  {interval}".rstrip())
