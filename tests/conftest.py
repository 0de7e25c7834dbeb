"""Tiny datasets that the tests make themselves, and the real samples where KERAS_SKETCH_SAMPLES points at them."""

import gc
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pytest

# TensorFlow's graphs are millions of objects: at Python's thresholds the collector takes a twelfth of the time.
gc.set_threshold(50_000, 20, 20)


@pytest.fixture(scope="session")
def samples():
    """The folder of the real samples."""
    folder = os.environ.get("KERAS_SKETCH_SAMPLES")
    if not folder:
        pytest.skip("KERAS_SKETCH_SAMPLES is not set")
    return Path(folder)


@pytest.fixture(scope="session")
def bars(tmp_path_factory):
    """A manual folder in QuickDraw's bitmap layout: bars that stand, lie or lean, 60 of each."""
    folder = tmp_path_factory.mktemp("bars")
    random = np.random.default_rng(0)
    for name in ("arm", "belt", "cloud"):
        images = np.zeros((60, 28, 28), "uint8")
        for image in images:
            place, length = random.integers(4, 22), random.integers(10, 20)
            if name == "arm":
                image[4 : 4 + length, place : place + 2] = 255
            elif name == "belt":
                image[place : place + 2, 4 : 4 + length] = 255
            else:
                image[range(4, 4 + length), range(4, 4 + length)] = 255
        np.save(folder / f"{name}.npy", images.reshape(60, 784))
    return folder


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """Where tests keep prepared datasets."""
    return tmp_path_factory.mktemp("prepared")


@pytest.fixture(scope="session")
def dataset(bars, prepared):
    """The bars, prepared and open: train, validation and test."""
    from keras_sketch.data import open_dataset

    return open_dataset("quickdraw", config="bitmap", data_dir=prepared, manual_dir=bars)


@pytest.fixture(scope="session")
def run(bars, prepared, tmp_path_factory):
    """The folder of a finished run on the bars, for all tests: to be copied before it is changed."""
    from keras_sketch import train

    folder = tmp_path_factory.mktemp("runs") / "bars"
    return train(
        dataset="quickdraw", config="bitmap", model="quickdraw_cnn", batch_size=16, epochs=2, learning_rate=1e-3,
        data_dir=str(prepared), manual_dir=str(bars), output_dir=str(folder),
    )  # fmt: skip


@pytest.fixture(scope="session")
def landmarks(tmp_path_factory):
    """A manual folder in GLDv2's layout: three landmarks of 30 photos, stripes of a colour each, and six of none."""
    import cv2

    folder, random = tmp_path_factory.mktemp("landmarks"), np.random.default_rng(0)
    lists = {"train.csv": ["id,url,landmark_id"], "recognition_solution_v2.1.csv": ["id,landmarks,Usage"]}
    for number in range(96):
        kind, image = number % 3, f"{number % 16:x}{number:015x}"
        photo = random.integers(0, 60, (48, 64, 3), "uint8")
        if number < 90:
            photo[:, :, kind] += np.uint8(150) * (np.arange(64) // (2 + 2 * kind) % 2).astype("uint8")
            address = f"https://upload.wikimedia.org/wikipedia/commons/0/00/Photo_{number}.jpg"
            lists["train.csv"].append(f"{image},{address},{(7, 99, 140690)[kind]}")
        else:
            lists["recognition_solution_v2.1.csv"].append(f"{image},,Private")
        place = folder / ("train" if number < 90 else "test") / image[0] / image[1] / image[2]
        place.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(place / f"{image}.jpg"), photo)
    for name, lines in lists.items():
        (folder / name).write_text("\n".join(lines) + "\n")
    return folder
