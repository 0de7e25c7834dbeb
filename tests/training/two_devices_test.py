"""What is trained, measured and explained on two devices is what one device gives; in float64, to tell more digits."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from keras_sketch import gradcam, load_classifier
from keras_sketch.curation.countries import country_centroids
from keras_sketch.metrics import haversine_km

pytestmark = pytest.mark.slow

COUNTRIES = ("Chile", "Ghana", "Norway")

# One strategy a process: with several in one, TensorFlow aborts.
TRAIN = """
import dataclasses, json, sys
from pathlib import Path
import keras, numpy as np, tensorflow as tf
from keras_sketch import gradcam
from keras_sketch.data import open_dataset
from keras_sketch.exporting import save_classifier
from keras_sketch.models import build_classifier, norm_layers
from keras_sketch.recipes import Augmentation, Recipe, Stage
from keras_sketch.training.distribution import make_strategy, scope
from keras_sketch.training.fitting import fit_recipe
from keras_sketch.workflows.from_recipe import build_network

COUNTRIES = ("Chile", "Ghana", "Norway")
strategy = make_strategy(int(sys.argv[1]))
home, arrays, facts = Path(sys.argv[2]), {}, {}
data = open_dataset("quickdraw", config="bitmap", data_dir=home / "prepared", manual_dir=sys.argv[3])
train, validation, test = (data.splits[name] for name in ("train", "validation", "test"))
info = dataclasses.replace(data.info, class_names=COUNTRIES)
head = Stage(epochs=1, learning_rate=1e-3, train_from="head", name="head")
last = Stage(epochs=2, learning_rate=1e-3, train_from="eighth", name="last block")
base = Recipe(name="t", summary="", dataset="quickdraw", model="doodle_resnet", batch_size=48, stages=(head, last),
              pooling="gem", dropout=0.0, loss="haversine")


def fitted(name, recipe, precision="float64"):
    keras.utils.set_random_seed(0)
    with scope(strategy):
        if precision == "float64":
            # As one does from Python, with plain normalization.
            keras.config.set_dtype_policy(precision)
            model = build_classifier(recipe.model, 3, info.image_shape, pooling="gem", dropout=0.0)
            keras.config.set_dtype_policy("float32")
        else:
            model = build_network(recipe, info, precision, strategy)
    start = [np.array(each) for each in model.get_weights()]
    rows = fit_recipe(model, recipe, train, validation, home / name, {"class_names": COUNTRIES}, strategy)
    keys = ("loss", "top1", "top5", "distance_km", "val_loss", "val_top1", "val_distance_km")
    facts[name] = {"rows": [[row[key] for key in keys] for row in rows], "changed": changed(model, start)}
    arrays.update({f"{name}/{i:03d}": each for i, each in enumerate(model.get_weights())})
    return model


def changed(model, start):
    return [each.path for each, before in zip(model.weights, start) if np.any(np.array(each) != before)]


def replicas(variable):
    return [np.array(each) for each in getattr(variable.value, "values", [variable.value])]


mixed = dataclasses.replace(base, augmentation=Augmentation(rotation=10, mixup=0.4), balance="weights")
model = fitted("mixed", mixed)
facts["iterations"], facts["steps"] = int(model.optimizer.iterations.numpy()), train.steps(48)
facts["norms"] = [each.path for layer in norm_layers(model) for each in layer.weights]
copies = [replicas(each) for each in model.weights]
facts["replicas"] = len(copies[0])
facts["unlike"] = [each.path for each, found in zip(model.weights, copies) if any((found[0] != f).any() for f in found)]
facts["exponent"] = [float(each) for each in replicas(model.get_layer("pooling").exponent)]
with scope(strategy):
    facts["evaluated"] = model.evaluate(test.evaluation(7), return_dict=True, verbose=0)
    arrays["logits"] = model.predict(test.evaluation(7), verbose=0)
    images = np.concatenate([batch.numpy() for batch, _ in test.evaluation(64)])
    arrays["heat"] = gradcam(model, images[:4])
    save_classifier(model, home / "model.keras", {"class_names": COUNTRIES})
