"""How fast is the fused warp beside the five layers of Keras, and the five of KerasCV, that it replaces?

    python benchmarks/augment.py                    # drawings of its own
    python benchmarks/augment.py --samples DIR      # or KERAS_SKETCH_SAMPLES: those in DIR/sketchy

All three do flip, zoom, shear, rotation, width and height shift with the same ranges, bilinear interpolation and paper
as fill, through the same `tf.data` pipeline: uint8 RGB images of 224 x 224 px lie in memory; they are numbered, batched
by 32, mapped to float32 batches with `num_parallel_calls=AUTOTUNE`, and prefetched, as in `ImageSplit.training`. Timed
is a pass over the pipeline, from the call for its iterator to the last batch. Ours includes drawing each example's
random numbers from (seed, epoch, index), theirs their own. One pass of each beforehand is not counted: TensorFlow
traces the functions in it, and XLA compiles ours. "nothing" is the pipeline with a mere change to float32.

Runs are interleaved: one of each, nine times. Processor time is that of the whole process. It exits with 1 if either
ratio of the medians is below 4.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cv2
import keras
import keras_cv
import numpy as np
import tensorflow as tf

from keras_sketch.data.augmentation import draw, make_augment
from keras_sketch.recipes import Augmentation

REQUIRED = 4.0
SIDE, BATCH, PAPER = 224, 32, 255
RANGES = Augmentation(rotation=20, shear=10, zoom=(0.8, 1.25), shift=0.1, flip=0.5, fill=PAPER)


def main() -> int:
    """Runs the comparison and prints it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", default=os.environ.get("KERAS_SKETCH_SAMPLES"), help="folder with sketchy/ in it")
    parser.add_argument("--batches", type=int, default=10, help="of 32 images, a pass (default %(default)s)")
    parser.add_argument("--runs", type=int, default=9, help="of each (default %(default)s)")
    arguments = parser.parse_args()
    images = drawings(arguments.samples)
    pipelines = {
        "ours": pipeline(images, arguments.batches, ours()),
        "Keras": pipeline(images, arguments.batches, five_layers(keras.layers)),
        "KerasCV": pipeline(images, arguments.batches, five_layers(keras_cv.layers)),
        "nothing": pipeline(images, arguments.batches, lambda indices, images: tf.cast(images, tf.float32)),
    }
    for each in pipelines.values():
        timed(each)
    seconds, processor = ({name: [] for name in pipelines} for _ in range(2))
    for _ in range(arguments.runs):
        for name, each in pipelines.items():
            for measured, value in zip((seconds, processor), timed(each), strict=True):
                measured[name].append(value)
    return report(arguments.batches * BATCH, seconds, processor)


def drawings(samples: str | None) -> np.ndarray:
    """Returns uint8 `[64, 224, 224, 3]`: Sketchy's, where the samples hold them, else random strokes."""
    files = sorted(Path(samples).glob("sketchy/256x256/sketch/*/*/*.png"))[::20][:64] if samples else []
    print(f"{len(files)} of Sketchy's drawings" if files else "64 drawings of random strokes")
    if files:
        read = (cv2.imread(str(file)) for file in files)
        return np.stack([cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for image in read])
    random = np.random.default_rng(0)
    images = np.full((64, SIDE, SIDE, 3), PAPER, np.uint8)
    for image in images:
        strokes = [random.integers(20, SIDE - 20, (12, 2)).astype(np.int32) for _ in range(4)]
        cv2.polylines(image, strokes, False, (0, 0, 0), 2, cv2.LINE_AA)
    return images


def pipeline(images: np.ndarray, batches: int, augment) -> tf.data.Dataset:
    """Returns `batches` batches of `augment`'s float32 images."""
    examples = tf.data.Dataset.from_tensor_slices(images).repeat().take(batches * BATCH).enumerate()
    mapped = examples.batch(BATCH, drop_remainder=True).map(augment, num_parallel_calls=tf.data.AUTOTUNE)
    return mapped.prefetch(tf.data.AUTOTUNE)


def ours():
    """Returns what `ImageSplit.training` maps its batches with."""
    augment = make_augment(RANGES, num_classes=2)

    def apply(indices, images):
        zeros = tf.zeros_like(indices)
        return augment(images, zeros, draw(0, zeros, indices))[0]

    return apply


def five_layers(layers):
    """Returns the five layers of a library, one after another, in our order."""
    settings = {"fill_mode": "constant", "fill_value": float(PAPER)}
    shear = {"y_factor": 0.0} if layers is keras.layers else {}
    chain = [
        layers.RandomFlip("horizontal"),
        layers.RandomZoom((-0.2, 0.25), **settings),
        layers.RandomShear(x_factor=(0.0, float(np.tan(np.radians(RANGES.shear)))), **shear, **settings),
        layers.RandomRotation(RANGES.rotation / 360, **settings),
        layers.RandomTranslation(RANGES.shift, RANGES.shift, **settings),
    ]

    def apply(indices, images):
        images = tf.cast(images, tf.float32)
        for layer in chain:
            images = layer(images, training=True)
        return images

    return apply


def timed(dataset: tf.data.Dataset) -> tuple[float, float]:
    """Returns the seconds, and the processor's, of a pass."""
    start, processor = time.perf_counter(), time.process_time()
    for _ in dataset:
        pass
    return time.perf_counter() - start, time.process_time() - processor


def report(images: int, seconds: dict[str, list[float]], processor: dict[str, list[float]]) -> int:
    """Prints images a second, the milliseconds of processor time an image, and the ratios.

    Returns:
        0 if both ratios of the medians are at least `REQUIRED`, else 1.
    """
    for name, measured in seconds.items():
        rates = sorted(images / each for each in measured)
        milliseconds = 1000 * statistics.median(processor[name]) / images
        print(
            f"{name:8} {images / statistics.median(measured):8,.0f} images/s "
            f"(from {rates[0]:,.0f} to {rates[-1]:,.0f}), {milliseconds:.2f} ms of processor time an image"
        )
    enough = True
    for name in ("Keras", "KerasCV"):
        pairs = [theirs / own for theirs, own in zip(seconds[name], seconds["ours"], strict=True)]
        ratio = statistics.median(seconds[name]) / statistics.median(seconds["ours"])
        of_processor = statistics.median(processor[name]) / statistics.median(processor["ours"])
        print(
            f"ours / {name}: {ratio:.1f} (required: {REQUIRED:.0f}); pair by pair from {min(pairs):.1f} to "
            f"{max(pairs):.1f}; of processor times {of_processor:.1f}"
        )
        enough = enough and ratio >= REQUIRED
    return 0 if enough else 1


if __name__ == "__main__":
    sys.exit(main())
