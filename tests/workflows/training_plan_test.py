import subprocess
import sys
import types

from keras_sketch.recipes import all_recipes, find_recipe
from keras_sketch.workflows.run_folder import RunFolder
from keras_sketch.workflows.training_plan import print_plan

INFO = types.SimpleNamespace(
    class_names=["7", "99"], image_shape=(32, 32, 3), num_examples={"train": 80, "distractors": 6}, bad_examples=0
)
NETWORK = types.SimpleNamespace(count_params=lambda: 1234)


def plan(recipe, folder, capsys, arithmetic="float32, no XLA"):
    print_plan(recipe, INFO, NETWORK, None, arithmetic, RunFolder(folder))
    return capsys.readouterr().out


def test_the_plan_says_what_the_recipe_does(capsys, tmp_path):
    for name, texts in {
        "gldv2": ("Head: dropout 0.2", "arcface (margin 0.3, scale 30, label smoothing 0.1)", "6 distractors"),
        "gldv2-delf": ("descriptors, 20 epochs, adam at 0.0001, plateau down to 1e-05, attention frozen",),
        "gldv2-delf-bottleneck": ("Head: a bottleneck of 512 units, dropout 0.5", "binary cross entropy, seed 0"),
    }.items():
        out = plan(all_recipes()[name].with_changes(pooling="gem" if name == "gldv2-delf" else None), tmp_path, capsys)
        assert all(text in out for text in texts), out
        assert ("Head: gem pooling" in out) == (name == "gldv2-delf")


def test_it_names_the_device_and_the_arithmetic(capsys, tmp_path):
    lines = plan(find_recipe(None, "doodles"), tmp_path, capsys, "mixed_bfloat16, XLA").splitlines()
    (devices,) = (line for line in lines if line.startswith("Devices: "))
    assert devices.endswith("; mixed_bfloat16, XLA") and devices.split()[1] == "1"
    assert not any(line.startswith("Rates") for line in lines)


def test_it_names_the_rule_that_changed_the_rates_and_by_how_much(capsys, tmp_path):
    recipe = find_recipe(None, "doodles").with_changes(batch_size=32, rate_scaling="sqrt")
    out = plan(recipe, tmp_path, capsys)
    assert "Rates: 0.5 times the recipe's, by the rule sqrt (batch 32, not 128)" in out
    assert "adamw at 0.001" in out
    assert "Rates" not in plan(recipe.with_changes(learning_rate=1.0), tmp_path, capsys)


TWO = """
import types
from keras_sketch.training.distribution import make_strategy
strategy = make_strategy(2)
from keras_sketch.recipes import find_recipe
from keras_sketch.workflows.run_folder import RunFolder
from keras_sketch.workflows.training_plan import print_plan
info = types.SimpleNamespace(class_names=["a"], image_shape=(28, 28, 1), num_examples={"train": 8}, bad_examples=0)
network = types.SimpleNamespace(count_params=lambda: 1)
print_plan(find_recipe(None, "doodles"), info, network, strategy, "float32, no XLA", RunFolder("there"))
"""


def test_it_says_what_each_of_several_devices_gets():
    done = subprocess.run([sys.executable, "-c", TWO], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "\nDevices: 2 logical CPUs, 64 of a batch of 128 on each; float32, no XLA\n" in done.stdout
