import collections
import csv
import json
import shutil

import cv2
import numpy as np
import pytest
from scipy.special import softmax

from keras_sketch import evaluate, gradcam, load_classifier, train
from keras_sketch.data import open_dataset, reopen_dataset
from keras_sketch.data.crops import large_side, several_views
from keras_sketch.errors import InvalidArgumentError, RunFolderError, UnknownNameError
from keras_sketch.workflows.vote_run import predict_by_vote


@pytest.fixture
def copy(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture(scope="module")
def views(bars, prepared):
    test = open_dataset("quickdraw", config="bitmap", data_dir=prepared, manual_dir=bars).splits["test"]
    return test, np.concatenate([batch.numpy() for batch in several_views(test, 5)])


def read(folder, name):
    with (folder / name).open() as file:
        return list(csv.DictReader(file))


def test_a_run_says_how_large_its_network_is_and_how_far_its_heat_maps_can_be_trusted(run):
    metrics = json.loads((run / "metrics.json").read_text())
    model = load_classifier(run)
    assert metrics["parameters"] == model.count_params()
    assert metrics["parameters_trained"] == sum(weight.size for weight in map(np.array, model.trainable_weights))
    measured = metrics["faithfulness"]
    assert measured["num_images"] > 2 and -1 <= measured["random"]["score"] <= measured["gradcam"]["score"] <= 1
    report = (run / "report.md").read_text()
    assert f"| parameters | {model.count_params():,} |" in report
    assert "Grad-CAM +0." in report and "a random map" in report
    assert "No test example has a sibling of the same group in training." in report
    assert cv2.imread(str(run / "augmentation.png")).shape[1] > 500


def test_a_vote_stands_beside_the_runs_own_figures(run, copy, capsys):
    before = json.loads((run / "metrics.json").read_text())
    after = evaluate(str(copy), vote="crops")
    assert {key: value for key, value in after.items() if key != "votes"} == before
    assert after == json.loads((copy / "metrics.json").read_text())
    for name in ("predictions.csv", "classes.csv", "confusion.png", "gradcam.png"):
        assert (copy / name).read_bytes() == (run / name).read_bytes()
    vote = after["votes"]["crops"]
    rows = read(copy, "predictions-crops.csv")
    right = [row["label"] == row["predicted"] for row in rows]
    assert np.mean(right) == pytest.approx(vote["top1"])
    one = [row["label"] == row["predicted"] for row in read(copy, "predictions.csv")]
    assert vote["difference"]["top1"] == pytest.approx(np.mean(right) - np.mean(one))
    assert vote["difference"]["gained"] == sum(a and not b for a, b in zip(right, one, strict=True))
    report = (copy / "report.md").read_text()
    assert "## Voting" in report and "| one view |" in report and "| six views, majority |" in report
    assert "weighted by heat |" not in report
    assert "Test, vote by crops: top-1" in capsys.readouterr().out
    both = evaluate(str(copy), vote="cam")
    assert both["votes"]["crops"] == vote and "| six views, weighted by heat |" in (copy / "report.md").read_text()
    assert evaluate(str(copy)) == both


def test_votes_by_hand(run, views):
    test, pixels = views
    model = load_classifier(run)
    voted = predict_by_vote(model, test, model.class_names, 16, by_heat=False)
    for each, vote in zip(pixels, voted.probabilities, strict=True):
        probabilities = softmax(model.predict(each, verbose=0), axis=-1)
        paper = [np.ptp(view) < np.ptp(each[0]) / 4 for view in each]
        counted = collections.Counter(p.argmax() for p, empty in zip(probabilities, paper, strict=True) if not empty)
        best = [label for label, count in counted.items() if count == max(counted.values())]
        mean = probabilities[np.logical_not(paper)].mean(axis=0)
        assert vote.argmax() == max(best, key=mean.__getitem__)
    assert voted.ids == test.facts(["id"])["id"]


def test_heat_weighs_the_votes(run, views):
    test, pixels = views
    model = load_classifier(run)
    voted = predict_by_vote(model, test, model.class_names, 16, by_heat=True)
    large, end = large_side(28), large_side(28) - 28
    starts = [(0, 0), (0, end), (end, 0), (end, end), (end // 2, end // 2)]
    heat = gradcam(model, pixels[:, 0])
    # On a grid that is as fine as the pixels of both readings: 28 and 32 divide 224.
    fine = heat.repeat(8, axis=1).repeat(8, axis=2)
    step = 224 // large
    for each, hot, vote in zip(pixels, fine, voted.probabilities, strict=True):
        windows = [hot[y * step : (y + 28) * step, x * step : (x + 28) * step] for y, x in starts]
        weights = np.array([1, *(window.sum() / hot.sum() for window in windows)])
        weights *= [np.ptp(view) >= np.ptp(each[0]) / 4 for view in each]
        probabilities = softmax(model.predict(each, verbose=0), axis=-1)
        ballots = np.bincount(probabilities.argmax(axis=1), weights, minlength=3) / weights.sum()
        if np.diff(np.sort(ballots))[-1] > 2e-3:
            assert vote.argmax() == ballots.argmax()


def test_views_pass_through_the_model_a_batch_at_a_time(run, views):
    model, sizes = load_classifier(run), []
    predict = model.predict_on_batch
    model.predict_on_batch = lambda images: sizes.append(len(images)) or predict(images)
    predict_by_vote(model, views[0], model.class_names, 16, by_heat=False)
    assert max(sizes) <= 16 and sum(sizes) == 6 * views[0].num_examples


def test_what_cannot_be_voted_on_is_refused_and_changes_nothing(copy):
    with pytest.raises(UnknownNameError, match="Did you mean 'crops'"):
        evaluate(str(copy), vote="crop")
    predictions = (copy / "predictions.csv").read_text().replace("arm/", "other/")
    (copy / "predictions.csv").write_text(predictions)
    before = (copy / "metrics.json").read_bytes(), (copy / "report.md").read_bytes()
    with pytest.raises(RunFolderError, match="other examples"):
        evaluate(str(copy), vote="crops")
    assert before == ((copy / "metrics.json").read_bytes(), (copy / "report.md").read_bytes())


def test_a_run_from_before_parameters_were_stored(copy):
    metrics = json.loads((copy / "metrics.json").read_text())
    count = metrics.pop("parameters")
    del metrics["parameters_trained"], metrics["faithfulness"]
    (copy / "metrics.json").write_text(json.dumps(metrics))
    assert evaluate(str(copy), vote="crops")["parameters"] == count


@pytest.mark.slow
def test_images_that_are_not_square_and_smaller_than_the_input(tmp_path):
    random = np.random.default_rng(0)
    for name, colour in {"dark": 60, "light": 200}.items():
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(15):
            image = np.clip(random.normal(colour, 20, (20, 31, 3)), 0, 255).astype("uint8")
            cv2.imwrite(str(tmp_path / "images" / name / f"{number}.png"), image)
    folder = train(
        dataset="folder", image_size=50, epochs=1, batch_size=16, manual_dir=str(tmp_path / "images"),
        data_dir=str(tmp_path / "data"), output_dir=str(tmp_path / "run"),
    )  # fmt: skip
    metrics = evaluate(str(folder), vote="cam")
    assert metrics["votes"]["cam"]["num_examples"] == metrics["num_examples"] == len(read(folder, "predictions.csv"))


def test_a_history_without_an_epoch_is_refused(copy):
    (copy / "history.csv").write_text("")
    before = (copy / "report.md").read_bytes()
    with pytest.raises(RunFolderError, match="history.csv has no epoch"):
        evaluate(str(copy))
    assert (copy / "report.md").read_bytes() == before


def test_the_metrics_of_another_version_are_written_anew(copy):
    metrics = json.loads((copy / "metrics.json").read_text())
    old = {key: value for key, value in metrics.items() if key not in ("intervals", "num_examples")}
    (copy / "metrics.json").write_text(json.dumps(old))
    with pytest.raises(RunFolderError, match="another version: evaluate once without --vote"):
        evaluate(str(copy), vote="crops")
    assert evaluate(str(copy)) == metrics


def elsewhere(run, bars, prepared, folder, **changes):
    places = dict(manual_dir=str(bars), data_dir=str(prepared), output_dir=str(folder))
    return evaluate(str(run), **{**dict(dataset="quickdraw", config="bitmap"), **places, **changes})


def test_a_run_on_other_data_keeps_its_own_classes(run, bars, prepared, tmp_path, capsys):
    metrics = elsewhere(run, bars, prepared, tmp_path / "part", classes=("cloud", "belt"))
    own = {row["id"]: row for row in read(run, "predictions.csv") if row["label"] != "arm"}
    rows = {row["id"]: row for row in read(tmp_path / "part", "predictions.csv")}
    assert rows.keys() == own.keys()
    for example, row in rows.items():
        assert (row["label"], row["predicted"]) == (own[example]["label"], own[example]["predicted"])
        assert float(row["score"]) == pytest.approx(float(own[example]["score"]), rel=1e-4)
    assert (tmp_path / "part" / "labels.txt").read_text().split() == ["arm", "belt", "cloud"]
    settings = json.loads((tmp_path / "part" / "evaluation.json").read_text())
    assert settings["run"] == str(run) and settings["recipe"]["model"] == "quickdraw_cnn"
    assert metrics["num_examples"] == len(rows) and "faithfulness" not in metrics
    text = (tmp_path / "part" / "report.md").read_text()
    assert "# quickdraw\\_cnn, trained on quickdraw, on quickdraw" in text
    assert "No test example, nor a sibling of one, was trained on." in text
    assert "were trained on" not in capsys.readouterr().out


def test_examples_that_the_run_was_trained_on_are_counted(run, bars, prepared, tmp_path, capsys):
    metrics = elsewhere(run, bars, prepared, tmp_path / "other", split="published")
    settings = json.loads((run / "recipe.json").read_text())
    seen = set(reopen_dataset(settings["data"], 28, "pad").splits["train"].facts(["id"])["id"])
    leaked = sum(row["id"] in seen for row in read(tmp_path / "other", "predictions.csv"))
    assert leaked == metrics["leaked"] > 0
    said = f"{leaked} were trained on themselves, and siblings of 0 others"
    assert f"Of {metrics['num_examples']} test examples {said}" in capsys.readouterr().out
    text = (tmp_path / "other" / "report.md").read_text()
    assert f"{leaked} of " in text and "were trained on, or have siblings" in text


def test_options_that_a_run_leaves_no_choice_about(run, bars, prepared, tmp_path):
    for name, value in (("weights", "imagenet"), ("image_size", 64)):
        with pytest.raises(InvalidArgumentError, match=f"`{name}` must be left out for a run"):
            elsewhere(run, bars, prepared, tmp_path / "run", **{name: value})
    for name in ("arm", "belt"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(20):
            cv2.imwrite(str(tmp_path / "images" / name / f"{number}.png"), np.full((9, 9, 3), number, "uint8"))
    changes = dict(dataset="folder", config=None, split="holdout", manual_dir=str(tmp_path / "images"))
    with pytest.raises(InvalidArgumentError, match="one of grey images, .* Received: 'RGB images'"):
        elsewhere(run, bars, prepared, tmp_path / "run", **changes)
    assert not (tmp_path / "run").exists()
