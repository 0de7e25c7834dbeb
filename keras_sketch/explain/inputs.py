"""What `gradcam` and its kin are given, checked."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from keras_sketch.errors import InvalidArgumentError


def as_batch(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Checks that the model can be explained and takes these images; builds a Sequential model that is not built yet.

    Args:
        model: A Functional or Sequential classifier.
        images: uint8 or float `[N, H, W, C]`, or one image `[H, W, C]`; pixels in 0..255.

    Returns:
        The images, `[N, H, W, C]`.

    Raises:
        InvalidArgumentError: Images that the model does not take, or a model that is not an image classifier.
    """
    images = np.asarray(images)
    images = images[None] if images.ndim == 3 else images
    if images.ndim != 4 or images.dtype.kind not in "uif":
        received = f"{images.dtype} {list(images.shape)}"
        raise InvalidArgumentError("images", "numbers of shape [N, H, W, C] or [H, W, C]", received)
    if isinstance(model, keras.Sequential) and not model.built:
        model.build((None, *images.shape[1:]))
    shapes = [value.shape for value in getattr(model, "inputs", None) or []]
    if len(shapes) != 1 or len(shapes[0]) != 4 or len(model.outputs) != 1 or len(model.outputs[0].shape) != 2:
        raise InvalidArgumentError(
            "model", "a Functional or Sequential network from one image input to logits [N, K]", model.name
        )
    if any(wanted not in (None, size) for wanted, size in zip(shapes[0][1:], images.shape[1:], strict=True)):
        wanted = ", ".join(str(size or "any") for size in shapes[0][1:])
        raise InvalidArgumentError("images", f"of the shape that {model.name!r} takes, [N, {wanted}]", images.shape)
    return images


def as_classes(model: keras.Model, class_index: int | Sequence[int] | None, count: int) -> np.ndarray:
    """Gives one class for each of `count` images, int32 `[count]`; -1 stands for the predicted one.

    Raises:
        InvalidArgumentError: A class that does not exist, or another number of classes.
    """
    if class_index is None:
        return np.full(count, -1, np.int32)
    known = model.outputs[0].shape[-1]
    classes = np.asarray(class_index)
    allowed = f"None, an integer in 0..{known - 1} or one for each of the {count} images"
    if classes.shape not in ((), (count,)) or (classes.size and classes.dtype.kind not in "iu"):
        raise InvalidArgumentError("class_index", allowed, class_index)
    if ((classes < 0) | (classes >= known)).any():
        raise InvalidArgumentError("class_index", allowed, class_index)
    return np.broadcast_to(classes, [count]).astype(np.int32)
