import dataclasses
import json

import cv2
import numpy as np
import pytest

from keras_sketch import build_classifier
from keras_sketch.data import open_dataset
from keras_sketch.evaluation.geography import distance_scores
from keras_sketch.evaluation.predictions_csv import read_predictions
from keras_sketch.recipes import find_recipe
from keras_sketch.training.history import write_history
from keras_sketch.workflows.evaluation_steps import evaluate_and_report
from keras_sketch.workflows.run_folder import RunFolder

# By country: latitude, longitude and colour of its places.
PLACES = {
    "Chile": [(-33.4, -70.6, 30), (-36.8, -73.0, 40), (-41.5, -72.9, 35)],
    "Japan": [(35.7, 139.7, 130), (34.7, 135.5, 140), (43.1, 141.3, 135)],
    "France": [(48.9, 2.3, 220), (45.8, 4.8, 230), (43.3, 5.4, 225)],
}


@pytest.fixture(scope="module")
def views(tmp_path_factory):
    """A manual folder of street views: three places in each of three countries, ten views of each."""
    folder, random = tmp_path_factory.mktemp("views"), np.random.default_rng(0)
    for country, places in PLACES.items():
        (folder / "compressed_dataset" / country).mkdir(parents=True)
        for latitude, longitude, grey in places:
            for view in range(10):
                pixels = np.clip(random.normal(grey, 30, (32, 32, 3)), 0, 255).astype("uint8")
                name = f"{latitude}_{longitude}_v{view}.jpg"
                cv2.imwrite(str(folder / "compressed_dataset" / country / name), pixels)
    return folder


def test_a_run_on_countries_with_a_leaking_split(views, tmp_path):
    data = open_dataset(
        "geoguessr", "all", "view-60-20-20", image_size=32, manual_dir=views, data_dir=tmp_path / "data"
    )  # fmt: skip
    recipe = dataclasses.replace(find_recipe(None, "geoguessr"), model="sketch_cnn", image_size=32, batch_size=16)
    folder, rows = tmp_path / "run", [{"epoch": i, "loss": 1.0, "val_loss": 1.0, "stage": f"{i}"} for i in (1, 2)]
    RunFolder(folder).begin({"recipe": recipe.to_dict()}, data.info.class_names, resume=False)
    write_history(folder / "history.csv", rows)
    evaluate_and_report(build_classifier("sketch_cnn", 3, (32, 32, 3), weights=None), data, RunFolder(folder), rows)
    metrics = json.loads((folder / "metrics.json").read_text())
    told = read_predictions(folder / "predictions.csv", (folder / "labels.txt").read_text().splitlines())
    places = np.array([np.mean([place[:2] for place in PLACES[name]], axis=0) for name in told.class_names])
    # The countries' own centroids are not far from the mean of the places here.
    about = distance_scores(told.labels, told.predicted, places)["mean_km"]
    assert metrics["mean_km"] == pytest.approx(about, rel=0.1, abs=1)
    assert {"mean_km", "geoscore", "within_750_km", "top1"} <= set(metrics["intervals"])
    # Nine places of ten views: every test view has a sibling in training, and test views share places.
    assert metrics["leaked"] == metrics["num_examples"] == metrics["siblings"]["with"]["num_examples"]
    assert len(set(told.facts["group"])) == metrics["num_groups"] < metrics["num_examples"]
    assert "untrained" not in metrics and "without" not in metrics["siblings"]
    report = (folder / "report.md").read_text()
    for title in ("## Distances", "## World map", "## What the leak is worth", "## Accuracy per stage"):
        assert title in report
    assert "Accuracy by `latitude`" not in report and "Accuracy by `group`" not in report
