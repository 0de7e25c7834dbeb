"""The recipes for landmarks: what they say, and that each trains and is tested on landmarks that a program drew."""

import csv
import json
from dataclasses import replace

import keras
import numpy as np
import pytest

from keras_sketch import train
from keras_sketch.data import open_dataset
from keras_sketch.errors import InvalidArgumentError, MissingDataError
from keras_sketch.losses.table import LOSSES
from keras_sketch.recipes import all_recipes, gldv2
from keras_sketch.recipes.gldv2 import OURS, RECIPES
from keras_sketch.training.fitting import fit_recipe
from keras_sketch.workflows import run_pictures
from keras_sketch.workflows.from_recipe import build_network
from keras_sketch.workflows.recipe_choice import choose_recipe

DATA = dict(config="min10-distractors", split="image-60-20-20")
NAMES = [recipe.name for recipe in RECIPES]
# GAP and accuracy on the test, then on the training images.
TABLE = {
    "gldv2-resnet50": (0.012, 0.14, None, None),
    "gldv2-resnet50-gem": (0.04, 0.19, 0.2, 0.45),
    "gldv2-resnet50-gem-crops": (0.05, 0.25, 0.16, 0.36),
    "gldv2-delf-bottleneck": (0.1035, 0.30, None, None),
    "gldv2-two-towers": (None, None, 0.1249, 0.32),
}


@pytest.mark.parametrize("name", TABLE)
def test_a_row_of_the_table_is_its_recipe(name):
    recipe = all_recipes()[name]
    figures = dict(zip(("gap", "top1", "train.gap", "train.top1"), TABLE[name], strict=True))
    assert recipe.published.figures == {key: figure for key, figure in figures.items() if figure is not None}
    assert (recipe.config, recipe.split, recipe.image_size) == ("min250", "image", 128)
    assert recipe.batch_size == (256 if "delf" in name else 128)
    assert LOSSES[recipe.loss].activation == "sigmoid"
    (stage,) = recipe.stages
    assert (stage.optimizer, stage.schedule) == ("adam", "plateau")
    assert (stage.learning_rate, stage.final_rate) == (1e-3, 1e-5)
    assert (recipe.augmentation.crop != (1, 1)) == ("crops" in name)


def test_delf_is_trained_in_two_steps():
    descriptors, attention = all_recipes()["gldv2-delf"].stages
    assert (descriptors.train_from, descriptors.frozen) == ("all", ("attention",))
    assert (attention.train_from, attention.frozen) == ("attention", ())


def test_ours_is_the_default_and_has_what_the_project_wished_for():
    assert choose_recipe(None, "gldv2", {}) == OURS
    assert OURS.image_size > 128 and OURS.balance == "sampling" and OURS.dropout and OURS.label_smoothing
    assert LOSSES[OURS.loss].cosine and OURS.augmentation.crop[0] < 1 and OURS.split is None
    assert all(stage.weight_decay for stage in OURS.stages if stage.train_from == "all")


@pytest.fixture(scope="module")
def data(landmarks, prepared):
    return open_dataset("gldv2", **DATA, manual_dir=landmarks, data_dir=prepared, image_size=32)


def test_the_data_has_landmarks_and_photos_of_none(data):
    assert list(data.info.class_names) == ["140690", "7", "99"]
    assert set(data.splits) == {"train", "validation", "test", "distractors"}
    assert data.splits["distractors"].num_examples == 6
    assert sum(split.num_examples for split in data.splits.values()) == 96
    assert set(data.splits["distractors"].labels) == {-1}


