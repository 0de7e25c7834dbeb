"""Image files as an exported graph reads them: each by itself, and those that cannot be read by their place."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from keras_sketch.curation.decode import decode_image
from keras_sketch.curation.image_header import MAX_PIXELS
from keras_sketch.curation.refusal import declared

_AT_ONCE = 8


def read_files(
    image_bytes: tf.Tensor, preprocess: Callable[[tf.Tensor], tf.Tensor], shape: tuple[int, int, int]
) -> tf.Tensor:
    """Reads the files of a request, as many at once as together have the pixels of the largest that is allowed.

    An operation that fails ends the graph that it is in. Only a `tf.data` pipeline goes on after it, so each file is an
    element of one; what is missing at its end could not be decoded.

    Args:
        image_bytes: String `[N]`, whole files.
        preprocess: Makes a decoded image, uint8 `[h, w, C]`, into `[H, W, C]`.
        shape: H, W and C.

    Returns:
        float32 `[N, H, W, C]`.

    Raises:
        tf.errors.InvalidArgumentError: When the graph runs, if any file cannot be read: the place and the reason of
            each that cannot, `image_bytes[2]: the PNG declares 65535 x 65535 pixels, more than 52 million`.
    """

    @tf.autograph.experimental.do_not_convert
    def read(place):
        image = preprocess(decode_image(image_bytes[place], shape[-1]))
        return place, tf.ensure_shape(tf.cast(image, tf.float32), shape)

    reasons, pixels = tf.map_fn(declared, image_bytes, fn_output_signature=(tf.string, tf.int64))
    # One more than there are files, since a pipeline that yields nothing at all is an error.
    found = tf.data.Dataset.from_tensors((tf.constant(-1, tf.int64), tf.zeros(shape)))
    is_small = pixels <= MAX_PIXELS // _AT_ONCE
    for chosen, at_once in ((is_small, _AT_ONCE), (~is_small, None)):
        places = tf.data.Dataset.from_tensor_slices(tf.where(chosen & (reasons == ""))[:, 0])
        found = found.concatenate(places.map(read, at_once).ignore_errors())
    batch = found.batch(tf.size(image_bytes, tf.int64) + 1).with_options(_options())
    places, images = (part[1:] for part in batch.get_single_element())
    damaged = tf.where(reasons == "", "the image is damaged, truncated or of a rare kind", reasons)
    said = tf.tensor_scatter_nd_update(damaged, places[:, tf.newaxis], tf.fill(tf.shape(places), ""))
    with tf.control_dependencies([_check(said)]):
        return tf.gather(images, tf.argsort(places))


def _check(said: tf.Tensor) -> tf.Operation:
    bad = tf.where(said != "")[:, 0]
    named = tf.strings.join(["image_bytes[", tf.strings.as_string(bad), "]: ", tf.gather(said, bad)])
    return tf.debugging.Assert(tf.size(bad) == 0, [tf.strings.reduce_join(named, separator="; ")])


def _options() -> tf.data.Options:
    """Leaves out what pays for long pipelines: rewriting the graph of one takes longer than reading a small image."""
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    return options
