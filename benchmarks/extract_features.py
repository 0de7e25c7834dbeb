"""How fast is the extraction of local features, beside the bare convolutions on the same pyramid of images?

    python benchmarks/extract_features.py [--resnet50 FILE] [--sides 128,224]

with ResNet50 up to conv4, random where there is no weights' file. Both are given the same batches:

- bare: the images in the sizes of the pyramid, resized before the clock starts, go through the convolutions, all sizes
  in one `tf.function`, and nothing is done with the maps;
- extracted: `Extractor.stream` makes the pyramid, the maps, scores, keypoints and descriptors of 40 dimensions (PCA),
  and the features of each image as NumPy arrays.

A round takes each once, in turn; the figures are medians over the rounds. It exits with 1 if the rate of extraction is
below 0.8 of the bare one's at any size.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from keras_sketch import build_classifier
from keras_sketch.local_features import Extractor, make_extractor
from keras_sketch.models.antialiasing import resized
from keras_sketch.models.delf_layers import FeaturePyramid

REQUIRED = 0.8


def main() -> int:
    """Runs the comparison and prints it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--resnet50", help="weights' file of ResNet50 without its head")
    parser.add_argument("--sides", default="128,224", help="of the images, with commas (default %(default)s)")
    parser.add_argument("--batch", type=int, default=8, help="images a batch (default %(default)s)")
    parser.add_argument("--batches", type=int, default=2, help="a round (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=7, help="default %(default)s")
    arguments = parser.parse_args()
    classifier = build_classifier("resnet50", 2, (224, 224, 3), arguments.resnet50)
    extractor = make_extractor(classifier, dimensions=40)
    print(f"ResNet50 up to conv4, {'weights of a file' if arguments.resnet50 else 'random weights'}")
    enough = True
    for side in map(int, arguments.sides.split(",")):
        enough &= compare(extractor, side, arguments.batch, arguments.batches, arguments.rounds)
    return 0 if enough else 1


def compare(extractor: Extractor, side: int, batch: int, batches: int, rounds: int) -> bool:
    """Times one size of images, prints what comes out, and says whether it is enough."""
    images = [tf.constant(picture(batch, side, seed)) for seed in range(batches)]
    bare, sizes = bare_forward(extractor.network.get_layer("delf_pyramid"), side)
    pyramids = [[resized(each, *size) for size in sizes] for each in images]

    def run_bare():
        for pyramid in pyramids:
            bare(pyramid)[0].numpy()

    def run_extraction():
        return [len(each) for found in extractor.stream(images) for each in found]

    ways: dict[str, Callable] = {"bare": run_bare, "extracted": run_extraction}
    counts = [way() for way in ways.values()][1]
    times = {name: [] for name in ways}
    for _ in tqdm(range(rounds), desc=f"{side} px", disable=None, leave=False):
        for name, way in ways.items():
            begin = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - begin)
    rates = {name: batch * batches / np.median(taken) for name, taken in times.items()}
    ratio = rates["extracted"] / rates["bare"]
    pairs = [first / second for first, second in zip(times["bare"], times["extracted"], strict=True)]
    print(
        f"  {side} px, {len(sizes)} sizes, {np.median(counts):.0f} features an image: "
        f"bare {rates['bare']:.2f} images/s, extracted {rates['extracted']:.2f}; ratio {ratio:.2f} "
        f"(required: {REQUIRED}), pair by pair from {min(pairs):.2f} to {max(pairs):.2f}"
    )
    return ratio >= REQUIRED


def bare_forward(pyramid: FeaturePyramid, side: int) -> tuple[Callable, list[tuple[int, int]]]:
    """Returns what takes images of each size through the convolutions, and the sizes."""
    sizes = [size for size, grid in pyramid.grids(side, side) if grid]
    signature = [[tf.TensorSpec([None, *size, 3], tf.float32) for size in sizes]]
    network = pyramid.network
    forward = tf.function(
        lambda images: [network(each, training=False) for each in images], input_signature=signature, autograph=False
    )
    return forward, sizes


def picture(count: int, side: int, seed: int) -> np.ndarray:
    """Gives images of patches of many sizes, float32 in 0..255."""
    random = np.random.default_rng(seed)
    total = np.zeros((count, side, side, 3))
    for patch in (4, 8, 16, 32):
        cells = -(-side // patch)
        patches = np.kron(random.uniform(0, 64, (count, cells, cells, 3)), np.ones((1, patch, patch, 1)))
        total += patches[:, :side, :side]
    return total.astype("float32")


if __name__ == "__main__":
    sys.exit(main())
