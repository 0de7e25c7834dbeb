"""`explain`: where a trained classifier looks."""

from __future__ import annotations

from pathlib import Path

from keras_sketch.errors import MissingDataError, UnknownNameError
from keras_sketch.workflows.classification import classify


def explain(run: str, images: tuple[str, ...], class_name: str | None = None, output: str = "gradcam.png") -> Path:
    """Draws Grad-CAM heat maps over image files.

    Args:
        run: The run's folder, or a .keras file of this package.
        images: PNG, JPEG, GIF or BMP files.
        class_name: The class to explain. Default: for each image the predicted one.
        output: The picture to write.

    Returns:
        The picture's path.

    Raises:
        KerasSketchError: No finished run there, a file that is no image, or no such class.
    """
    if not Path(output).absolute().parent.is_dir():
        raise MissingDataError(f"The folder of {output} does not exist. Make it, or choose another --output.")
    model, pixels, probabilities = classify(run, images)
    if class_name is not None and class_name not in model.class_names:
        raise UnknownNameError("class", class_name, model.class_names)
    from keras_sketch.explain import gradcam
    from keras_sketch.explain.overlay import write_gradcam_grid

    wanted = probabilities.argmax(axis=-1)
    if class_name is not None:
        wanted[:] = model.class_names.index(class_name)
    titles = [
        f"{Path(path).name}: {model.class_names[label]} ({row[label]:.0%})"
        for path, row, label in zip(images, probabilities, wanted, strict=True)
    ]
    write_gradcam_grid(output, pixels, gradcam(model, pixels, class_index=wanted), titles)
    print(output)
    return Path(output)
