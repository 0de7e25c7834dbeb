import csv
import json
import os
import shutil

import cv2
import keras
import numpy as np
import pytest

from keras_sketch import evaluate
from keras_sketch.curation.imagenet import imagenet_classes
from keras_sketch.data import open_dataset
from keras_sketch.errors import InvalidArgumentError, MissingDataError, RunFolderError, UnknownNameError
from keras_sketch.workflows import report

WNIDS = [each.wnid for each in imagenet_classes()]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with images of three ImageNet classes, a network's weights, and its evaluation on them."""
    folder = tmp_path_factory.mktemp("pretrained")
    random = np.random.default_rng(0)
    for wnid in (WNIDS[1], WNIDS[207], WNIDS[611]):
        (folder / "images" / wnid).mkdir(parents=True)
        for number in range(30):
            picture = random.integers(0, 255, (32, 32, 3), "uint8")
            cv2.imwrite(str(folder / "images" / wnid / f"{number}.png"), picture)
    keras.utils.set_random_seed(1)
    network = keras.applications.MobileNet((32, 32, 3), alpha=0.25, weights=None)
    # A random network gives all images nearly the same features; this head tells them apart.
    head = network.get_layer("conv_preds")
    pixels = random.integers(0, 255, (64, 32, 32, 3)).astype("float32") / 127.5 - 1
    features = keras.Model(network.input, head.input).predict(pixels, verbose=0)[:, 0, 0]
    kernel = random.normal(size=(256, 1000)) / (features.std(axis=0).mean() * 8)
    head.set_weights([kernel[None, None], -features.mean(axis=0) @ kernel])
    network.save_weights(folder / "net.weights.h5")
    return folder


def figures_of(home, **changes):
    places = dict(manual_dir=home / "images", data_dir=home / "data", output_dir=home / "evaluation")
    given = dict(dataset="folder", split="holdout", weights=str(home / "net.weights.h5"), image_size=32)
    return evaluate("mobilenet_025", **{**{name: str(path) for name, path in places.items()}, **given, **changes})


@pytest.fixture(scope="module")
def metrics(home):
    return figures_of(home)


