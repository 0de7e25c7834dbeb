import functools
import json
import shutil

import cv2
import keras
import numpy as np
import pytest

from keras_sketch.errors import InvalidArgumentError, RunFolderError, UnknownNameError
from keras_sketch.local_features import Extractor, LocalFeatureStore, load_extractor, store
from keras_sketch.models import build_classifier
from keras_sketch.models.delf import local_feature_network
from keras_sketch.recipes import Recipe
from keras_sketch.workflows import extract


@pytest.fixture(scope="module")
def chunks():
    """Files of two images each, and two sizes of images, for less to trace."""
    fewer = functools.partial(local_feature_network, scales=(0.7071, 1.0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "CHUNK_IMAGES", 2)
        patch.setattr("keras_sketch.local_features.extractor.local_feature_network", fewer)
        yield


@pytest.fixture(scope="module")
def arguments(tmp_path_factory, chunks):
    """A folder of pictures, and the weights of a small network."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    for name in ("arch", "tower"):
        (folder / "images" / name).mkdir(parents=True)
        for number in range(16):
            picture = np.kron(random.integers(0, 256, (4, 4, 3)), np.ones((10, 10, 1)))
            cv2.imwrite(str(folder / "images" / name / f"{number}.png"), picture)
    keras.utils.set_random_seed(0)
    keras.applications.MobileNet((32, 32, 3), alpha=0.25, weights=None).save_weights(folder / "net.weights.h5")
    return dict(
        network="mobilenet_025", dataset="folder", manual_dir=str(folder / "images"), data_dir=str(folder / "data"),
        weights=str(folder / "net.weights.h5"), image_size=48, dimensions=4, layer="conv_pw_2_relu", max_features=20,
    )  # fmt: skip


@pytest.fixture(scope="module")
def stored(arguments, tmp_path_factory):
    return extract(**arguments, output_dir=str(tmp_path_factory.mktemp("stores") / "whole"))


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_every_image_is_stored_with_its_label(stored, arguments):
    from keras_sketch.data import open_dataset

    chosen = {name: arguments[name] for name in ("manual_dir", "data_dir", "image_size")}
    data = open_dataset("folder", **chosen)
    found = LocalFeatureStore(stored)
    assert set(found.splits) == {"train", "validation", "test"} and found.class_names == ("arch", "tower")
    assert sum(map(found.num_images, found.splits)) == 32
    extractor = load_extractor(stored)
    for split in found.splits:
        rows = list(found.read(split))
        facts = data.splits[split].facts(["id", "label"])
        assert [name for name, _, _ in rows] == facts["id"] and [label for _, label, _ in rows] == list(facts["label"])
    pixels = data.splits["test"].images([0])
    [expected], (_, _, features) = extractor.extract(pixels), next(found.read("test"))
    assert 3 < len(features) <= 20
    np.testing.assert_allclose(features.locations, expected.locations, atol=1e-4)
    np.testing.assert_allclose(features.descriptors, expected.descriptors, atol=2e-3)


def test_the_settings_say_what_the_features_depend_on(stored):
    settings = json.loads((stored / "extractor.json").read_text())
    assert settings["network"] == "mobilenet_025" and settings["layers"] == ["conv_pw_2_relu"]
    assert settings["dimensions"] == 4 and settings["max_features"] == 20 and settings["scales"] == [0.7071, 1.0]
    assert settings["data"]["dataset"] == "folder" and settings["preprocessing"]["image_size"] == 48
    assert settings["reduction"] == {"split": "train", "every": 1}


class TestResuming:
    @pytest.mark.parametrize(
        "stopped_at",
        [pytest.param("fit_reduction", marks=pytest.mark.slow), pytest.param("save", marks=pytest.mark.slow), "stream"],
    )
    def test_a_stopped_one_goes_on_and_ends_with_the_same_bytes(self, stored, arguments, tmp_path, stopped_at):
        folder, calls = tmp_path / "store", []
        original = getattr(Extractor, stopped_at)

        def stops(*given):
            calls.append(stopped_at)
            if len(calls) == (4 if stopped_at == "stream" else 1):
                raise KeyboardInterrupt
            return original(*given)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Extractor, stopped_at, stops)
            with pytest.raises(KeyboardInterrupt):
                extract(**arguments, output_dir=str(folder))
        begun = contents(folder)
        assert "extractor.json" in begun and ("train-00000-of-00013.npz" in begun) == (stopped_at == "stream")
        times = {name: (folder / name).stat().st_mtime_ns for name in begun if name.endswith(".npz")}
        extract(**arguments, output_dir=str(folder))
        assert contents(folder) == contents(stored)
        assert times == {name: (folder / name).stat().st_mtime_ns for name in times}

    def test_other_settings_are_refused_with_what_differs(self, stored, arguments):
        before = contents(stored)
        with pytest.raises(RunFolderError, match="max_features: 20 there, 21 now"):
            extract(**{**arguments, "max_features": 21}, output_dir=str(stored))
        assert contents(stored) == before

    def test_cut_files_are_made_anew(self, stored, arguments, tmp_path):
        folder = shutil.copytree(stored, tmp_path / "copy")
        for name in ("train-00001", "train-00004", "train-00005", "test-00000"):
            file = next(folder.glob(f"{name}*.npz"))
            file.write_bytes(file.read_bytes()[:-9])
        extract(**arguments, output_dir=str(folder))
        assert contents(folder) == contents(stored)

    def test_a_folder_with_other_things_is_left_alone(self, arguments, tmp_path):
        (tmp_path / "notes.txt").write_text("mine")
        with pytest.raises(RunFolderError, match="other files"):
            extract(**arguments, output_dir=str(tmp_path))


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"network": "mobilnet_025"}, "mobilenet_025"),
        ({"weights": "none"}, "random features say nothing"),
        ({"dimensions": 0}, "dimensions"),
        ({"network": "sketch_cnn", "weights": None}, "has no ImageNet weights"),
    ],
)
def test_what_cannot_be_is_said(arguments, tmp_path, changes, message):
    with pytest.raises((InvalidArgumentError, UnknownNameError), match=message):
        extract(**{**arguments, **changes}, output_dir=str(tmp_path / "store"))
    assert not (tmp_path / "store").exists()


@pytest.mark.slow
def test_untrained_attention_is_refused(arguments, tmp_path):
    keras.applications.ResNet50(include_top=False, weights=None).save_weights(tmp_path / "net.weights.h5")
    changes = {"network": "delf_resnet50", "weights": str(tmp_path / "net.weights.h5"), "layer": None}
    with pytest.raises(InvalidArgumentError, match="attention is untrained"):
        extract(**{**arguments, **changes}, output_dir=str(tmp_path / "store"))


def test_distractors_have_no_class(stored, arguments, tmp_path, monkeypatch):
    monkeypatch.setattr("keras_sketch.workflows.extract_features.DISTRACTORS", "validation")
    extract(**arguments, output_dir=str(tmp_path / "store"))
    found = LocalFeatureStore(tmp_path / "store")
    assert {label for _, label, _ in found.read("validation")} == {-1}
    assert {label for _, label, _ in found.read("test")} <= {0, 1}


def test_a_run_is_given_the_split_that_it_was_trained_on(arguments, tmp_path, monkeypatch):
    recipe = Recipe("mine", "Mine.", "folder", "mobilenet_025", stages=(), config="own", split="60-20-20")
    (tmp_path / "recipe.json").write_text(json.dumps({"recipe": recipe.to_dict()}))
    (tmp_path / "report.md").write_text("")
    classifier = build_classifier("mobilenet_025", 2, (48, 48, 3))
    monkeypatch.setattr("keras_sketch.workflows.extract_features.open_classifier", lambda path: classifier)
    asked = {}

    def stops(name, **given):
        asked.update(given)
        raise KeyboardInterrupt

    monkeypatch.setattr("keras_sketch.data.open_dataset", stops)
    run = {**arguments, "network": str(tmp_path), "weights": None}
    for changes, split in (({}, "60-20-20"), ({"split": "series"}, "series")):
        with pytest.raises(KeyboardInterrupt):
            extract(**{**run, **changes}, output_dir=str(tmp_path / "store"))
        assert asked["split"] == split and asked["config"] == "own"
