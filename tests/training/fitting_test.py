import dataclasses
import json
import shutil

import keras
import numpy as np
import pytest

from keras_sketch import build_classifier
from keras_sketch.curation.countries import country_centroids
from keras_sketch.errors import InvalidArgumentError, RunFolderError, RunInterrupted, TrainingError
from keras_sketch.metrics import haversine_km
from keras_sketch.recipes import Augmentation, Recipe, Stage
from keras_sketch.training import recorder as recorder_module
from keras_sketch.training.checkpoint import Checkpoints
from keras_sketch.training.fitting import fit_recipe
from keras_sketch.training.history import read_history

RECIPE = Recipe(
    name="test",
    summary="",
    dataset="quickdraw",
    model="quickdraw_cnn",
    batch_size=16,
    augmentation=Augmentation(rotation=10, flip=0.5),
    label_smoothing=0.1,
    stages=(
        Stage(epochs=2, learning_rate=1e-3, name="first"),
        Stage(epochs=2, learning_rate=1e-3, optimizer="adamw", schedule="cosine", warmup=0.2, weight_decay=0.01),
    ),
)


def fresh_model():
    keras.utils.set_random_seed(3)
    return build_classifier("quickdraw_cnn", 3)


def fit(dataset, folder, recipe=RECIPE, model=None):
    model = model or fresh_model()
    validation = dataset.splits["validation"]
    rows = fit_recipe(model, recipe, dataset.splits["train"], validation, folder, {"class_names": []})
    return model, rows


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("undisturbed")


@pytest.fixture(scope="module")
def undisturbed(dataset, home):
    """A run that saved its state in every step, and so leaves two states behind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recorder_module, "SAVE_EVERY_SECONDS", -1.0)
        return fit(dataset, home)


@pytest.fixture
def finished(home, undisturbed, tmp_path):
    """A copy of that run's folder."""
    return shutil.copytree(home, tmp_path / "finished")


def test_history_counts_and_best_weights(dataset, home, undisturbed):
    model, rows = undisturbed
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert [row["stage"] for row in rows] == ["first", "first", "train", "train"]
    assert int(model.optimizer.iterations) == 2 * dataset.splits["train"].steps(16)
    assert read_history(home / "history.csv") == rows
    assert rows[-1]["learning_rate"] == pytest.approx(0, abs=1e-6)
    best = min(rows, key=lambda row: row["val_loss"])
    again = model.evaluate(dataset.splits["validation"].evaluation(16), return_dict=True, verbose=0)
    assert again["loss"] == pytest.approx(best["val_loss"], abs=1e-5)


def test_the_metrics_of_an_epoch_count_every_example_once(dataset, undisturbed):
    model, _ = undisturbed
    test = dataset.splits["test"]
    model.evaluate(test.evaluation(7), verbose=0)
    counts = {float(each) for each in model.metrics_variables if each.name == "count"}
    assert counts == {float(test.num_examples)}
    assert len(model.predict(test.evaluation(7), verbose=0)) == test.num_examples