def test_a_pretrained_network_s_figures_are_keras_own(home, metrics):
    places = dict(data_dir=home / "data", manual_dir=home / "images")
    test = open_dataset("folder", image_size=32, split="holdout", **places).splits["test"]
    network = keras.applications.MobileNet((32, 32, 3), alpha=0.25, weights=str(home / "net.weights.h5"))
    pixels = test.images(range(test.num_examples)).astype("float32")
    expected = network.predict(keras.applications.mobilenet.preprocess_input(pixels), verbose=0)
    with (home / "evaluation" / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    best = expected.argsort(axis=1)[:, ::-1]
    assert len(set(best[:, 0])) > 5
    assert [row["predicted"] for row in rows] == [WNIDS[label] for label in best[:, 0]]
    np.testing.assert_allclose([float(row["score"]) for row in rows], expected.max(axis=1), rtol=1e-4)
    true = np.array([WNIDS.index(row["id"].split("/")[0]) for row in rows])
    assert [row["label"] for row in rows] == [WNIDS[label] for label in true]
    assert metrics["top1"] == pytest.approx((best[:, 0] == true).mean())
    assert metrics["top5"] == pytest.approx((best[:, :5] == true[:, None]).any(axis=1).mean())
    assert metrics["parameters"] == network.count_params() and "parameters_trained" not in metrics


def test_an_evaluation_s_folder(home, metrics):
    folder = home / "evaluation"
    settings = json.loads((folder / "evaluation.json").read_text())
    assert settings["run"] is None and settings["recipe"]["stages"] == []
    assert settings["data"]["dataset"] == "folder" and settings["preprocessing"]["image_size"] == 32
    assert (folder / "labels.txt").read_text().split() == WNIDS
    assert json.loads((folder / "metrics.json").read_text()) == metrics
    assert metrics["same_branch"]["num_errors"] == round((1 - metrics["top1"]) * metrics["num_examples"])
    assert len(metrics["ink"]) <= 4 and metrics["wrong_answers"][0]["class"] in WNIDS
    text = (folder / "report.md").read_text()
    assert "golden retriever" in text and WNIDS[207] not in text
    assert {"confusion.png", "samples.png", "mistakes.png", "gradcam.png", "classes.csv"} <= set(os.listdir(folder))
    assert "curves.png" not in os.listdir(folder)


def test_a_vote_is_never_set_beside_predictions_of_other_weights(home, metrics, tmp_path, monkeypatch):
    folder = tmp_path / "evaluation"
    shutil.copytree(home / "evaluation", folder)
    settings = json.loads((folder / "evaluation.json").read_text())
    assert settings["recipe"]["weights"] == str(home / "net.weights.h5")
    (folder / "evaluation.json").write_text(json.dumps({**settings, "weights_sha256": "of other ones"}))
    predictions = (folder / "predictions.csv").read_text()
    (folder / "predictions.csv").write_text(predictions.replace(f",{WNIDS[1]},", f",{WNIDS[2]},"))
    monkeypatch.chdir(home)
    figures_of(home, vote="crops", weights="net.weights.h5", output_dir=str(folder))
    assert (folder / "predictions.csv").read_text() == predictions
    assert json.loads((folder / "evaluation.json").read_text()) == settings


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_weights_that_cannot_be_read_are_noticed_before_the_data(tmp_path):
    (tmp_path / "net.weights.h5").touch(mode=0o000)
    with pytest.raises(MissingDataError, match="Cannot read the weights file .*net.weights.h5: Permission denied"):
        figures_of(tmp_path, weights=str(tmp_path / "net.weights.h5"))
    assert os.listdir(tmp_path) == ["net.weights.h5"]


@pytest.mark.slow
def test_an_interrupted_evaluation_is_done_again_and_another_one_refused(home, metrics):
    folder = home / "evaluation"
    (folder / "report.md").unlink()
    (folder / "predictions-cam.csv").touch()
    voted = figures_of(home, vote="crops")
    assert {key: value for key, value in voted.items() if key != "votes"} == metrics
    assert voted["votes"]["crops"]["num_examples"] == metrics["num_examples"]
    assert "## Voting" in (folder / "report.md").read_text() and not (folder / "predictions-cam.csv").exists()
    (folder / "metrics.json").write_text("{}")  # as another version left it
    assert figures_of(home, vote="crops") == voted
    before = (folder / "report.md").stat().st_mtime_ns
    with pytest.raises(RunFolderError, match="holds an evaluation with other settings .*per_class: None there, 20 now"):
        figures_of(home, per_class=20)
    (home / "run").mkdir(exist_ok=True)
    (home / "run" / "recipe.json").touch()
    with pytest.raises(RunFolderError, match="holds other files and no evaluation"):
        figures_of(home, output_dir=str(home / "run"))
    with pytest.raises(RunFolderError, match="holds an evaluation. Give the run or network"):
        evaluate(str(folder))
    assert (folder / "report.md").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (dict(weights="none"), InvalidArgumentError, "nothing to test"),
        (dict(weights="nowhere.h5"), MissingDataError, "no weights file nowhere.h5"),
        (dict(image_size=8), InvalidArgumentError, "image-size"),
        (dict(dataset="folders"), UnknownNameError, "Did you mean 'folder'"),
        (dict(image_sise=8), UnknownNameError, "Did you mean 'image_size'"),
        (dict(dataset=None), InvalidArgumentError, "left out without a dataset"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(home, tmp_path, monkeypatch, changes, error, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        figures_of(home, **changes)
    assert not os.listdir(tmp_path)


def test_classes_that_the_network_does_not_know(home, tmp_path):
    for name in ("cat", "blob"):
        shutil.copytree(home / "images" / WNIDS[1], tmp_path / "images" / name)
    places = dict(manual_dir=str(tmp_path / "images"), output_dir=str(tmp_path / "evaluation"))
    with pytest.raises(InvalidArgumentError, match=r"none of those tested \(blob, cat\)"):
        figures_of(home, **places)
    assert not (tmp_path / "evaluation").exists()


def test_names_of_networks(home, tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean 'densenet121'.*no folder"):
        evaluate("densnet121", dataset="folder")
    with pytest.raises(InvalidArgumentError, match="network with ImageNet weights"):
        evaluate("quickdraw_cnn", dataset="folder")
    with pytest.raises(InvalidArgumentError, match="`dataset` must be given"):
        evaluate("densenet121")
    with pytest.raises(RunFolderError, match="holds no run"):
        evaluate(str(tmp_path), dataset="folder")


def test_an_evaluation_alone_can_be_reported(home, metrics, tmp_path, capsys):
    written = report((str(home / "evaluation"),), output_dir=str(tmp_path / "report"))
    text = written.read_text()
    assert "# Before and after fine-tuning" in text and "| mobilenet\\_025 |" in text
    assert "![What evaluation got wrong](all_wrong.png)" in text
    assert cv2.imread(str(written.parent / "all_wrong.png")) is not None
    assert "Tested on: evaluation: folder/" in capsys.readouterr().out
    (home / "data").rename(home / "elsewhere")
    text = report((str(home / "evaluation"),), output_dir=str(tmp_path / "report")).read_text()
    (home / "elsewhere").rename(home / "data")
    assert "Their pictures are gone" in text and not (written.parent / "all_wrong.png").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "file", "build", "hits"),
    [
        ("mobilenet_025", "mobilenet_0.25_224_imagenet_top", "MobileNet", (3, 8)),
        ("densenet121", "densenet121_imagenet_top", "DenseNet121", (8, 17)),
    ],
)
def test_real_networks_on_real_sketches(samples, tmp_path, name, file, build, hits):
    weights = str(samples.parent / "weights" / f"{file}.weights.h5")
    if not os.path.isfile(weights):
        pytest.skip("the published weights are not here")
    places = dict(manual_dir=str(samples / "imagenet_sketch"), data_dir=str(tmp_path / "data"))
    given = dict(dataset="imagenet_sketch", split="all", weights=weights, output_dir=str(tmp_path / "evaluation"))
    metrics = evaluate(name, **given, **places)
    test = open_dataset("imagenet_sketch", split="all", image_size=224, **places).splits["test"]
    network = getattr(keras.applications, build)(weights=weights, **({"alpha": 0.25} if build == "MobileNet" else {}))
    scale = getattr(keras.applications, build.lower().removesuffix("121")).preprocess_input
    expected = network.predict(scale(test.images(range(24)).astype("float32")), verbose=0)
    with (tmp_path / "evaluation" / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    best = expected.argsort(axis=1)[:, :-6:-1]
    assert [[row[f"label_{k}"] for k in range(1, 6)] for row in rows] == [[WNIDS[i] for i in each] for each in best]
    np.testing.assert_allclose([float(row["score"]) for row in rows], expected.max(axis=1), atol=1e-5)
    assert (24 * metrics["top1"], 24 * metrics["top5"]) == pytest.approx(hits)
