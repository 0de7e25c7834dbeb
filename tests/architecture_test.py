"""The house's rules: imports point one way, nothing is too long, importing is light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted(
    file
    for file in [*ROOT.glob("keras_sketch/**/*.py"), *ROOT.glob("tfds_builders/**/*.py"), ROOT / "train.py"]
    if not file.name.endswith("_test.py")
)
# Lower may not import higher; parts of one layer may not import each other.
LAYERS = [
    {"errors", "files"},
    {"recipes", "drawing", "curation"},
    {"data", "models", "losses", "metrics"},
    {"training", "evaluation", "explain", "exporting", "local_features"},
    {"workflows"},
    {"cli"},
    {"train.py"},
]
LEVEL = {part: level for level, parts in enumerate(LAYERS) for part in parts}
HEAVY = {"tensorflow", "keras", "tensorflow_datasets", "cv2", "matplotlib", "sklearn", "scipy", "numba"}


def part_of(file):
    relative = file.relative_to(ROOT)
    return relative.parts[0] if relative.parts[0] != "keras_sketch" else Path(relative.parts[1]).stem


def imported_names(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ({f"{node.module}.{alias.name}" for alias in node.names})


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_point_one_way(file):
    part = part_of(file)
    for name in imported_names(ast.parse(file.read_text())):
        if name.startswith("tfds_builders"):
            assert part in ("data", "tfds_builders"), f"only keras_sketch/data may import {name}"
        if not name.startswith("keras_sketch.") or part == "__init__":
            continue
        other = name.split(".")[1]
        if part == "tfds_builders":
            assert other in ("drawing", "curation", "errors", "files"), name
        elif other in LEVEL and other != part:
            assert LEVEL[other] < LEVEL[part] or (part == "files" and other == "errors"), f"{part} imports {name}"


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_files_and_functions_are_short(file):
    text = file.read_text()
    assert text.count("\n") <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 60, f"{node.name} is too long"


def run_python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout


def test_importing_the_package_loads_nothing_heavy():
    code = "import keras_sketch, keras_sketch.cli, keras_sketch.workflows, sys; print(*sys.modules)"
    loaded = {name.split(".")[0] for name in run_python(code).split()}
    assert not loaded & HEAVY


@pytest.mark.parametrize("arguments", [["list"], ["--help"], ["train", "--help"]])
def test_listing_and_help_load_nothing_heavy(arguments):
    code = f"""
import sys
sys.argv = ["keras-sketch", *{arguments!r}]
from keras_sketch.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code
print("MODULES", *sys.modules)
"""
    loaded = {name.split(".")[0] for name in run_python(code).split("MODULES")[1].split()}
    assert not loaded & HEAVY


def test_every_public_name_exists():
    import keras_sketch

    for name in keras_sketch.__all__:
        assert callable(getattr(keras_sketch, name))


def test_nothing_asserts_outside_tests():
    for file in SOURCES:
        tree = ast.parse(file.read_text())
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.Assert)], file
