import csv
import dataclasses
import json
import types

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit, softmax

from keras_sketch import build_classifier
from keras_sketch.data.loading import OpenDataset
from keras_sketch.data.relabelling import RelabelledSplit, relabelled_test
from keras_sketch.metrics import global_average_precision
from keras_sketch.recipes import find_recipe
from keras_sketch.training.history import write_history
from keras_sketch.workflows import split_predictions
from keras_sketch.workflows.evaluation_steps import evaluate_and_report, vote_and_report
from keras_sketch.workflows.run_folder import RunFolder
from keras_sketch.workflows.split_predictions import class_counts, predict_split, training_scores

NAMES = ("8815", "140690", "7")
ROWS = [{"epoch": 1, "loss": 1.0, "val_loss": 1.0, "stage": "train"}]


@pytest.fixture(scope="module")
def bar_landmarks(dataset):
    """The bars as landmarks; those of the validation split are distractors besides."""
    stored = dataset.splits["validation"]
    distractors = RelabelledSplit(stored.builder, stored.name, stored.side, stored.resize, places=(-1, -1, -1))
    splits = {**dataset.splits, "distractors": distractors}
    counts = {name: split.num_examples for name, split in splits.items()}
    leaked = {**dataset.info.leaked, "distractors": 0}
    return OpenDataset(splits, dataclasses.replace(dataset.info, class_names=NAMES, num_examples=counts, leaked=leaked))


@pytest.fixture(scope="module")
def model():
    return build_classifier("quickdraw_cnn", 3, (28, 28, 1), weights=None)


def logits_of(model, split):
    return model.predict(split.evaluation(16), verbose=0)


@pytest.fixture(scope="module", params=["cross_entropy", "binary_cross_entropy"])
def evaluated(request, bar_landmarks, model, tmp_path_factory):
    """The folder of a run with that loss, its metrics, and what makes probabilities of its logits."""
    recipe = dataclasses.replace(find_recipe(None, "quickdraw"), batch_size=16, loss=request.param)
    folder = RunFolder(tmp_path_factory.mktemp("runs") / "run")
    folder.begin({"recipe": recipe.to_dict()}, NAMES, resume=False)
    write_history(folder.path / "history.csv", ROWS)
    evaluate_and_report(model, bar_landmarks, folder, ROWS)
    return folder, folder.metrics(), expit if request.param == "binary_cross_entropy" else lambda z: softmax(z, axis=-1)


def test_distractors_count_in_gap_alone(evaluated, bar_landmarks, model):
    _, metrics, activation = evaluated
    test, distractors = bar_landmarks.splits["test"], bar_landmarks.splits["distractors"]
    own, others = (activation(logits_of(model, split).astype(float)) for split in (test, distractors))
    labels, both = np.concatenate([test.labels, distractors.labels]), np.concatenate([own, others])
    assert (distractors.labels == -1).all() and len(distractors.labels) == metrics["num_distractors"] > 0
    expected = global_average_precision(labels, both.argmax(axis=1), both.max(axis=1))
    assert metrics["gap"] == pytest.approx(expected, abs=1e-6)
    expected = global_average_precision(test.labels, own.argmax(axis=1), own.max(axis=1))
    assert metrics["gap_without_distractors"] == pytest.approx(expected, abs=1e-6)
    assert metrics["num_examples"] == test.num_examples
    for key in ("gap", "gap_without_distractors"):
        low, high = metrics["intervals"][key]
        assert low < metrics[key] < high


