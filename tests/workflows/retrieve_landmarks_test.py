import csv
import json

import cv2
import numpy as np
import pytest

from keras_sketch.errors import InvalidArgumentError, KerasSketchError, MissingDataError, RunFolderError
from keras_sketch.evaluation.intervals import wilson_interval
from keras_sketch.local_features import FeatureStoreWriter, LocalFeatures, LocalFeatureStore
from keras_sketch.metrics import global_average_precision
from keras_sketch.workflows import retrieve


@pytest.fixture
def synthetic(tmp_path):
    """A store of three landmarks; the test split has two views of things in it and one of none, one distractor."""
    random = np.random.default_rng(0)

    def thing(count=30):
        descriptors = random.normal(size=(count, 8))
        descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
        ones = np.ones(count, "float32")
        places = 40.0 * np.column_stack(np.divmod(random.permutation(36)[:count], 6))
        return LocalFeatures(places.astype("float32"), ones, ones, descriptors)

    def view(of, turn):
        return LocalFeatures(of.locations @ np.float32(turn) + 5, of.scales, of.scores, of.descriptors)

    things = [thing() for _ in range(6)]
    split = {
        "train": [(f"t{n}", n // 2, each) for n, each in enumerate(things)],
        "test": [
            ("q0", 2, view(things[4], [[0, 1], [-1, 0]])),
            ("q1", 1, view(things[0], [[1, 0], [0, 1]]).strongest(20)),
            ("q2", 0, thing().strongest(0)),
        ],
        "distractors": [("d0", -1, view(things[3], [[0.9, 0], [0, 0.9]]).strongest(25))],
    }
    folder = tmp_path / "store"
    folder.mkdir()
    settings = {
        "splits": {name: len(rows) for name, rows in split.items()}, "class_names": ["7", "99", "140690"],
        "dimensions": 8, "data": {"prepared_in": str(tmp_path / "gone"), "dataset": "gldv2"},
        "preprocessing": {"image_size": 96, "resize": "pad", "channels": 3},
    }  # fmt: skip
    (folder / "extractor.json").write_text(json.dumps(settings))
    for name, rows in split.items():
        ids, labels, features = zip(*rows, strict=True)
        FeatureStoreWriter(folder, settings["splits"]).write(name, range(len(rows)), ids, labels, features)
    return folder


def rows_of(folder):
    with open(folder / "retrieval.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_what_is_found_is_written_with_its_score(synthetic, tmp_path):
    metrics = retrieve(str(synthetic), output_dir=str(tmp_path / "out"))
    rows = rows_of(tmp_path / "out")
    answers = [(row["id"], row["true"], row["best"], row["matched_image"], row["inliers"]) for row in rows]
    assert answers == [
        ("q0", "140690", "140690", "t4", "30"),
        ("q1", "99", "7", "t0", "20"),
        ("q2", "7", "", "", ""),
        ("d0", "", "99", "t3", "25"),
    ]
    assert all(int(row["inliers"]) == int(float(row["score"])) for row in rows if row["best"])
    assert metrics == json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["top1"] == 1 / 3 and metrics["intervals"]["top1"] == list(wilson_interval(1, 3))
    # Ranked: 30 right, 25 of a distractor, 20 wrong, and one without a guess.
    assert metrics["gap"] == global_average_precision([2, 1, 0, -1], [2, 0, -1, 1], [30, 20, 0, 25]) == 1 / 3
    assert metrics["intervals"]["gap"][0] <= metrics["gap"] <= metrics["intervals"]["gap"][1]
    assert [metrics[f"num_{name}"] for name in ("queries", "distractors", "indexed", "landmarks")] == [4, 1, 6, 3]


def test_the_report_says_why_there_is_no_picture(synthetic, tmp_path):
    retrieve(str(synthetic), output_dir=str(tmp_path / "out"))
    text = (tmp_path / "out" / "report.md").read_text()
    assert "33.33 %" in text and "There is no picture" in text and "--data-dir" in text
    assert not (tmp_path / "out" / "retrieved.png").exists()


def test_fewer_features_can_be_asked_for(synthetic, tmp_path):
    retrieve(str(synthetic), max_features=12, output_dir=str(tmp_path / "out"))
    assert [row["inliers"] for row in rows_of(tmp_path / "out")] == ["12", "12", "", "12"]
    for name in ("max_features", "neighbours", "candidates"):
        with pytest.raises(InvalidArgumentError, match=name):
            retrieve(str(synthetic), **{name: 0})


def test_the_same_retrieval_is_done_again_and_another_is_kept(synthetic, tmp_path):
    out = str(tmp_path / "out")
    first = retrieve(str(synthetic), output_dir=out)
    assert retrieve(str(synthetic), output_dir=out) == first
    with pytest.raises(RunFolderError, match="candidates"):
        retrieve(str(synthetic), candidates=3, output_dir=out)
    with pytest.raises(RunFolderError, match="other files"):
        retrieve(str(synthetic), output_dir=str(synthetic))


def test_without_known_landmarks_there_are_no_scores(synthetic, tmp_path):
    settings = json.loads((synthetic / "extractor.json").read_text())
    settings["splits"].pop("test")
    (synthetic / "extractor.json").write_text(json.dumps(settings))
    metrics = retrieve(str(synthetic), output_dir=str(tmp_path / "out"))
    assert "gap" not in metrics and "top1" not in metrics and metrics["num_queries"] == 1
    settings["splits"].pop("distractors")
    (synthetic / "extractor.json").write_text(json.dumps(settings))
    with pytest.raises(MissingDataError, match="--images"):
        retrieve(str(synthetic), output_dir=str(tmp_path / "other"))


def test_what_is_no_store_is_refused(tmp_path):
    with pytest.raises(MissingDataError, match="keras-sketch extract"):
        retrieve(str(tmp_path))


def test_photos_of_the_same_thing_are_recognized_and_shown(things_store, tmp_path):
    metrics = retrieve(str(things_store), output_dir=str(tmp_path / "out"))
    assert metrics["top1"] == 1 and metrics["gap"] == 1
    assert min(int(row["inliers"]) for row in rows_of(tmp_path / "out")) >= 8
    picture = cv2.imread(str(tmp_path / "out" / "retrieved.png"))
    assert picture.shape[1] > 600 and "![" in (tmp_path / "out" / "report.md").read_text()


def test_image_files_are_recognized(things_store, things, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = [str(things / name / "3.png") for name in ("tower", "arch")]
    answers = retrieve(str(things_store), images=tuple(files))
    names = LocalFeatureStore(things_store).class_names
    assert [names[answers[file][0].label] for file in files] == ["tower", "arch"]
    lines = [line for line in capsys.readouterr().out.splitlines() if ".png: " in line]
    assert [line.split(": ")[1].split()[0] for line in lines] == ["tower", "arch"]
    assert not list(tmp_path.iterdir())
    with pytest.raises(InvalidArgumentError, match="output_dir"):
        retrieve(str(things_store), images=tuple(files), output_dir="out")
    (tmp_path / "note.png").write_text("text")
    with pytest.raises(KerasSketchError, match=r"note\.png"):
        retrieve(str(things_store), images=("note.png",))