@pytest.mark.parametrize("step", [pytest.param(3, marks=pytest.mark.slow), 18, 25])
def test_a_run_stopped_anywhere_ends_as_the_undisturbed_one(dataset, undisturbed, tmp_path, interrupt_at, step):
    model, rows = undisturbed
    with interrupt_at(step), pytest.raises(RunInterrupted, match="--resume") as stopped:
        fit(dataset, tmp_path / "broken")
    assert stopped.value.exit_code == 130
    keras.utils.set_random_seed(99)
    resumed, resumed_rows = fit(dataset, tmp_path / "broken", model=build_classifier("quickdraw_cnn", 3))
    assert resumed_rows == rows
    for a, b in zip(model.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


MIXED = dataclasses.replace(
    RECIPE,
    stages=(Stage(epochs=2, learning_rate=1e-3),),
    augmentation=Augmentation(rotation=10, erasing=0.5, jitter=0.2, mixup=0.3, cutmix=0.5),
)


@pytest.fixture(scope="module")
def undisturbed_mixed(dataset, tmp_path_factory):
    return fit(dataset, tmp_path_factory.mktemp("mixed"), MIXED)


def test_mixed_examples_train_and_validation_counts_whole_ones(dataset, undisturbed_mixed):
    model, rows = undisturbed_mixed
    assert all(np.isfinite(row["loss"]) and row["top1"] < 1 for row in rows)
    assert rows[-1]["top1"] <= rows[-1]["top5"] == 1
    validation = dataset.splits["validation"].evaluation(16)
    hits = [(model.predict_on_batch(images).argmax(-1) == labels).numpy() for images, labels in validation]
    measured = model.evaluate(validation, return_dict=True, verbose=0)
    assert measured["top1"] == pytest.approx(np.concatenate(hits).mean())


@pytest.mark.slow
def test_a_resumed_run_on_mixed_examples_ends_as_the_undisturbed_one(
    dataset, undisturbed_mixed, tmp_path, interrupt_at
):
    model, rows = undisturbed_mixed
    with interrupt_at(12), pytest.raises(RunInterrupted):
        fit(dataset, tmp_path, MIXED)
    keras.utils.set_random_seed(99)
    resumed, resumed_rows = fit(dataset, tmp_path, MIXED, build_classifier("quickdraw_cnn", 3))
    assert resumed_rows == rows
    for a, b in zip(model.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


FROZEN = dataclasses.replace(
    RECIPE,
    stages=(
        Stage(epochs=1, learning_rate=1e-3, train_from="head", name="head"),
        Stage(
            epochs=2,
            learning_rate=1e-3,
            optimizer="fastai_adam",
            schedule="one_cycle",
            warmup=0.3,
            weight_decay=0.01,
            train_from="conv2",
            group_rates=(0.1, 0.5, 1.0),
            start_divisor=5.0,
        ),
    ),
)


def test_each_stage_trains_what_it_says_and_a_resumed_one_too(dataset, tmp_path, interrupt_at):
    start = {weight.path: weight.numpy() for weight in fresh_model().weights}
    head, _ = fit(dataset, tmp_path / "head", dataclasses.replace(FROZEN, stages=FROZEN.stages[:1]))
    model, rows = fit(dataset, tmp_path / "whole", FROZEN)

    def changed(network):
        return {weight.path.split("/")[0] for weight in network.weights if np.any(weight.numpy() != start[weight.path])}

    assert changed(head) == {"logits"}
    assert changed(model) == {"conv2", "dense1", "dense2", "logits"}
    with interrupt_at(dataset.splits["train"].steps(16) + 3), pytest.raises(RunInterrupted):
        fit(dataset, tmp_path / "broken", FROZEN)
    resumed, resumed_rows = fit(dataset, tmp_path / "broken", FROZEN, build_classifier("quickdraw_cnn", 3))
    assert resumed_rows == rows
    for a, b in zip(model.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_finished_run_resumed_has_its_best_weights(dataset, undisturbed, finished):
    model, rows = undisturbed
    again, rows_again = fit(dataset, finished, model=build_classifier("quickdraw_cnn", 3))
    assert rows_again == rows
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_last_two_checkpoints_stay_and_a_damaged_one_is_passed_over(dataset, undisturbed, finished):
    _, rows = undisturbed
    states = sorted((finished / "checkpoints").glob("*"))
    assert len(states) == 2
    states[1].write_bytes(states[1].read_bytes()[:1000])
    with pytest.warns(UserWarning, match="damaged"):
        _, again = fit(dataset, finished, model=build_classifier("quickdraw_cnn", 3))
    assert [row["loss"] for row in again] == pytest.approx([row["loss"] for row in rows])
    for state in (finished / "checkpoints").glob("*"):
        state.write_bytes(b"")
    with pytest.raises(RunFolderError, match="damaged"), pytest.warns(UserWarning):
        fit(dataset, finished)


def test_a_checkpoint_of_another_network_is_refused(dataset, finished):
    model = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(3)])
    with pytest.raises(RunFolderError, match="another network"):
        fit(dataset, finished, RECIPE.with_changes(epochs=3), model)


def test_patience_ends_a_run(dataset, tmp_path):
    stage = Stage(epochs=30, learning_rate=1e-12)
    recipe = dataclasses.replace(RECIPE, stages=(stage,), patience=2, augmentation=Augmentation())
    _, rows = fit(dataset, tmp_path, recipe)
    assert 3 <= len(rows) < 30


def test_a_loss_that_is_not_finite_stops_with_advice(dataset, tmp_path):
    recipe = dataclasses.replace(RECIPE, stages=(Stage(epochs=3, learning_rate=1e30, optimizer="sgd"),))
    with pytest.raises(TrainingError, match=r"epoch 1, step \d+\. .*start again with a lower --learning-rate"):
        fit(dataset, tmp_path, recipe)


def test_a_full_disk_is_one_sentence(dataset, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Checkpoints, "save", full)
    with pytest.raises(TrainingError, match="No space left on device. Make room, then give the command again"):
        fit(dataset, tmp_path, RECIPE.with_changes(epochs=1))


def test_a_checkpoint_carries_labels_and_history(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(recorder_module, "SAVE_EVERY_SECONDS", -1.0)
    model = fresh_model()
    fit_recipe(
        model, RECIPE.with_changes(epochs=1), dataset.splits["train"], None, tmp_path, {"class_names": ["a", "b", "c"]}
    )
    state = sorted((tmp_path / "checkpoints").glob("*"))[-1]
    with np.load(state) as stored:
        metadata = json.loads(str(stored["metadata"]))
    assert metadata["class_names"] == ["a", "b", "c"]
    assert len(metadata["history"]) == 3


def test_a_run_on_countries_records_the_distance(dataset, tmp_path):
    names, validation = ["Chile", "Ghana", "Norway"], dataset.splits["validation"]
    recipe = dataclasses.replace(RECIPE.with_changes(loss="haversine"), stages=(Stage(epochs=1, learning_rate=1e-3),))
    model = fresh_model()
    (row,) = fit_recipe(model, recipe, dataset.splits["train"], validation, tmp_path, {"class_names": names})
    guessed = model.predict(validation.evaluation(16), verbose=0).argmax(axis=1)
    places, labels = country_centroids(names), validation.facts(["label"])["label"]
    assert row["val_distance_km"] == pytest.approx(haversine_km(places[labels], places[guessed]).mean(), rel=1e-4)
    assert row.keys() >= {"loss", "top1", "distance_km"}
    assert read_history(tmp_path / "history.csv")[0]["distance_km"] == pytest.approx(row["distance_km"])
    with pytest.raises(InvalidArgumentError, match="'cat' is none"):
        fit_recipe(
            model, recipe, dataset.splits["train"], None, tmp_path / "cats", {"class_names": [*names[:2], "cat"]}
        )
