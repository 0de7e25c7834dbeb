import dataclasses

import pytest

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.recipes import Published, all_recipes, check_recipe

RECIPE = all_recipes()["sketchy"]


def last_stage(**changes):
    return {"stages": (*RECIPE.stages[:-1], dataclasses.replace(RECIPE.stages[-1], **changes))}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stages": ()}, "stages"),
        (last_stage(epochs=0), "epochs"),
        (last_stage(learning_rate=0.0), "learning_rate"),
        (last_stage(learning_rate=float("nan")), "learning_rate"),
        (last_stage(group_rates=(0.1, 0.0, 1.0)), "group_rates.*positive numbers"),
        (last_stage(group_rates=(float("inf"),)), "group_rates"),
        (last_stage(norm_momentum=1.0), "norm_momentum.*below 1"),
        (last_stage(start_divisor=0.5), "start_divisor.*at least 1"),
        (last_stage(plateau=0), "plateau.*at least 1 epoch"),
        (last_stage(final_rate=1.0), "final_rate.*not above the rate"),
        ({"pooling": "max"}, "pooling.*one of avg, gem, gem_channels, attention"),
        ({"bottleneck": -1}, "bottleneck"),
        ({"dropout": 1.0}, "dropout.*below 1"),
        ({"margin": float("nan")}, "margin.*at least 0"),
        ({"scale": 0.0}, "scale.*positive"),
        ({"head": "old"}, "head.*one of new, pretrained"),
        ({"head": "pretrained", "weights": None}, "head.*new where the weights are random"),
        ({"batch_size": 0}, "batch_size"),
        ({"image_size": -1}, "image_size"),
        ({"per_class": 0}, "per_class"),
        ({"patience": -1}, "patience"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**32}, "seed"),
        ({"label_smoothing": 5.0}, "label_smoothing"),
        ({"alpha": -1.0}, "alpha.*at least 0"),
        ({"alpha": float("nan")}, "alpha.*at least 0"),
        ({"tau": 0.0}, "tau.*positive"),
        ({"balance": "even"}, "balance.*one of none, weights, sampling"),
        (last_stage(feature_views=-1), "feature_views"),
        ({"classes": ("cat", "cat")}, "at least two names"),
        ({"published": Published("paper", {"top1": 35.4})}, "published figure top1"),
    ],
)
def test_what_cannot_be_is_refused(changes, message):
    with pytest.raises(InvalidArgumentError, match=message):
        check_recipe(dataclasses.replace(RECIPE, **changes))
