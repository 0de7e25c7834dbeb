"""Every command and every piece of Python in the pages is run, on small data and for one epoch."""

import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

from keras_sketch import cli
from keras_sketch.drawing import draw_doodle
from keras_sketch.evaluation import figures
from keras_sketch.recipes import gldv2
from keras_sketch.workflows import evaluation_steps, export_run

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md")] + sorted((ROOT / "docs").glob("*.md"))


def blocks(pages, language):
    return [block for page in pages for block in re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.S)]


def commands(pages):
    return list(dict.fromkeys(line for block in blocks(pages, "sh") for line in block.splitlines()))


SMALL_NETWORK = ["--model", "sketch_cnn", "--weights", "none", "--image-size", "32"]
SMALL_LANDMARKS = ["--config", "min10-distractors", "--split", "image-60-20-20"]
SMALL_ATTENTION = ["--model", "doodle_resnet", "--pooling", "attention", "--weights", "none", "--image-size", "32"]
SMALL_SWEEP = "--optimizers adam --learning-rates 0.01 --decays 0 --batch-sizes 16 --trial-epochs 1 --epochs 1".split()
SMALL_RANDOM_SEARCH = "--draws 2 --batch-sizes 16 --trial-epochs 1 --epochs 1".split()


@pytest.fixture(scope="module")
def home(tmp_path_factory, landmarks):
    """A folder that has what a reader of the pages has."""
    folder = tmp_path_factory.mktemp("home")
    for kind in ("quickdraw", "downloads"):
        (folder / kind).mkdir()
    for name in ("cat", "dog", "fish"):
        shape = {"cat": "cat", "dog": "house", "fish": "fish"}[name]
        lines = [draw_doodle(shape, index).to_json().replace(f'"{shape}"', f'"{name}"', 1) for index in range(80)]
        for kind in ("quickdraw", "downloads"):
            (folder / kind / f"{name}.ndjson").write_text("\n".join(lines) + "\n")
        np.save(folder / "quickdraw" / f"{name}.npy", np.random.default_rng(0).integers(0, 255, (80, 784), "uint8"))
        (folder / "my_images" / name).mkdir(parents=True)
        for number in range(60):
            image = np.random.default_rng(number).integers(0, 255, (20, 30, 3), "uint8")
            cv2.imwrite(str(folder / "my_images" / name / f"{number}.png"), image)
    for name, wnid in {"bell": "n02824448", "cat": "n02121620"}.items():
        rendering = folder / "sketchy" / "256x256" / "sketch" / "tx_000000000000" / name
        rendering.mkdir(parents=True)
        for number in range(120):
            image = np.random.default_rng(number).integers(0, 255, (20, 20, 3), "uint8")
            cv2.imwrite(str(rendering / f"{wnid}_{number // 2}-{number % 2 + 1}.png"), image)
    (folder / "routes" / "tabby").mkdir(parents=True)
    dummy = ROOT / "tfds_builders" / "route_art" / "dummy_data" / "tabby"
    for name, copy in {"e.png": "shark_bay.png", "f.gpx": "walk.gpx"}.items():
        shutil.copy(dummy / name, folder / "routes" / "tabby" / copy)
    for name in ("imagenet_sketch", "geoguessr"):
        shutil.copytree(ROOT / "tfds_builders" / name / "dummy_data", folder / name)
    shutil.copytree(landmarks, folder / "gldv2")
    keras.applications.MobileNet((32, 32, 3), alpha=0.25, weights=None).save_weights(folder / "net.weights.h5")
    cv2.imwrite(str(folder / "drawing.png"), np.full((40, 40), 255, "uint8"))
    texture = cv2.resize(np.random.default_rng(0).integers(0, 256, (12, 12, 3), "uint8"), (96, 96))
    cv2.imwrite(str(folder / "tower.jpg"), texture)
    cv2.imwrite(str(folder / "tower_again.jpg"), texture[8:, 8:])
    return folder


@pytest.fixture
def quick(monkeypatch):
    """Leaves out of most runs what every run does whatever the command says, and what has tests of its own.

    All of it is done for two runs: `doodles`, and `geoguessr`, which has a map and heat maps of photos.
    """
    whole = {"doodles", "geoguessr", "served"}

    def for_some(module, name):
        original = getattr(module, name)

        def replacement(*arguments):
            folder = next(each for each in arguments if isinstance(each, Path))
            if whole & {folder.name, folder.parent.name}:
                original(*arguments)

        monkeypatch.setattr(module, name, replacement)

    for_some(evaluation_steps, "write_pictures")
    for_some(export_run, "_export")
    measured = []

    def measure_once(*arguments, original=evaluation_steps.measure_heat_maps):
        measured[:] = measured or [original(*arguments)]
        return measured[0]

    monkeypatch.setattr(evaluation_steps, "measure_heat_maps", measure_once)
    # `--epochs` is of the last stage alone.
    short = [replace(each, stages=tuple(replace(stage, epochs=1) for stage in each.stages)) for each in gldv2.RECIPES]
    monkeypatch.setattr(gldv2, "RECIPES", short)
    monkeypatch.setattr(figures, "DPI", 24)
    monkeypatch.setattr(keras.callbacks, "TensorBoard", lambda *_, **__: keras.callbacks.Callback())


