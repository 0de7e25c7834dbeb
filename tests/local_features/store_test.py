import json

import numpy as np
import pytest

from keras_sketch.errors import BadDataError, MissingDataError
from keras_sketch.local_features import FeatureStoreWriter, LocalFeatures, LocalFeatureStore
from keras_sketch.local_features.store import CHUNK_IMAGES

COUNTS = {"train": CHUNK_IMAGES + 3, "empty": 0}


def features_of(image):
    """Features that say which image they are of; the first image has none."""
    random = np.random.default_rng(image)
    rows = random.normal(size=(image % 4, 6)).astype("float32")
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    numbers = np.arange(image % 4, dtype="float32")
    return LocalFeatures(np.stack([numbers + 3000.25, numbers + image], 1), numbers + 0.5, 9 - numbers, rows)


def fill(folder, splits=("train", "empty")):
    writer = FeatureStoreWriter(folder, COUNTS)
    written = []
    for split in splits:
        for images in writer.missing(split):
            ids = [f"photo {image} ä" for image in images]
            writer.write(split, images, ids, [image % 5 - 1 for image in images], [features_of(i) for i in images])
            written.append((split, images))
    return written


@pytest.fixture
def folder(tmp_path):
    settings = {"splits": COUNTS, "class_names": ["a", "b"], "dimensions": 6}
    (tmp_path / "extractor.json").write_text(json.dumps(settings))
    return tmp_path


def test_what_is_read_is_what_was_written(folder):
    assert [images for _, images in fill(folder)] == [range(512), range(512, 515)]
    store = LocalFeatureStore(folder)
    assert store.splits == ("train", "empty") and store.class_names == ("a", "b") and store.dimensions == 6
    found = list(store.read("train"))
    assert [name for name, _, _ in found] == [f"photo {image} ä" for image in range(515)]
    assert [label for _, label, _ in found] == [image % 5 - 1 for image in range(515)]
    for image, (_, _, features) in enumerate(found):
        expected = features_of(image)
        for field in ("locations", "scales", "scores"):
            np.testing.assert_array_equal(getattr(features, field), getattr(expected, field))
        np.testing.assert_allclose(features.descriptors, expected.descriptors, atol=3e-4)
        np.testing.assert_allclose(np.linalg.norm(features.descriptors, axis=1), 1, atol=1e-6)
    assert store.num_features("train") == sum(image % 4 for image in range(515)) and store.num_images("train") == 515
    assert list(store.read("empty")) == [] and store.num_features("empty") == 0


def test_only_what_is_missing_is_written_again_and_comes_out_the_same(folder):
    fill(folder)
    before = {file.name: file.read_bytes() for file in folder.glob("*.npz")}
    assert len(before) == 2 and fill(folder) == []
    (folder / "train-00001-of-00002.npz").unlink()
    assert fill(folder) == [("train", range(512, 515))]
    assert {file.name: file.read_bytes() for file in folder.glob("*.npz")} == before


@pytest.mark.parametrize("kept", [0, 100, 0.5, 0.99, -1])
def test_a_cut_file_is_noticed_and_made_anew(folder, kept, capsys):
    fill(folder)
    path = folder / "train-00001-of-00002.npz"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole)) if isinstance(kept, float) else kept])
    with pytest.raises(BadDataError, match="train-00001-of-00002.npz is damaged"):
        list(LocalFeatureStore(folder).read("train"))
    assert fill(folder) == [("train", range(512, 515))]
    assert "computing it again" in capsys.readouterr().out
    assert path.read_bytes() == whole


def test_a_changed_byte_is_noticed(folder):
    fill(folder)
    path = folder / "train-00000-of-00002.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    with pytest.raises(BadDataError, match="damaged"):
        list(LocalFeatureStore(folder).read("train"))


def test_what_is_not_there_is_said(folder, tmp_path):
    with pytest.raises(MissingDataError, match="2 of 2 files of the split train.*goes on where it was"):
        list(LocalFeatureStore(folder).read("train"))
    with pytest.raises(MissingDataError, match="no features of a split 'test'; it holds those of train, empty"):
        list(LocalFeatureStore(folder).read("test"))
    with pytest.raises(MissingDataError, match="keras-sketch extract"):
        LocalFeatureStore(tmp_path / "other")
    (folder / "extractor.json").write_text("{")
    with pytest.raises(BadDataError, match="extractor.json cannot be read"):
        LocalFeatureStore(folder)