def test_the_submission_has_every_image_once(evaluated, bar_landmarks, model):
    folder, _, activation = evaluated
    with open(folder.path / "submission.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    splits = [bar_landmarks.splits[name] for name in ("test", "distractors")]
    assert [row["id"] for row in rows] == [example for split in splits for example in split.facts(["id"])["id"]]
    found = activation(np.concatenate([logits_of(model, split) for split in splits]).astype(float))
    assert [row["landmarks"].split()[0] for row in rows] == [NAMES[best] for best in found.argmax(axis=1)]
    assert np.allclose([float(row["landmarks"].split()[1]) for row in rows], found.max(axis=1), atol=1e-5)


def test_training_images_are_scored_and_the_report_says_so(evaluated, bar_landmarks, model):
    folder, metrics, activation = evaluated
    train = bar_landmarks.splits["train"]
    found = activation(logits_of(model, train).astype(float))
    assert metrics["train"]["num_examples"] == train.num_examples
    assert metrics["train"]["top1"] == pytest.approx((found.argmax(axis=1) == train.labels).mean())
    expected = global_average_precision(train.labels, found.argmax(axis=1), found.max(axis=1))
    assert metrics["train"]["gap"] == pytest.approx(expected, abs=1e-6)
    assert set(metrics["train"]["intervals"]) == {"top1", "top5", "gap"}
    report = (folder.path / "report.md").read_text()
    assert "## Training and test" in report and "| GAP without distractors |" in report
    # No class has the distractors, and of what leaks nothing is said.
    assert f"| distractors | {metrics['num_distractors']} |  |  |  |" in report
    assert "distractors example" not in report


@pytest.mark.slow
def test_a_vote_keeps_the_gap_of_one_view_and_has_none_of_distractors(evaluated, bar_landmarks, model):
    folder, metrics, _ = evaluated
    voted = vote_and_report(model, bar_landmarks, folder, "crops")
    assert voted["gap"] == metrics["gap"]
    vote = voted["votes"]["crops"]
    assert "gap" not in vote and 0 <= vote["gap_without_distractors"] <= vote["top1"]
    again = evaluate_and_report(model, bar_landmarks, folder, ROWS)
    assert json.loads(json.dumps(again)) == folder.metrics()
    assert again["gap"] == metrics["gap"]


def test_classes_are_counted_without_distractors(bar_landmarks):
    counts = class_counts(bar_landmarks)
    assert set(counts) == {"train", "validation", "test"}
    assert sum(counts["test"]) == bar_landmarks.splits["test"].num_examples


def test_of_a_large_training_split_a_sample_is_scored(bar_landmarks, model, monkeypatch):
    monkeypatch.setattr(split_predictions, "_TRAINING_SAMPLE", 50)
    scores = training_scores(model, bar_landmarks, 16, "softmax")
    train = bar_landmarks.splits["train"]
    count = max(50, bar_landmarks.splits["test"].num_examples)
    assert scores["num_examples"] == count < train.num_examples
    found = logits_of(model, train)[:count].argmax(axis=1)
    assert scores["top1"] == pytest.approx((found == train.labels[:count]).mean())


def test_a_network_trained_on_other_data_sees_the_distractors(bar_landmarks):
    relabelled = relabelled_test(bar_landmarks, ("7", "9", "140690", "8815"), (3, 2, 0))
    assert set(relabelled.splits) == set(relabelled.info.num_examples) == {"test", "distractors"}
    stored = types.SimpleNamespace(
        as_dataset=lambda **_: tf.data.Dataset.from_tensor_slices({"label": np.array([-1, 0, 2, -1])})
    )
    distractors = dataclasses.replace(relabelled.splits["distractors"], builder=stored)
    assert distractors.labels.tolist() == [-1, 3, 0, -1]
    assert (relabelled.splits["test"].labels == np.array([3, 2, 0])[bar_landmarks.splits["test"].labels]).all()


def test_probabilities_are_those_of_the_activation(bar_landmarks, model):
    test = bar_landmarks.splits["test"]
    logits = logits_of(model, test)
    assert np.allclose(predict_split(model, test, NAMES, 16, "sigmoid").probabilities, expit(logits), atol=1e-6)
    assert np.allclose(predict_split(model, test, NAMES, 16).probabilities, softmax(logits, axis=-1), atol=1e-6)
