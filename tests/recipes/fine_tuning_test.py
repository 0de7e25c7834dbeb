"""fast.ai's `fine_tune`, from its published source by hand, against what a real `fit` does."""

import math

import keras
import numpy as np
import pytest

from keras_sketch import build_classifier
from keras_sketch.errors import InvalidArgumentError
from keras_sketch.models import norm_layers
from keras_sketch.recipes import Recipe, check_recipe, fine_tune
from keras_sketch.training import recorder as recorder_module
from keras_sketch.training.fitting import fit_recipe
from keras_sketch.training.history import read_history

EPOCHS, BATCH = 2, 16
GROUPS = {"stem": 0, "half": 0, "quarter": 1, "eighth": 1, "logits": 2}


@pytest.fixture(scope="module")
def run(dataset, tmp_path_factory):
    """A fit of a small residual network, with what its optimizer had before each step, and weights after epochs."""
    steps, norm_momenta, weights, folder = [], set(), [], tmp_path_factory.mktemp("fine_tune")

    def on_train_batch_begin(self, batch, logs=None):
        optimizer, rates = self.model.optimizer, {}
        for variable, factor in zip(self.model.trainable_variables, optimizer.rates, strict=True):
            rates.setdefault(GROUPS[variable.path.split("_")[0].split("/")[0]], set()).add(factor)
        rate = float(optimizer.learning_rate)
        momentum = float(optimizer.momentum(optimizer.iterations))
        norm_momenta.update(layer.momentum for layer in norm_layers(self.model))
        steps.append(([[rate * factor for factor in rates[group]] for group in range(3)], momentum))

    def on_epoch_end(self, epoch, logs=None, original=recorder_module.Recorder.on_epoch_end):
        weights.append({each.path: each.numpy() for each in self.model.weights})
        original(self, epoch, logs)

    keras.utils.set_random_seed(3)
    model = build_classifier("doodle_resnet", 3)
    weights.append({each.path: each.numpy() for each in model.weights})
    for layer in norm_layers(model):
        layer.momentum = 0.99
    recipe = Recipe("t", "", "quickdraw", "doodle_resnet", fine_tune(EPOCHS), batch_size=BATCH)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recorder_module.Recorder, "on_train_batch_begin", on_train_batch_begin)
        patch.setattr(recorder_module.Recorder, "on_epoch_end", on_epoch_end)
        fit_recipe(model, recipe, dataset.splits["train"], dataset.splits["validation"], folder, {"class_names": []})
    assert norm_momenta == {0.9}
    return model, steps, weights, read_history(folder / "history.csv"), dataset.splits["train"].steps(BATCH)


def cosine(start, end, position):
    return start + (1 + math.cos(math.pi * (1 - position))) * (end - start) / 2


def one_cycle(position, rate, share, divisor):
    if position < share:
        return cosine(rate / divisor, rate, position / share)
    return cosine(rate, rate / 1e5, (position - share) / (1 - share))


def published_rates(step, steps_per_epoch):
    """Every group's rate before a step, `slice`s written out: first the head, `slice(lr)`, then everything."""
    if step < steps_per_epoch:
        return [one_cycle(step / steps_per_epoch, rate, 0.99, 25) for rate in (2e-4, 2e-4, 2e-3)]
    position = (step - steps_per_epoch) / (EPOCHS * steps_per_epoch)
    return [one_cycle(position, rate, 0.3, 5) for rate in (1e-5, 1e-4, 1e-3)]


def published_momentum(step, steps_per_epoch):
    frozen = step < steps_per_epoch
    share = 0.99 if frozen else 0.3
    position = step / steps_per_epoch if frozen else (step - steps_per_epoch) / (EPOCHS * steps_per_epoch)
    if position < share:
        return cosine(0.95, 0.85, position / share)
    return cosine(0.85, 0.95, (position - share) / (1 - share))


def test_every_step_has_the_published_rates_and_momentum(run):
    _, steps, _, _, steps_per_epoch = run
    assert len(steps) == (1 + EPOCHS) * steps_per_epoch
    for step, (groups, momentum) in enumerate(steps):
        # One rate a group.
        found = np.concatenate(groups)
        np.testing.assert_allclose(found, published_rates(step, steps_per_epoch), rtol=3e-5)
        assert momentum == pytest.approx(published_momentum(step, steps_per_epoch), rel=1e-6)


def test_the_history_holds_every_group_s_rate(run):
    *_, rows, steps_per_epoch = run
    assert [row["stage"] for row in rows] == ["head", "fine-tune", "fine-tune"]
    end_of_head = [2e-9, 2e-9, 2e-8]
    expected = [end_of_head, published_rates(2 * steps_per_epoch, steps_per_epoch), [1e-10, 1e-9, 1e-8]]
    found = [[row[f"learning_rate_{group}"] for group in (1, 2, 3)] for row in rows]
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert [row["learning_rate"] for row in rows] == [row["learning_rate_3"] for row in rows]


def test_the_frozen_epoch_leaves_all_but_normalization_bit_for_bit(run):
    model, _, (start, frozen, *_, end), *_ = run
    norms = {layer.name for layer in norm_layers(model)}
    assert len(norms) > 4
    changed = {path for path in start if (start[path] != frozen[path]).any()}
    expected = {path for path in start if path.split("/")[0] in norms | {"logits"}}
    assert changed == expected
    assert {path for path in start if (frozen[path] != end[path]).any()} == set(start)


def test_groups_and_span_are_free():
    frozen, unfrozen = fine_tune(4, 1e-2, frozen_epochs=3, groups=5, span=16)
    assert (frozen.epochs, frozen.learning_rate, unfrozen.epochs, unfrozen.learning_rate) == (3, 1e-2, 4, 5e-3)
    assert frozen.group_rates == (0.1, 0.1, 0.1, 0.1, 1.0)
    assert unfrozen.group_rates == pytest.approx((1 / 16, 1 / 8, 1 / 4, 1 / 2, 1))
    check_recipe(Recipe("t", "", "folder", "resnet50", (frozen, unfrozen)))
    with pytest.raises(InvalidArgumentError, match="`groups` must be at least 2"):
        fine_tune(4, groups=1)