arrays["images"] = images
facts["before"] = (home / "prepared" / "features").exists()
fitted("stored", dataclasses.replace(base, stages=(head,)), "float32")
(home / "facts.json").write_text(json.dumps(facts))
np.savez(home / "arrays.npz", **arrays)
"""


@pytest.fixture(scope="module")
def trained(dataset, bars, prepared, tmp_path_factory):
    """By the number of devices: the facts, the arrays, and the folder."""
    started = {}
    for devices in (1, 2):
        home = tmp_path_factory.mktemp(f"on_{devices}")
        shutil.copytree(prepared / "quickdraw", home / "prepared" / "quickdraw")
        command = [sys.executable, "-c", TRAIN, str(devices), str(home), str(bars)]
        started[devices] = home, subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    found = {}
    for devices, (home, process) in started.items():
        _, errors = process.communicate()
        assert process.returncode == 0, errors[-3000:]
        found[devices] = json.loads((home / "facts.json").read_text()), np.load(home / "arrays.npz"), home
    return found


def arrays_of(trained, devices, name):
    stored = trained[devices][1]
    return [stored[key] for key in sorted(stored.files) if key.startswith(f"{name}/")]


def test_history_and_weights_are_those_of_one_device(trained):
    """Of mixed pictures with weights, by a loss of distances, through GeM, synchronized and frozen normalization."""
    one, two = (trained[devices][0]["mixed"]["rows"] for devices in (1, 2))
    assert len(one) == 3
    np.testing.assert_allclose(one, two, rtol=1e-6, atol=1e-6)
    pairs = list(zip(*(arrays_of(trained, devices, "mixed") for devices in (1, 2)), strict=True))
    assert len(pairs) > 30 and max(np.abs(a - b).max() for a, b in pairs) < 1e-9


def test_a_stage_unfreezes_and_begins_with_an_optimizer_of_its_own(trained):
    facts, _, _ = trained[2]
    assert facts["iterations"] == 2 * facts["steps"]
    assert {path.split("/")[0] for path in facts["stored"]["changed"]} == {"pooling", "logits"}
    assert {path.split("/")[0] for path in facts["mixed"]["changed"]} == {"eighth", "eighth_norm", "pooling", "logits"}


def test_frozen_normalization_stays_as_it_was_to_the_bit(trained):
    for devices in (1, 2):
        facts = trained[devices][0]
        statistics = {path for path in facts["norms"] if "/moving_" in path}
        assert len(statistics) == 16
        moved = {"eighth_norm/moving_mean", "eighth_norm/moving_variance"}
        assert statistics & set(facts["mixed"]["changed"]) == moved


def test_replicas_have_the_same_weights_statistics_and_exponent(trained):
    facts, _, _ = trained[2]
    assert (trained[1][0]["replicas"], facts["replicas"]) == (1, 2)
    assert facts["unlike"] == []
    assert facts["exponent"][0] == facts["exponent"][1] != 3.0


def test_metrics_are_those_of_all_examples(trained, dataset):
    facts, arrays, _ = trained[2]
    labels, places = dataset.splits["test"].facts(["label"])["label"], country_centroids(COUNTRIES)
    logits = arrays["logits"]
    assert len(logits) == len(labels) and len(labels) % 7
    guessed = logits.argmax(-1)
    km = haversine_km(places[labels], places[guessed])
    assert facts["evaluated"]["top1"] == pytest.approx((guessed == labels).mean(), abs=1e-6)
    assert facts["evaluated"]["top5"] == 1
    assert facts["evaluated"]["distance_km"] == pytest.approx(km.mean(), rel=1e-5)
    shares = np.exp(logits - logits.max(-1, keepdims=True))
    shares /= shares.sum(-1, keepdims=True)
    radians = haversine_km(places[:, None], places)[labels] / 6371.0088
    expected = -np.log(shares[np.arange(len(labels)), labels]) + 2.5 * (shares * radians).sum(-1)
    assert facts["evaluated"]["loss"] == pytest.approx(expected.mean(), abs=1e-6)


def test_stored_features_are_those_of_one_device(trained):
    files = {}
    for devices in (1, 2):
        facts, _, home = trained[devices]
        assert not facts["before"]
        features = home / "prepared" / "features"
        arrays = [np.load(file) for file in features.rglob("*.npy")]
        files[devices] = sorted((array for array in arrays if array.ndim == 4), key=len)
    assert [len(array) for array in files[1]] == [19, 144]
    for one, two in zip(files[1], files[2], strict=True):
        np.testing.assert_array_equal(one, two)
    pairs = zip(*(arrays_of(trained, devices, "stored") for devices in (1, 2)), strict=True)
    assert max(np.abs(a - b).max() for a, b in pairs) < 1e-5


def test_the_saved_model_predicts_and_explains_as_the_one_that_was_trained(trained):
    _, arrays, home = trained[2]
    model = load_classifier(home / "model.keras")
    np.testing.assert_allclose(model.predict(arrays["images"], verbose=0), arrays["logits"], rtol=0, atol=1e-6)
    assert arrays["heat"].shape == (4, 28, 28) and arrays["heat"].max() == 1
    np.testing.assert_allclose(gradcam(model, arrays["images"][:4]), arrays["heat"], rtol=0, atol=1e-5)
