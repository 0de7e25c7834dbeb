import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from keras_sketch import list_datasets, load_dataset
from keras_sketch.data import reopen_dataset
from keras_sketch.data.image_files import read_images
from keras_sketch.errors import BadDataError, InvalidArgumentError, MissingDataError, UnknownNameError


def load(bars, prepared, **options):
    return load_dataset("quickdraw", config="bitmap", data_dir=prepared, manual_dir=bars, **options)


def test_three_pipelines_and_what_is_known(bars, prepared):
    train, validation, test, info = load(bars, prepared, batch_size=8)
    images, labels = next(iter(train))
    assert (images.shape, labels.shape) == ((8, 28, 28, 1), (8,))
    assert float(np.max(images)) == 255
    assert info.class_names == ("arm", "belt", "cloud")
    assert info.image_shape == (28, 28, 1)
    assert sum(info.num_examples.values()) == 180
    for pipeline, name in ((validation, "validation"), (test, "test")):
        assert sum(len(labels) for _, labels in pipeline) == info.num_examples[name]
    assert info.provenance["split"] == "hash"
    assert info.leaked == {"validation": 0, "test": 0}
    assert info.left_out == {}


def test_a_scheme_without_validation_gives_none(bars, prepared):
    _, validation, test, info = load(bars, prepared, split="holdout", batch_size=8)
    assert validation is None
    assert set(info.num_examples) == {"train", "test"}
    _, _, smaller, _ = load(bars, prepared, batch_size=8)
    assert {tuple(image.ravel()) for images, _ in smaller for image in images.numpy()} <= {
        tuple(image.ravel()) for images, _ in test for image in images.numpy()
    }


SKETCHY = Path(__file__).parents[2] / "tfds_builders/sketchy/dummy_data"


def test_leaks_and_what_is_left_out_are_known(prepared):
    options = dict(image_size=16, batch_size=8, data_dir=prepared, manual_dir=SKETCHY)
    info = load_dataset("sketchy", config="tx_000000000000-valid", split="paper", **options)[3]
    assert info.image_shape == (16, 16, 3)
    assert 0 < info.leaked["test"] <= info.num_examples["test"]
    assert sum(info.left_out.values()) == 4
    assert load_dataset("sketchy", split="photo", **options)[3].leaked == {"validation": 0, "test": 0}


def test_a_folder_from_before_leaks_were_counted_opens(bars, tmp_path):
    info = load(bars, tmp_path, batch_size=8)[3]
    file = Path(info.provenance["prepared_in"], "metadata.json")
    metadata = json.loads(file.read_text())
    del metadata["leaked"]
    file.write_text(json.dumps(metadata))
    assert reopen_dataset(info.provenance, None, "pad").info.leaked == {"validation": 0, "test": 0}


def test_some_classes_at_another_size(bars, prepared):
    _, _, test, info = load(bars, prepared, classes=["cloud", "arm"], per_class=40, image_size=20, batch_size=8)
    assert info.class_names == ("arm", "cloud")
    assert sum(info.num_examples.values()) == 80
    assert next(iter(test))[0].shape[1:] == (20, 20, 1)


def test_a_changed_source_is_prepared_anew(tmp_path, prepared):
    for name in ("arm", "belt"):
        np.save(tmp_path / f"{name}.npy", np.zeros((40, 784), "uint8"))
    first = load(tmp_path, prepared, batch_size=1)[3]
    np.save(tmp_path / "belt.npy", np.zeros((50, 784), "uint8"))
    second = load(tmp_path, prepared, batch_size=1)[3]
    assert (sum(first.num_examples.values()), sum(second.num_examples.values())) == (80, 90)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (dict(config="bitmaps"), UnknownNameError, "Did you mean 'bitmap'"),
        (dict(split="hsh"), UnknownNameError, "Did you mean 'hash'"),
        (dict(classes=["armm"]), UnknownNameError, "Unknown class 'armm'. Did you mean 'arm'"),
        (dict(classes=["cat"]), MissingDataError, "cat"),
        (dict(resize="squash"), InvalidArgumentError, "pad, stretch, crop"),
        (dict(image_size=0), InvalidArgumentError, "image_size"),
        (dict(batch_size=1000), InvalidArgumentError, "batch_size"),
        (dict(per_class=0), InvalidArgumentError, "per_class"),
        (dict(max_bad=2.0), InvalidArgumentError, "max_bad"),
        (dict(manual_dir="nowhere"), MissingDataError, "nowhere"),
    ],
)
def test_mistakes_are_named(bars, prepared, options, error, message):
    with pytest.raises(error, match=message):
        load_dataset("quickdraw", **{"config": "bitmap", "data_dir": prepared, "manual_dir": bars, **options})


def test_an_unknown_dataset_is_named():
    assert {"doodles", "folder", "quickdraw"} <= set(list_datasets())
    with pytest.raises(UnknownNameError, match="Did you mean 'doodles'"):
        load_dataset("doodle")


def test_a_data_dir_that_is_a_file_is_one_sentence(bars, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(MissingDataError, match="Cannot prepare quickdraw"):
        load_dataset("quickdraw", config="bitmap", data_dir=tmp_path / "file", manual_dir=bars)


def test_image_files_become_what_the_model_saw(tmp_path):
    image = np.full((30, 60, 3), 255, "uint8")
    image[10:20, 20:40] = (0, 0, 255)
    cv2.imwrite(str(tmp_path / "a.png"), image)
    preprocessing = {"image_size": 60, "channels": 3, "resize": "pad"}
    [pixels] = read_images([str(tmp_path / "a.png")], preprocessing)
    np.testing.assert_array_equal(pixels[15:45], image[..., ::-1])
    assert (pixels[:15] == 255).all()
    assert read_images([str(tmp_path / "a.png")], {**preprocessing, "channels": 1}).shape == (1, 60, 60, 1)


def test_image_files_that_are_none_are_named(tmp_path):
    preprocessing = {"image_size": 8, "channels": 1, "resize": "pad"}
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(BadDataError, match=r"text\.png: "):
        read_images([str(tmp_path / "text.png")], preprocessing)
    with pytest.raises(MissingDataError, match=r"Cannot read .*gone\.png"):
        read_images([str(tmp_path / "gone.png")], preprocessing)
