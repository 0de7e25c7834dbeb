"""Photos of two things, and their local features."""

import functools

import cv2
import keras
import numpy as np
import pytest

from keras_sketch.models.delf import local_feature_network
from keras_sketch.workflows import extract


@pytest.fixture(scope="session")
def things(tmp_path_factory):
    """Two things of 14 photos each: the same patches for all of one, a little brighter or darker."""
    folder, random = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for name in ("arch", "tower"):
        thing = np.kron(random.integers(40, 216, (12, 12, 3)), np.ones((8, 8, 1)))
        (folder / name).mkdir()
        for number in range(14):
            photo = thing * random.uniform(0.9, 1.1) + random.normal(0, 3, thing.shape)
            cv2.imwrite(str(folder / name / f"{number}.png"), np.clip(photo, 0, 255).astype("uint8"))
    return folder


@pytest.fixture(scope="session")
def things_store(things, tmp_path_factory):
    folder = tmp_path_factory.mktemp("extracted")
    keras.utils.set_random_seed(0)
    keras.applications.MobileNet((32, 32, 3), alpha=0.25, weights=None).save_weights(folder / "net.weights.h5")
    with pytest.MonkeyPatch.context() as patch:
        fewer = functools.partial(local_feature_network, scales=(1.0,))
        patch.setattr("keras_sketch.local_features.extractor.local_feature_network", fewer)
        return extract(
            network="mobilenet_025", dataset="folder", manual_dir=str(things), data_dir=str(folder / "data"),
            weights=str(folder / "net.weights.h5"), image_size=96, dimensions=8, layer="conv_pw_2_relu",
            max_features=60, output_dir=str(folder / "things"),
        )  # fmt: skip
