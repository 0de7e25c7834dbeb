"""A SavedModel that takes image files, or pixels, and answers with class names."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from keras_sketch.errors import InvalidArgumentError, RunFolderError
from keras_sketch.exporting.archive import metadata_text
from keras_sketch.exporting.reading import read_files
from keras_sketch.files import temporary_sibling
from keras_sketch.losses.activation import activation_of


def export_saved_model(
    model: keras.Model,
    folder: str | os.PathLike[str],
    class_names: Sequence[str],
    preprocess: Callable[[tf.Tensor], tf.Tensor],
    k: int = 5,
    metadata: dict[str, Any] | None = None,
) -> None:
    """Writes a SavedModel with two signatures, which needs neither Keras nor this package to run.

    `serving_default` takes `image_bytes`, string `[N]`: whole PNG, JPEG, GIF or BMP files, read as `decode_image` reads
    them. `pixels` takes `images`, uint8 `[N, H, W, C]` of the model's size. N may be 0. Both return `probabilities`
    (float32 `[N, K]`, in the order of `class_names`), `labels` (string `[N, k]`) and `scores` (float32 `[N, k]`), best
    first. One file that cannot be decoded fails its whole request with `InvalidArgumentError`, which names each such
    file by its place, `image_bytes[2]`, and says why. What declares more pixels than `check_image` allows is refused
    before memory is taken for it.

    `assets.extra/` in the folder holds `labels.txt` (a class a line) and `keras_sketch.json` (the metadata). An export
    that is there already is replaced only once the new one is complete.

    Args:
        model: Maps pixels 0..255 of shape `[N, H, W, C]`, C 1 (luminance) or 3 (RGB), to logits `[N, K]`.
        folder: Where to write; a new folder, an empty one, or an earlier export.
        class_names: K names in the order of the outputs.
        preprocess: TensorFlow function that makes a decoded image, uint8 `[h, w, C]`, into `[H, W, C]`.
        k: How many of the best classes to name; all of them if there are fewer.
        metadata: What else is to be stored, as JSON. Its `recipe`'s loss says what makes probabilities of the logits:
            a softmax, or a sigmoid of each, whose probabilities do not sum to 1.

    Raises:
        UnknownNameError: There is no such loss.
        InvalidArgumentError: The model is no image classifier of fixed size, or another argument does not fit it.
        RunFolderError: The folder holds something else, or cannot be written.
    """
    names = list(class_names or ())
    shape = _input_shape(model, names)
    if not isinstance(k, int) or k < 1:
        raise InvalidArgumentError("k", "a positive whole number", k)
    text = metadata_text({**(metadata or {}), "class_names": names})
    activation = activation_of((metadata or {}).get("recipe"))
    folder = Path(os.path.abspath(folder))
    _check_replaceable(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with temporary_sibling(folder) as temporary:
            archive = _archive(model, shape, names, preprocess, min(k, len(names)), activation)
            archive.write_out(temporary, verbose=False)
            extra = temporary / "assets.extra"
            extra.mkdir()
            (extra / "labels.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
            (extra / "keras_sketch.json").write_text(text, encoding="utf-8")
            _replace(folder, temporary)
    except OSError as error:
        raise RunFolderError(f"Cannot write the SavedModel {folder}: {error.strerror or error}.") from error


def _input_shape(model, names) -> tuple[int, int, int]:
    shape = tuple(model.input_shape[1:]) if len(model.inputs) == 1 else ()
    if len(shape) != 3 or None in shape or shape[-1] not in (1, 3) or len(model.output_shape) != 2:
        allowed = "a network from one input [N, H, W, 1 or 3] of fixed size to logits [N, K]"
        raise InvalidArgumentError("model", allowed, f"{model.name}, {model.input_shape} to {model.output_shape}")
    outputs = model.output_shape[-1]
    if len(names) != outputs or len(set(names)) != outputs:
        received = f"{len(names)} names, {len(set(names))} of them different"
        raise InvalidArgumentError("class_names", f"{outputs} different names, one for each output", received)
    return shape


def _check_replaceable(folder: Path) -> None:
    if not folder.exists() or (folder / "saved_model.pb").is_file():
        return
    if not folder.is_dir() or any(folder.iterdir()):
        raise RunFolderError(f"{folder} is there and is not a SavedModel: name another folder, or empty it first.")


def _archive(model, shape, names, preprocess, k, activation) -> keras.export.ExportArchive:
    def answer(images):
        count = tf.shape(images)[0]
        # TensorFlow's fused convolution gives a wrong shape for no images, so it gets a black one in their place.
        images = tf.pad(tf.cast(images, tf.float32), [[0, tf.cast(count == 0, tf.int32)], [0, 0], [0, 0], [0, 0]])
        logits = tf.cast(model(images, training=False), tf.float32)[:count]
        probabilities = tf.sigmoid(logits) if activation == "sigmoid" else tf.nn.softmax(logits)
        scores, best = tf.math.top_k(probabilities, k)
        return {"probabilities": probabilities, "labels": tf.gather(tf.constant(names), best), "scores": scores}

    def answer_files(image_bytes):
        return answer(read_files(image_bytes, preprocess, shape))

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serving_default", answer_files, [tf.TensorSpec([None], tf.string, name="image_bytes")])
    archive.add_endpoint("pixels", answer, [tf.TensorSpec([None, *shape], tf.uint8, name="images")])
    return archive


def _replace(folder: Path, new: Path) -> None:
    """Gives `new` the name `folder`; what had it goes away with the temporary folder, or comes back on failure."""
    old = new.with_name(f"{new.name}.old")
    had_one = folder.exists()
    if had_one:
        os.rename(folder, old)
    try:
        os.rename(new, folder)
    except OSError:
        if had_one:
            os.rename(old, folder)
        raise
