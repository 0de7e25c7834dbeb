import json
import sys
import zipfile

import h5py
import keras
import numpy as np
import pytest

from keras_sketch.errors import InvalidArgumentError, RunFolderError
from keras_sketch.exporting.archive import load_classifier, read_metadata, save_classifier

METADATA = {
    "class_names": ["ant", "Käfer", "zebra"],
    "seed": 7,
    "preprocessing": {"side": 6, "resize": "pad"},
    "recipe": {"epochs": 3, "learning_rate": 1e-3},
    "feature_layer": "conv",
}


def tiny_model():
    return keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            keras.layers.Conv2D(2, 3, name="conv"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(3),
        ]
    )


def pixels():
    return np.random.default_rng(0).uniform(0, 255, (4, 6, 6, 1)).astype(np.float32)


@pytest.fixture
def run(tmp_path):
    model = tiny_model()
    (tmp_path / "recipe.json").write_text("{}")
    save_classifier(model, tmp_path / "model.keras", METADATA)
    return tmp_path, model


def test_a_run_comes_back_with_its_labels(run):
    folder, model = run
    for path in (folder, folder / "model.keras", str(folder)):
        loaded = load_classifier(path)
        np.testing.assert_allclose(loaded.predict(pixels(), verbose=0), model(pixels()), rtol=1e-6)
        assert loaded.class_names == ("ant", "Käfer", "zebra")
        assert loaded.metadata == METADATA
        assert type(loaded.metadata) is dict and json.dumps(loaded.metadata)
        assert read_metadata(path) == METADATA


def test_keras_reads_the_file_by_itself(run):
    folder, model = run
    np.testing.assert_allclose(keras.saving.load_model(folder / "model.keras")(pixels()), model(pixels()), rtol=1e-6)


def test_a_loaded_model_is_saved_again_trained_on_and_exported(run, tmp_path):
    loaded = load_classifier(run[0])
    loaded.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    loaded.fit(pixels(), np.array([0, 1, 2, 0]), verbose=0)
    save_classifier(loaded, tmp_path / "again.keras", loaded.metadata)
    again = load_classifier(tmp_path / "again.keras")
    assert again.class_names == loaded.class_names and again.metadata == METADATA
    np.testing.assert_allclose(again(pixels()), loaded(pixels()), rtol=1e-6)
    loaded.save(tmp_path / "plain.keras")
    assert load_classifier(tmp_path / "plain.keras").class_names is None
    loaded.export(tmp_path / "exported", verbose=False)


def test_the_state_of_the_training_is_not_in_the_file(run, tmp_path):
    folder, model = run
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(pixels(), np.array([0, 1, 2, 0]), verbose=0)
    save_classifier(model, tmp_path / "trained.keras", METADATA)
    with zipfile.ZipFile(tmp_path / "trained.keras") as archive, archive.open("model.weights.h5") as weights:
        names = []
        h5py.File(weights).visit(names.append)
    assert names and not any("optimizer" in name for name in names)
    np.testing.assert_allclose(load_classifier(tmp_path / "trained.keras")(pixels()), model(pixels()), rtol=1e-6)


def test_a_file_made_elsewhere_has_no_labels(tmp_path):
    model = tiny_model()
    model.compile("adam", loss=lambda truth, logits: keras.ops.mean(logits))
    model.save(tmp_path / "theirs.keras")
    loaded = load_classifier(tmp_path / "theirs.keras")
    assert loaded.class_names is None and loaded.metadata == {}
    np.testing.assert_allclose(loaded(pixels()), model(pixels()), rtol=1e-6)


def test_layers_of_this_package_load_without_being_imported(tmp_path, monkeypatch):
    from keras_sketch.models.layers import LightOnDark

    model = keras.Sequential([keras.Input((6, 6, 1)), LightOnDark(), *tiny_model().layers])
    save_classifier(model, tmp_path / "model.keras", METADATA)
    monkeypatch.delitem(sys.modules, "keras_sketch.models.layers")
    registered = keras.saving.get_custom_objects()
    for name in [name for name in registered if name.startswith("keras_sketch>")]:
        monkeypatch.delitem(registered, name)
    np.testing.assert_allclose(load_classifier(tmp_path / "model.keras")(pixels()), model(pixels()), rtol=1e-6)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(run, monkeypatch):
    folder, model = run

    def full(self, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keras.Model, "save", full)
    with pytest.raises(RunFolderError, match="Cannot write .*model.keras: No space left on device"):
        save_classifier(model, folder / "model.keras", {})
    assert read_metadata(folder) == METADATA
    assert sorted(path.name for path in folder.iterdir()) == ["model.keras", "recipe.json"]


def test_what_json_cannot_hold_is_refused(tmp_path):
    for value in (object(), float("nan")):
        with pytest.raises(InvalidArgumentError, match="`metadata` must be what JSON can hold"):
            save_classifier(tiny_model(), tmp_path / "model.keras", {"bad": value})
    with pytest.raises(InvalidArgumentError, match="ends in .keras"):
        save_classifier(tiny_model(), tmp_path / "model.h5", {})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("load", [load_classifier, read_metadata])
def test_what_is_no_run_gives_one_sentence(tmp_path, load):
    with pytest.raises(RunFolderError, match="There is no file or folder"):
        load(tmp_path / "nowhere")
    with pytest.raises(RunFolderError, match="is not a run's folder: it holds neither model.keras nor recipe.json"):
        load(tmp_path)
    (tmp_path / "recipe.json").write_text("{}")
    with pytest.raises(RunFolderError, match="not finished, it has no model.keras: continue it with --resume"):
        load(tmp_path)


def test_damaged_files_give_one_sentence(run):
    file = run[0] / "model.keras"
    whole = file.read_bytes()
    for damaged in (b"", b"text", whole[: len(whole) // 2]):
        file.write_bytes(damaged)
        with pytest.raises(RunFolderError, match="model.keras is damaged, it cannot be read as a .keras file"):
            load_classifier(run[0])


def test_a_zip_without_a_model_gives_one_sentence(tmp_path):
    with zipfile.ZipFile(tmp_path / "other.keras", "w") as archive:
        archive.writestr("notes.txt", "hello")
    with pytest.raises(RunFolderError, match="Keras cannot load .*other.keras: ") as caught:
        load_classifier(tmp_path / "other.keras")
    assert "\n" not in str(caught.value)
