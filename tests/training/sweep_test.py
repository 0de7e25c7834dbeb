import dataclasses
import math

import pytest

from keras_sketch.recipes import Recipe, Stage
from keras_sketch.training.sweep import STEPS, Setting, Sweep, plan

RECIPE = Recipe(
    "tiny", "", "doodles", "quickdraw_cnn", (Stage(2, 5e-4, train_from="head"), Stage(80, 1e-3, "rmsprop", decay=1e-4))
)
SWEEP = Sweep(("adam", "sgd"), (1e-3, 1e-2), (0.0, 1e-4), (64,), trial_epochs=6)


def run(losses_of, recipe=RECIPE, sweep=SWEEP):
    """Trains, with invented losses, whatever the plan lacks; returns settings in order, and the plan at the end."""
    losses = {}
    while True:
        steps = plan(sweep, recipe, losses)
        left = [each for step in steps if step.best is None for each in step.candidates if each not in losses]
        if not left:
            return list(losses), steps
        losses[left[0]] = losses_of(left[0])


def test_what_is_ready_is_what_the_plan_lacks():
    order, _ = run(lambda setting: 1.0)
    losses = {}
    for setting in order:
        assert SWEEP.ready(RECIPE, losses)[0] == setting
        losses[setting] = 1.0
    assert not SWEEP.ready(RECIPE, losses) and list(SWEEP.laid_out(RECIPE, losses)) == order
    assert not SWEEP.ready(RECIPE, dict.fromkeys(order, math.inf))


def test_the_default_sweep_is_the_paper_s():
    assert (Sweep().optimizers, Sweep().trial_epochs) == (("adam", "rmsprop", "sgd"), 6)
    assert STEPS == ("optimizer", "learning rate", "batch size", "epochs")


def test_each_step_starts_from_what_the_one_before_found():
    target = Setting("sgd", 1e-2, 1e-4, 64, 80)

    def distance(setting):
        return sum(getattr(setting, name) != getattr(target, name) for name in ("optimizer", "learning_rate")) + sum(
            getattr(setting, name) != getattr(target, name) for name in ("decay", "batch_size")
        )

    order, steps = run(distance)
    assert [step.best for step in steps] == [
        Setting("sgd", 1e-2, 0.0, 128, 6),
        Setting("sgd", 1e-2, 1e-4, 128, 6),
        Setting("sgd", 1e-2, 1e-4, 64, 6),
        target,
    ]
    assert order == [
        Setting("adam", 1e-3, 0.0, 128, 6),
        Setting("sgd", 1e-2, 0.0, 128, 6),
        Setting("sgd", 1e-3, 0.0, 128, 6),
        Setting("sgd", 1e-3, 1e-4, 128, 6),
        Setting("sgd", 1e-2, 1e-4, 128, 6),
        Setting("sgd", 1e-2, 1e-4, 64, 6),
        target,
    ]


def test_what_was_found_stays_unless_something_is_better():
    """The recipe's rate is in no grid, and competes all the same."""
    recipe = RECIPE.with_changes(learning_rate=2e-3)
    losses = {2e-3: 0.5}
    order, steps = run(lambda setting: losses.get(setting.learning_rate, 1.0), recipe)
    assert {step.best.learning_rate for step in steps} == {2e-3}
    assert len(order) == len(set(order))


def test_the_total_is_known_before_anything_is_trained():
    ahead = {setting for step in plan(SWEEP, RECIPE, {}) for setting in step.candidates}
    order, _ = run(lambda setting: 1.0)
    assert len(ahead) == len(order)


def test_failed_trials_lose():
    _, steps = run(lambda setting: math.inf if setting.optimizer == "adam" else 1.0)
    assert steps[-1].best.optimizer == "sgd"


def test_a_setting_changes_the_last_stage():
    changed = Setting("adam", 2e-3, 1e-3, 32, 4).change(RECIPE)
    first, last = changed.stages
    assert last == Stage(4, 2e-3, "adam", "inverse_time", decay=1e-3)
    assert first.learning_rate == pytest.approx(1e-3) and first.train_from == "head"
    assert (changed.batch_size, changed.name) == (32, "tiny")


def test_names_differ_where_settings_do():
    setting = Setting("adam", 1e-3, 0.0, 32, 4)
    changes = [{}, {"learning_rate": 1.0000001e-3}, {"decay": 1e-9}, {"batch_size": 33}, {"epochs": 5}]
    names = {dataclasses.replace(setting, **change).name for change in changes}
    assert len(names) == len(changes)
    assert dataclasses.replace(setting, epochs=1).describe().endswith("batch 32, 1 epoch")
