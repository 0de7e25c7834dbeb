import csv

import pytest

pytest.importorskip("keras_tuner")

from keras_sketch.errors import DivergedError
from keras_sketch.recipes import Recipe, Stage, read_recipe
from keras_sketch.training.history import write_history
from keras_sketch.training.random_search import RandomSearch, Range
from keras_sketch.training.trial_ledger import Ledger
from keras_sketch.training.tuning import conclude, search
from keras_sketch.workflows.random_outcome import write_random_outcome

RECIPE = Recipe("tiny", "", "geoguessr", "quickdraw_cnn", (Stage(40, 1e-3),), loss="haversine", seed=3)
SEARCH = RandomSearch(draws=12, trial_epochs=2)


def written(folder, plan=SEARCH, stage="train"):
    """Writes the outcome of a search in which small batches and alphas are best, and huge rates fail."""

    def fit(recipe, place):
        if recipe.stages[-1].learning_rate > 5e-3:
            raise DivergedError("nan")
        top1 = 1 / (1 + recipe.batch_size / 100 + recipe.alpha)
        row = dict(
            loss=recipe.alpha, top1=top1, val_loss=recipe.alpha, val_top1=top1, val_distance_km=9000 * (1 - top1)
        )
        rows = [{"epoch": epoch, "stage": stage, **row} for epoch in (1, 2)]
        write_history(place / "history.csv", rows)
        return rows

    ledger = Ledger(plan, RECIPE, folder)
    search(ledger, fit)
    write_random_outcome(conclude(ledger), ledger, "python train.py")
    return (folder / "report.md").read_text()


def test_the_best_draw_becomes_a_recipe_and_all_of_them_a_table(tmp_path, capsys):
    text = written(tmp_path)
    with (tmp_path / "tuning.csv").open() as file:
        rows = list(csv.DictReader(file))
    best = max((row for row in rows if not row["failure"]), key=lambda row: float(row["val_top1"]))
    recipe = read_recipe(tmp_path / "best_recipe.json")
    assert (recipe.batch_size, recipe.alpha) == (int(best["batch_size"]), float(best["alpha"]))
    assert [(stage.epochs, stage.weight_decay) for stage in recipe.stages] == [(40, float(best["weight_decay"]))]
    assert [int(row["trial"]) for row in rows] == list(range(1, 13))
    assert {float(row["learning_rate"]) for row in rows if row["failure"]} == {1e-2}
    assert all(name in text for name in ("(parallel.png)", "(marginals.png)", "(curves.png)", "distance (km)"))
    assert "12 draws, each from seed 3" in text and "between −0.65 and 0.65" in text.replace("\\", "")
    assert "alpha" in capsys.readouterr().out.splitlines()[-3]
    assert "The best epoch is one of the stage" not in text


def test_a_best_epoch_before_the_stage_that_was_searched_is_told(tmp_path):
    plan = RandomSearch(2, (16,), (1e-3, 1e-4), (0.0,), (0.0,), 2)
    assert "The best epoch is one of the stage head: train, whose values were drawn" in written(tmp_path, plan, "head")


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (RandomSearch(4, (16, 32), (1e-3,), (1.0, 2.0), (0.0,), 2), {"batch size", "alpha"}),
        (RandomSearch(4, Range(16, 16), (1e-3,), (0.0,), (0.0,), 2), set()),
    ],
    ids=["at the edge", "nothing to look for"],
)
def test_the_report_says_where_to_look_further(tmp_path, plan, said):
    text = written(tmp_path, plan)
    found = {name for name in ("batch size", "learning rate", "alpha") if f"The best {name} is the smallest" in text}
    assert found == said
    assert ("repeated another one" in text) == (len(set(plan.laid_out(RECIPE, {}))) < 4)
