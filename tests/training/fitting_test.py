import dataclasses
import json
import shutil
import signal

import keras
import numpy as np
import pytest

from keras_sketch import build_classifier
from keras_sketch.curation.countries import country_centroids
from keras_sketch.errors import InvalidArgumentError, RunFolderError, RunInterrupted, TrainingError
from keras_sketch.metrics import haversine_km
from keras_sketch.recipes import Augmentation, Recipe, Stage
from keras_sketch.training import recorder as recorder_module
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


def interrupt_at(monkeypatch, step):
    """Sends SIGINT to the process in the given training step, counted over the whole run."""
    original = recorder_module.Recorder.on_train_batch_end
    seen = []

    def on_train_batch_end(self, batch, logs=None):
        seen.append(batch)
        if len(seen) == step:
            signal.raise_signal(signal.SIGINT)
        original(self, batch, logs)

    monkeypatch.setattr(recorder_module.Recorder, "on_train_batch_end", on_train_batch_end)


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
def test_a_run_stopped_anywhere_ends_as_the_undisturbed_one(dataset, undisturbed, tmp_path, monkeypatch, step):
    model, rows = undisturbed
    with monkeypatch.context() as patch:
        interrupt_at(patch, step)
        with pytest.raises(RunInterrupted, match="--resume") as stopped:
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
def test_a_resumed_run_on_mixed_examples_ends_as_the_undisturbed_one(dataset, undisturbed_mixed, tmp_path, monkeypatch):
    model, rows = undisturbed_mixed
    with monkeypatch.context() as patch:
        interrupt_at(patch, 12)
        with pytest.raises(RunInterrupted):
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


def test_each_stage_trains_what_it_says_and_a_resumed_one_too(dataset, tmp_path, monkeypatch):
    start = {weight.path: weight.numpy() for weight in fresh_model().weights}
    head, _ = fit(dataset, tmp_path / "head", dataclasses.replace(FROZEN, stages=FROZEN.stages[:1]))
    model, rows = fit(dataset, tmp_path / "whole", FROZEN)

    def changed(network):
        return {weight.path.split("/")[0] for weight in network.weights if np.any(weight.numpy() != start[weight.path])}

    assert changed(head) == {"logits"}
    assert changed(model) == {"conv2", "dense1", "dense2", "logits"}
    with monkeypatch.context() as patch:
        interrupt_at(patch, dataset.splits["train"].steps(16) + 3)
        with pytest.raises(RunInterrupted):
            fit(dataset, tmp_path / "broken", FROZEN)
    resumed, resumed_rows = fit(dataset, tmp_path / "broken", FROZEN, build_classifier("quickdraw_cnn", 3))
    assert resumed_rows == rows
    for a, b in zip(model.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


PLATEAU = dataclasses.replace(
    RECIPE,
    stages=(
        Stage(epochs=1, learning_rate=1e-3, name="first"),
        # So high a rate that the loss does not fall every time.
        Stage(epochs=6, learning_rate=0.05, schedule="plateau", plateau=1, final_rate=0.01, group_rates=(0.5, 1.0)),
    ),
)


@pytest.mark.parametrize("validated", [pytest.param(True, marks=pytest.mark.slow), False])
def test_a_rate_that_falls_on_a_plateau_is_the_history_s_and_a_stop_changes_nothing(
    dataset, tmp_path, monkeypatch, validated
):
    train, validation = dataset.splits["train"], dataset.splits["validation"] if validated else None
    rates = []

    def on_train_batch_begin(self, batch, logs=None):
        rates.append((self.place.epoch, float(self.model.optimizer.learning_rate)))

    monkeypatch.setattr(recorder_module.Recorder, "on_train_batch_begin", on_train_batch_begin)
    model = fresh_model()
    rows = fit_recipe(model, PLATEAU, train, validation, tmp_path / "whole", {})
    stage = rows[1:]
    rate, best, expected = 0.05, float("inf"), []
    for row in stage:
        expected.append(rate)
        loss = row["val_loss"] if validated else row["loss"]
        rate, best = (rate, loss) if loss < best else (max(0.3 * rate, 0.01), best)
    assert len(set(expected)) > 1
    assert [row["learning_rate"] for row in stage] == pytest.approx(expected)
    assert [row["learning_rate_1"] for row in stage] == pytest.approx([each / 2 for each in expected])
    steps = train.steps(16)
    np.testing.assert_allclose([rate for _, rate in rates[steps:]], np.repeat(expected, steps), rtol=1e-6)
    if not validated:
        return
    with monkeypatch.context() as patch:
        interrupt_at(patch, 6 * steps + 2)
        with pytest.raises(RunInterrupted):
            fit_recipe(fresh_model(), PLATEAU, train, validation, tmp_path / "broken", {})
    resumed = build_classifier("quickdraw_cnn", 3)
    assert fit_recipe(resumed, PLATEAU, train, validation, tmp_path / "broken", {}) == rows
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
    with pytest.raises(TrainingError, match=r"epoch 1, step \d+\. Start again with a lower --learning-rate"):
        fit(dataset, tmp_path, recipe)


def test_a_full_disk_is_one_sentence(dataset, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recorder_module.Checkpoints, "save", full)
    with pytest.raises(TrainingError, match="No space left on device. The one before it is intact"):
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