def run(command, monkeypatch):
    words = shlex.split(command)
    front_door = words[:2] == ["python", "train.py"]
    arguments = words[2:] if front_door else words[1:]
    if front_door:
        arguments += ["--epochs", "1", "--batch-size", "16", "--data-dir", "data", "--resume"]
        if "--per-class" not in arguments:
            arguments += ["--per-class", "30"]
        if "quickdraw" in arguments and "--manual-dir" not in arguments:
            arguments += ["--manual-dir", "downloads"]
        if "gldv2-delf" in arguments:
            arguments += SMALL_ATTENTION
        elif {"sketchy", "imagenet_sketch", "geoguessr", "gldv2"} & {*arguments}:
            arguments += SMALL_NETWORK
        if "streets-doodles" in arguments:
            arguments += ["--classes", "cat,sun"]
    if arguments[:2] == ["evaluate", "densenet121"]:
        arguments[1] = "mobilenet_025"
        arguments += ["--weights", "net.weights.h5", "--image-size", "32", "--data-dir", "data"]
    if arguments == ["prepare", "doodles"]:
        arguments += ["--per-class", "30"]
    if arguments[0] == "find-lr":
        arguments += ["--per-class", "30", "--data-dir", "data", "--batch-size", "32", "--steps", "30"]
    if arguments[0] == "tune":
        small = SMALL_RANDOM_SEARCH if "random" in arguments else SMALL_SWEEP
        arguments += [*SMALL_NETWORK, *small, "--data-dir", "data"]
    if "--beam" in arguments and importlib.util.find_spec("apache_beam") is None:
        del arguments[arguments.index("--beam") :]
    if "gldv2" in arguments:
        arguments += SMALL_LANDMARKS
    if "geoguessr" in arguments:
        arguments += ["--config", "all"]
        if "--split" not in arguments:
            arguments += ["--split", "place-60-20-20"]
    monkeypatch.setattr(sys, "argv", [words[0], *arguments])
    (cli.train_main if front_door else cli.main)()


def run_all(pages, home, monkeypatch):
    """Runs what the pages hold, in the order in which it stands; returns the names that their Python made."""
    monkeypatch.chdir(home)
    monkeypatch.setenv("TFDS_DATA_DIR", str(home / "data"))
    for command in commands(pages):
        if command.startswith("make "):
            subprocess.run([*command.split(), "--dry-run"], cwd=ROOT, check=True, capture_output=True)
        else:
            run(command, monkeypatch)
    names = {}
    for block in blocks(pages, "python"):
        exec(block, names)  # noqa: S102
    return names


def finished_runs(home):
    return {path.parent.name for path in home.glob("runs/*/report.md")}


def test_what_the_readme_says_runs(home, quick, monkeypatch):
    names = run_all(PAGES[:1], home, monkeypatch)
    assert finished_runs(home) >= {"doodles", "quickdraw", "bitmaps", "folder", "sketchy", "gldv2"}
    assert (home / "served" / "saved_model.pb").is_file()
    assert names["heat"].shape == (32, 28, 28)
    assert names["answer"]["labels"].shape == (1, 5)
    assert names["pixels"].shape == (1, 28, 28)
    assert len(names["drawings"]) == 80


@pytest.mark.slow
def test_what_all_pages_say_runs(home, quick, monkeypatch):
    names = run_all(PAGES, home, monkeypatch)
    assert finished_runs(home) >= {
        *("sketchy-resnet50", "tune-sketchy-cnn", "imagenet_sketch", "geoguessr", "geoguessr-view"),
        *("gldv2", "gldv2-delf", "gldv2-delf-bottleneck"),
    }
    assert (home / "retrievals" / "gldv2-delf-on-gldv2" / "report.md").is_file()
    assert names["gap"] == pytest.approx((1 + 2 / 3) / 3)
    of_nothing_known = float(names["loss"](np.array([0]), np.zeros((1, 3))))
    assert of_nothing_known == pytest.approx(np.log(3) + 2.5 * (1.53 + 0.13) / 3, abs=0.01)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([\w./-]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_makefile_has_the_targets_that_the_pages_name():
    named = {target for page in PAGES for target in re.findall(r"`make ([a-z-]+)`", page.read_text())}
    makefile = (ROOT / "Makefile").read_text()
    assert named and all(re.search(rf"^{target}:", makefile, re.M) for target in named)