@pytest.mark.parametrize(
    "name",
    ["gldv2-delf", *(pytest.param(name, marks=pytest.mark.slow) for name in ("gldv2", "gldv2-resnet50-gem-crops"))],
)
def test_a_small_network_learns_by_the_recipe(name, data, tmp_path):
    pooling = "attention" if "delf" in name else "gem"
    options = dict(weights="none", pooling=pooling)
    recipe = choose_recipe(name, None, options, model="doodle_resnet", batch_size=16, light_on_dark=False)
    recipe = replace(recipe, stages=tuple(replace(stage, epochs=2) for stage in recipe.stages))
    keras.utils.set_random_seed(0)
    network = build_network(recipe, data.info)
    rows = fit_recipe(network, recipe, data.splits["train"], data.splits["validation"],
                      tmp_path, {"class_names": data.info.class_names})  # fmt: skip
    assert rows[-1]["loss"] < rows[0]["loss"]
    if name == "gldv2-delf":
        # The best weights are of an epoch in which the attention was trained, however low the loss was before.
        assert [row.get("frozen") for row in rows[-3:]] == ["attention", None, None]
        assert np.any(keras.ops.convert_to_numpy(network.get_layer("attention_score").kernel))


def test_the_two_towers_want_the_file_of_one(landmarks, prepared, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingDataError, match="notop.h5. It is at https://github.com.*Give --weights vgg16=FILE"):
        train(recipe="gldv2-two-towers", manual_dir=str(landmarks), data_dir=str(prepared))


@pytest.mark.parametrize(("weights", "error"), [(None, MissingDataError), ("none", InvalidArgumentError)])
def test_the_bottleneck_says_where_its_features_come_from(landmarks, prepared, tmp_path, monkeypatch, weights, error):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match="first keras-sketch train --recipe gldv2-delf, then keras-sketch extract runs/g"):
        train(recipe="gldv2-delf-bottleneck", weights=weights, manual_dir=str(landmarks), data_dir=str(prepared))
    assert not (tmp_path / "runs").exists()


@pytest.fixture
def short(monkeypatch):
    """One epoch a stage, of which `--epochs` changes the last one's alone, and few of the passes for heat maps."""
    ones = [replace(each, stages=tuple(replace(stage, epochs=1) for stage in each.stages)) for each in RECIPES]
    monkeypatch.setattr(gldv2, "RECIPES", ones)
    monkeypatch.setattr(run_pictures, "_MEASURED_IMAGES", 2)
    monkeypatch.setattr(run_pictures, "_STEPS", 1)


def command(landmarks, prepared, home, name, **given):
    given = dict(weights="none", image_size=32, batch_size=16) | given
    places = dict(manual_dir=str(landmarks), data_dir=str(prepared), output_dir=str(home / name))
    return train(recipe=name, **DATA, **places, **given)


def check_report(run, name):
    metrics = json.loads((run / "metrics.json").read_text())
    assert 0 <= metrics["gap"] <= metrics["top1"] <= 1 and metrics["num_distractors"] == 6
    assert 0 <= metrics["train"]["gap"] <= metrics["train"]["top1"] <= 1
    report = (run / "report.md").read_text()
    for figure in TABLE.get(name, ()):
        assert figure is None or f"{100 * figure:.2f} %" in report
    with (run / "submission.csv").open() as file:
        answers = list(csv.DictReader(file))
    assert len(answers) == metrics["num_examples"] + 6
    assert {row["landmarks"].split()[0] for row in answers} <= {"140690", "7", "99"}


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if "delf" not in name])
@pytest.mark.usefixtures("short")
def test_a_recipe_trains_its_own_network_from_end_to_end(name, landmarks, prepared, tmp_path):
    check_report(command(landmarks, prepared, tmp_path, name), name)


@pytest.mark.slow
@pytest.mark.usefixtures("short")
def test_delf_goes_from_images_to_the_bottleneck(landmarks, prepared, tmp_path):
    from keras_sketch.workflows import extract

    run = command(landmarks, prepared, tmp_path, "gldv2-delf", image_size=64)
    check_report(run, "gldv2-delf")
    score = keras.saving.load_model(run / "model.keras").get_layer("attention_score")
    assert np.any(keras.ops.convert_to_numpy(score.kernel))
    places = dict(manual_dir=str(landmarks), data_dir=str(prepared))
    features = extract(str(run), "gldv2", **DATA, **places, image_size=64, output_dir=str(tmp_path / "features"))
    weights = str(features / "delf.weights.h5")
    name = "gldv2-delf-bottleneck"
    check_report(command(landmarks, prepared, tmp_path, name, weights=weights, image_size=64), name)
